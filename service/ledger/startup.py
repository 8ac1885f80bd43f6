"""The checks before anything is served or signed: our keys, our log, and the newest state of it.

1. The genesis entry names our origin and commits to our subject key secret; its key, or the one it gave way
   to by the log's own entries, is ours. (Which of our signing keys is taken up is for those entries to say.)
2. The head's checkpoint is signed by us over exactly this size and root, and is kept under that size.
3. No entry stands beyond the head, and the head's frontier and the stored hashes both lead to its root.
4. The last entries hash to their leaf hashes and link to each other; the last one is the head's epoch.
5. The log extends the high-water mark: not shorter, the same root at that size, the same note kept for it.

A full replay (`consent-ledger audit`) checks everything; these checks read about a thousand entries,
whatever the log's size.
"""

from service.core.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from service.core.entries import EpochEntry, GenesisEntry, decode_entry
from service.core.errors import ForkError, ProofError, UnavailableError
from service.core.merkle import Frontier, hash_leaf, plan_root, root_from
from service.core.notes import parse_note
from service.core.records import ZERO_HASH, secret_commitment
from service.ledger.key_following import open_signed, read_history
from service.ledger.keys import LedgerKeys
from service.ledger.ports import EntryRow, Head, HighWaterMark, Snapshot, Store

TAIL_ENTRIES = 1_000

_STOPPED = "Nothing was signed."
_ALTERED = f"The database was altered or damaged: restore it, and run `consent-ledger audit`. {_STOPPED}"
_OTHER_KEYS = f"Bring this database together with its own data directory (keys, mark). {_STOPPED}"


async def check_start(store: Store, keys: LedgerKeys, mark: HighWaterMark) -> Head:
    """Return the head of a log that may be continued, or refuse.

    The log must exist (`genesis.begin`). Raises `ForkError` with a sentence that says what was found and what
    to do, and `UnavailableError` when it cannot be read.
    """
    # Read before the snapshot: what other processes sign meanwhile can only make the log longer.
    held = mark.read()
    async with store.snapshot() as snapshot:
        head = await snapshot.head()
        await _check_genesis(snapshot, keys)
        await _take_up_key(snapshot, keys)
        await _check_head(snapshot, head, keys)
        await _check_tail(snapshot, head)
        if held is not None:
            await _check_mark(snapshot, head, _open_mark(held, keys, head), keys)
        elif head.epoch_no > 0:
            # A crash between the first COMMIT and the first mark leaves genesis alone, which needs no mark.
            raise ForkError(
                f"the high-water mark is missing, so nobody can tell whether these {head.size} entries are"
                " all that was signed. Put the file back; where that is impossible and this is certainly the"
                f" newest state, run `consent-ledger audit --write-mark`. {_STOPPED}"
            )
    return head


async def _check_genesis(snapshot: Snapshot, keys: LedgerKeys) -> None:
    first = await _entries(snapshot, 0, 1)
    genesis = decode_entry(first[0].entry)
    if not isinstance(genesis, GenesisEntry):
        raise ForkError(f"entry 0 is not a genesis entry. {_ALTERED}")
    if genesis.origin != keys.origin:
        raise ForkError(f"this log is {genesis.origin}, and the keys are of {keys.origin}. {_OTHER_KEYS}")
    if genesis.secret_commitment != secret_commitment(keys.subject_key_secret):
        raise ForkError(f"this log was begun under another subject key. {_OTHER_KEYS}")


async def _take_up_key(snapshot: Snapshot, keys: LedgerKeys) -> None:
    try:
        history = await read_history(snapshot)
    except ForkError as error:
        raise ForkError(f"{error}. {_ALTERED}") from error
    try:
        keys.take_up(history)
    except UnavailableError as error:
        if keys.signer.verifier in history.keys:
            raise
        raise ForkError(f"this log was begun under another signing key. {_OTHER_KEYS}") from error


async def _check_head(snapshot: Snapshot, head: Head, keys: LedgerKeys) -> None:
    if _open(head.checkpoint, keys, "the newest checkpoint") != Checkpoint(keys.origin, head.size, head.root):
        raise ForkError(f"the head of {head.size} entries is not the one that was signed. {_ALTERED}")
    if await snapshot.checkpoint(head.size) != head.checkpoint:
        raise ForkError(f"the newest checkpoint is not kept among the signed ones. {_ALTERED}")
    if await snapshot.entries(head.size, head.size + 1):
        raise ForkError(f"entries stand beyond the head at {head.size}: it was set back. {_ALTERED}")
    try:
        frontier = Frontier.from_bytes(head.frontier)
    except ProofError as error:
        raise ForkError(f"the head's frontier is garbled. {_ALTERED}") from error
    if frontier.size != head.size or frontier.root() != head.root:
        raise ForkError(f"the head's frontier does not lead to its root. {_ALTERED}")
    if await _root_at(snapshot, head.size) != head.root:
        raise ForkError(f"the stored hashes do not lead to the root of {head.size} entries. {_ALTERED}")


