"""The beginning of a ledger: genesis, first rulebook, first epoch and checkpoint, in one transaction."""

from collections.abc import Mapping

from service.core.entries import HASH_SUITE, GenesisEntry, encode_genesis
from service.core.errors import ForkError
from service.core.law.rulebook import default_rulebook, rulebook_bytes
from service.core.prefix_map import EMPTY_STRATUM, update
from service.core.records import ZERO_HASH, secret_commitment
from service.ledger.addresses import CANONICALISER_VERSION
from service.ledger.appending.admission import Admission, PendingDocument
from service.ledger.appending.configuration import announce
from service.ledger.appending.epoch import Epoch
from service.ledger.catalogue import digest_of
from service.ledger.keys import LedgerKeys, Sealer
from service.ledger.ports import Batch, Head, HighWaterMark, Store


async def begin(  # noqa: PLR0913 - everything a ledger is made of, once
    store: Store,
    keys: LedgerKeys,
    sealer: Sealer,
    admission: Admission,
    *,
    mark: HighWaterMark,
    now_ms: int,
    packs: Mapping[str, bytes],
) -> Head:
    """Create the ledger's log unless it exists already, and return its head.

    `packs`: the jurisdiction packs by digest. Raises `ForkError` when something was signed under these keys
    before, and is not in this database: an empty database must not sign with an old log's key.
    """
    batch = _first_batch(keys, sealer, admission, now_ms, packs)
    try:
        async with store.transaction() as transaction:
            head = await transaction.lock_head()
            if head is None and mark.read() is None:
                await transaction.write(batch)
    except ForkError:
        # Two processes began at once: the other's log is the log.
        async with store.transaction() as transaction:
            return _existing(await transaction.lock_head())
    if head is not None or mark.read() is not None:
        return _existing(head)
    await mark.advance(batch.head.size, batch.head.checkpoint)
    return batch.head


def _existing(head: Head | None) -> Head:
    if head is None:
        raise ForkError(
            "this database holds no log, but one was signed under these keys: restore its database, or begin"
            " a new generation with new keys"
        )
    return head


def _first_batch(
    keys: LedgerKeys, sealer: Sealer, admission: Admission, now_ms: int, packs: Mapping[str, bytes]
) -> Batch:
    rulebook = rulebook_bytes(default_rulebook(packs))
    digest = digest_of(rulebook)
    epoch = Epoch(keys, sealer, None, now_ms, digest)
    epoch.append_entry(
        encode_genesis(
            GenesisEntry(
                prev_leaf_hash=ZERO_HASH,
                recorded_at_ms=now_ms,
                origin=keys.origin,
                hash_suite=HASH_SUITE,
                canonicaliser_version=CANONICALISER_VERSION,
                rulebook_hash=digest,
                secret_commitment=secret_commitment(keys.subject_key_secret),
                vkey=keys.signer.verifier.vkey,
            )
        )
    )
    documents = [PendingDocument(digest, "rulebook", rulebook)]
    documents += [PendingDocument(bytes.fromhex(name), "pack", body) for name, body in packs.items()]
    event: dict[str, object] = {
        "type": "rulebook_published",
        "source_event_id": f"rulebook:{digest.hex()}",
        "rulebook": digest.hex(),
    }
    epoch.add(announce(admission, event, documents, now_ms, digest))
    result = update({"": EMPTY_STRATUM}, epoch.map_updates())
    return epoch.close(
        result.root, {prefix: stratum.to_bytes() for prefix, stratum in result.changed.items()}
    )
