"""The log as anyone may read it (C2SP tlog-tiles): checkpoint, hash tiles, entry bundles."""

from dataclasses import dataclass

from service.core.errors import InputError, NotFoundError
from service.core.merkle import TILE_WIDTH, HashRange, plan_consistency, prove_consistency
from service.core.tiles import Tile, encode_entries
from service.ledger.ports import Store
from service.ledger.proving.anchors import cosigned


@dataclass(frozen=True, slots=True)
class Consistency:
    """A consistency proof between two sizes, and the checkpoint of the greater, if one was signed."""

    size1: int
    size2: int
    proof: tuple[bytes, ...]
    checkpoint: bytes | None


class PublishedLog:
    """Serves what was committed, byte for byte the same for everyone."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def checkpoint(self) -> bytes:
        """The newest signed checkpoint, with whatever witnesses have cosigned of it."""
        async with self._store.snapshot() as snapshot:
            return await cosigned(snapshot, await snapshot.head())

    async def checkpoint_of(self, size: int) -> bytes:
        """The checkpoint that was signed for exactly this size. Raises `NotFoundError`."""
        async with self._store.snapshot() as snapshot:
            note = await snapshot.checkpoint(size)
        if note is None:
            raise NotFoundError("no checkpoint was signed for this size")
        return note

    async def consistency(self, size1: int | None, size2: int | None) -> Consistency:
        """The proof that the first `size1` entries (None: one) begin the first `size2` (None: all there are).

        Raises `InputError` for sizes that the log does not have, or in the wrong order.
        """
        async with self._store.snapshot() as snapshot:
            head = await snapshot.head()
            old, new = size1 or 1, size2 or head.size
            if new > head.size:
                raise InputError("the log does not have this size yet", pointer="/query/to", code="in_future")
            if old > new:
                raise InputError("a log does not shrink", pointer="/query/from", code="too_late")
            hashes = await snapshot.hashes(plan_consistency(old, new))
            note = await cosigned(snapshot, head) if new == head.size else await snapshot.checkpoint(new)
        return Consistency(old, new, tuple(prove_consistency(old, new, hashes)), note)

    async def tile(self, tile: Tile) -> bytes:
        """A hash tile, full or partial. Raises `NotFoundError` when the log does not reach that far."""
        start = tile.index * TILE_WIDTH
        wanted = HashRange(tile.level, start, start + tile.width)
        async with self._store.snapshot() as snapshot:
            hashes = (await snapshot.hashes([wanted]))[wanted]
        if len(hashes) != tile.width:
            raise NotFoundError("the log does not reach this tile yet")
        return b"".join(hashes)

    async def entries(self, tile: Tile) -> bytes:
        """An entry bundle: each entry with its length. Raises `NotFoundError`."""
        start = tile.index * TILE_WIDTH
        async with self._store.snapshot() as snapshot:
            rows = await snapshot.entries(start, start + tile.width)
        if len(rows) != tile.width:
            raise NotFoundError("the log does not reach this bundle yet")
        return encode_entries([row.entry for row in rows])
