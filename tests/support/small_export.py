"""An export of a whole small ledger in memory, made by other code than the product's."""

from dataclasses import dataclass

from service.core.export import contents as at
from service.core.merkle import TILE_WIDTH
from service.core.notes import Signer
from service.core.tiles import Tile, encode_entries, entry_bundle, tile_path
from service.ledger.opening import Opener
from service.ledger.ports import Snapshot
from tests.support.small_ledger import SmallLedger, a_small_ledger

RECORDED_AT = "2026-11-25T03:00:00.000Z"


@dataclass(frozen=True)
class SmallExport:
    """Its files, without a manifest, and the key of its log."""

    files: dict[str, bytes]
    signer: Signer


async def a_small_export() -> SmallExport:
    """Every entry fits into one tile."""
    ledger = await a_small_ledger()
    keys = ledger.keys
    async with ledger.store.snapshot() as snapshot:
        head = await snapshot.head()
        assert head.size <= TILE_WIDTH
        rows = await snapshot.entries(0, head.size)
        lines = await _records(ledger, snapshot, head.size)
        notes = [at.CheckpointLine(*one) for one in await _notes(snapshot, head.size)]
        documents = [(kind, row) for kind in at.DOCUMENT_KINDS for row in await snapshot.documents_of(kind)]
    files = {
        at.EXPORT: at.body_bytes(described(keys.origin, head.size)),
        at.CHECKPOINT: head.checkpoint,
        at.KEYS: at.body_bytes(
            keyed(rows[0].entry, keys.signer.verifier.vkey, keys.subject_key_secret.hex())
        ),
        **{at.document_name(kind, row.digest.hex()): row.body for kind, row in documents},
        at.LOG + tile_path(entry_bundle(0, head.size)): encode_entries([row.entry for row in rows]),
        at.LOG + tile_path(Tile(0, 0, head.size)): b"".join(row.leaf_hash for row in rows),
        at.record_name(0): at.lines_bytes(lines),
        at.checkpoints_name(0): at.lines_bytes(notes),
    }
    return SmallExport(files, keys.signer)


def described(origin: str, size: int) -> at.ExportBody:
    """What an export of a whole ledger says of itself."""
    return at.ExportBody(
        origin=origin,
        scope="ledger",
        log=True,
        disclosed=True,
        language="en",
        size=size,
        recorded_at=RECORDED_AT,
    )


def keyed(genesis: bytes, vkey: str, secret: str) -> at.KeysBody:
    """The keys of a log that has had one."""
    return at.KeysBody(genesis=genesis, successions=(), vkeys=(vkey,), subject_key_secret=secret)


async def _notes(snapshot: Snapshot, size: int) -> list[tuple[int, str]]:
    return [(own, note.decode()) for own, note in await snapshot.checkpoints(1, size)]


async def _records(ledger: SmallLedger, snapshot: Snapshot, size: int) -> list[at.RecordLine]:
    opener, held = Opener(ledger.sealer), await snapshot.records(0, size)
    secrets = await snapshot.secrets([row.subject_key for row in held])
    return [
        at.RecordLine(
            index=event.index,
            opening=event.opening,
            record=event.record.decode(),
            evidence=event.evidence.decode() if event.evidence is not None else None,
        )
        for row in held
        for event in opener.events(row.subject_key, secrets.get(row.subject_key), [row])
    ]