async def _check_tail(snapshot: Snapshot, head: Head) -> None:
    start = max(0, head.size - TAIL_ENTRIES)
    rows = await _entries(snapshot, max(0, start - 1), head.size)
    # Before a tail that does not begin at genesis, one row only serves as the link of the next.
    previous = rows.pop(0).leaf_hash if start else ZERO_HASH
    for row in rows:
        if hash_leaf(row.entry) != row.leaf_hash:
            raise ForkError(f"entry {row.index} does not hash to its leaf. {_ALTERED}")
        if decode_entry(row.entry).prev_leaf_hash != previous:
            raise ForkError(f"entry {row.index} does not follow entry {row.index - 1}. {_ALTERED}")
        previous = row.leaf_hash
    if previous != head.last_leaf_hash:
        raise ForkError(f"the head names another last leaf. {_ALTERED}")
    _check_epoch(rows[-1], head)


def _check_epoch(last: EntryRow, head: Head) -> None:
    epoch = decode_entry(last.entry)
    if not isinstance(epoch, EpochEntry) or last.index != head.epoch_index:
        raise ForkError(f"the log does not end in the head's epoch. {_ALTERED}")
    said = (epoch.epoch_no, epoch.recorded_at_ms, epoch.subject_count, epoch.map_root, epoch.rulebook_hash)
    held = (head.epoch_no, head.recorded_at_ms, head.subject_count, head.map_root, head.rulebook_hash)
    if said != held:
        raise ForkError(f"the head says something else than the epoch it ends in. {_ALTERED}")


async def _check_mark(snapshot: Snapshot, head: Head, mark: Checkpoint, keys: LedgerKeys) -> None:
    if head.size < mark.size:
        raise ForkError(
            f"the database holds {head.size} entries, and a checkpoint over {mark.size} was signed: it is an"
            f" older state (a restored backup, a lost replica). Roll it forward with the WAL written since,"
            f" or bring the newer server back: docs/operations.md, Restore. {_STOPPED}"
        )
    if await _root_at(snapshot, mark.size) != mark.root:
        raise ForkError(
            f"the first {mark.size} entries are not those that were signed: another history stands in this"
            f" database. Bring the signed one back. {_STOPPED}"
        )
    note = await snapshot.checkpoint(mark.size)
    if note is None or _open(note, keys, f"the checkpoint of size {mark.size}") != mark:
        raise ForkError(f"the checkpoint that was signed for size {mark.size} is not kept. {_ALTERED}")


async def _entries(snapshot: Snapshot, start: int, stop: int) -> list[EntryRow]:
    rows = await snapshot.entries(start, stop)
    if [row.index for row in rows] != list(range(start, stop)):
        missing = sorted(set(range(start, stop)) - {row.index for row in rows})
        raise ForkError(f"entry {missing[0]} is missing. {_ALTERED}")
    for row in rows:
        try:
            decode_entry(row.entry)
        except ProofError as error:
            raise ForkError(f"entry {row.index} is garbled. {_ALTERED}") from error
    return rows


async def _root_at(snapshot: Snapshot, size: int) -> bytes | None:
    """The root over the first `size` entries by the stored hashes; None where some are missing."""
    try:
        return root_from(size, await snapshot.hashes(plan_root(size)))
    except ProofError:
        return None


def _open(note: bytes, keys: LedgerKeys, what: str) -> Checkpoint:
    try:
        return open_signed(note, keys)
    except ProofError as error:
        raise ForkError(f"{what} is not signed by this ledger ({error}). {_ALTERED}") from error


def _open_mark(note: bytes, keys: LedgerKeys, head: Head) -> Checkpoint:
    """The high-water mark; one beyond this log may be signed by a key that this log does not name yet."""
    try:
        if parse_checkpoint(parse_note(note).text).size <= head.size:
            return open_signed(note, keys)
        own = {keys.history.current, *(signer.verifier for signer in keys.held())}
        return open_checkpoint(note, keys.origin, list(own))[0]
    except ProofError as error:
        raise ForkError(
            f"the high-water mark is not signed by this ledger ({error}). {_OTHER_KEYS}"
        ) from error
