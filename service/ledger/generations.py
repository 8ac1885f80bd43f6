"""A log that goes on where another could not: its key was lost, or its newest state.

The old log is frozen; what it signed verifies for ever. The new one, of the next generation, names it by the
newest checkpoint that is known of it. No event of the old becomes one of the new by that.
"""

import re

from service.core.checkpoint import Checkpoint, open_checkpoint
from service.core.entries import encode_succession
from service.core.errors import ForkError, InputError, ProofError
from service.core.notes import Verifier
from service.core.succession import previous_log_entry
from service.ledger.appending.epoch import Epoch
from service.ledger.key_following import follow, open_signed
from service.ledger.keys import LedgerKeys, Sealer
from service.ledger.ports import Head, HighWaterMark, Store

_GENERATION = re.compile(r"(.+/)([1-9][0-9]{0,8})")


def next_origin(note: bytes, key: Verifier) -> str:
    """The origin of the log after this one. Raises `InputError` where the key has not signed this."""
    try:
        origin = open_checkpoint(note, key.name, [key])[0].origin
    except ProofError as error:
        raise InputError(f"the checkpoint of the log before is not signed by this key: {error}") from None
    found = _GENERATION.fullmatch(origin)
    if found is None:
        raise InputError("the log before has no generation in its name")
    return f"{found[1]}{int(found[2]) + 1}"


async def link_previous(
    store: Store,
    keys: LedgerKeys,
    sealer: Sealer,
    mark: HighWaterMark,
    *,
    previous: tuple[bytes, Verifier],
    now_ms: int,
) -> Head:
    """Name the log before this one, by its checkpoint and key, in an epoch of its own. Raises `ForkError`."""
    note, key = previous
    async with store.transaction() as transaction:
        head = await transaction.lock_head()
        if head is None:
            raise ForkError("the ledger has no head row: it was never created here")
        await follow(keys, transaction, head)
        if open_signed(head.checkpoint, keys) != Checkpoint(keys.origin, head.size, head.root):
            raise ForkError("the head is not the one that was signed")
        epoch = Epoch(keys, sealer, head, now_ms, head.rulebook_hash)
        epoch.anchor_hash = transaction.anchor_hash
        entry = previous_log_entry(epoch.last_leaf_hash, epoch.recorded_at_ms, note=note, key=key)
        epoch.append_entry(encode_succession(entry))
        batch = epoch.close(head.map_root, {})
        await transaction.write(batch)
    await mark.advance(batch.head.size, batch.head.checkpoint)
    return batch.head
