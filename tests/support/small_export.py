"""An export of a whole small ledger in memory, made by other code than the product's."""

from dataclasses import dataclass

from service.core.export import contents as at
from service.core.merkle import TILE_WIDTH
from service.core.notes import Signer
from service.core.tiles import Tile, encode_entries, entry_bundle, tile_path
from service.ledger.opening import Opener
from tests.support.small_ledger import a_small_ledger


@dataclass(frozen=True)
class SmallExport:
    """Its files, without a manifest, and the key of its log."""

    files: dict[str, bytes]
    signer: Signer


async def a_small_export() -> SmallExport:
    """Every entry fits into one tile."""
    ledger = await a_small_ledger()
    opener = Opener(ledger.sealer)
    async with ledger.store.snapshot() as snapshot:
        head = await snapshot.head()
        assert head.size <= TILE_WIDTH
        rows = await snapshot.entries(0, head.size)
        held = await snapshot.records(0, head.size)
        secrets = await snapshot.secrets([row.subject_key for row in held])
        notes = await snapshot.checkpoints(1, head.size)
        documents = [(kind, row) for kind in at.DOCUMENT_KINDS for row in await snapshot.documents_of(kind)]
    lines = [
        at.RecordLine(
            index=event.index,
            opening=event.opening,
            record=event.record.decode(),
            evidence=event.evidence.decode() if event.evidence is not None else None,
        )
        for row in held
        for event in opener.events(row.subject_key, secrets.get(row.subject_key), [row])
    ]
    vkey = ledger.keys.signer.verifier.vkey
    checkpoints = [at.CheckpointLine(size, note.decode()) for size, note in notes]
    body = at.ExportBody(
        origin=ledger.keys.origin,
        scope="ledger",
        log=True,
        disclosed=True,
        language="en",
        size=head.size,
        recorded_at="2026-11-25T03:00:00.000Z",
    )
    keys = at.KeysBody(
        genesis=rows[0].entry,
        successions=(),
        vkeys=(vkey,),
        subject_key_secret=ledger.keys.subject_key_secret.hex(),
    )
    files = {
        at.EXPORT: at.body_bytes(body),
        at.CHECKPOINT: head.checkpoint,
        at.KEYS: at.body_bytes(keys),
        **{at.document_name(kind, row.digest.hex()): row.body for kind, row in documents},
        at.LOG + tile_path(entry_bundle(0, head.size)): encode_entries([row.entry for row in rows]),
        at.LOG + tile_path(Tile(0, 0, head.size)): b"".join(row.leaf_hash for row in rows),
        at.record_name(0): at.lines_bytes(lines),
        at.checkpoints_name(0): at.lines_bytes(checkpoints),
    }
    return SmallExport(files, ledger.keys.signer)
