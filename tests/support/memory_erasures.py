"""What erasure keeps beside the log, in memory: its rows, and the list a restore does not reach."""

from collections.abc import Sequence

from service.core.entries import recorded_at_ms
from service.ledger.erasing.ports import ErasedSubject
from service.ledger.opening import is_tombstone
from tests.support.memory_store import MemoryStore


class MemoryErasureList:
    """A list that is kept as long as this object."""

    def __init__(self) -> None:
        self.erased: list[ErasedSubject] = []

    def read(self) -> list[ErasedSubject]:
        """Every erasure that was ever noted, oldest first."""
        return list(self.erased)

    async def add(self, erased: Sequence[ErasedSubject]) -> None:
        """Note these, each once."""
        self.erased += [one for one in erased if one not in self.erased]


class MemoryErasureRows:
    """The erasures of a store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def all(self) -> list[ErasedSubject]:
        """Every erasure, oldest first."""
        return list(self._store.erasures)

    async def still_held(self, erased: Sequence[ErasedSubject]) -> list[ErasedSubject]:
        """Those of whom contents are held that were recorded by the time they were erased."""
        async with self._store.snapshot() as snapshot:
            held = []
            for one in erased:
                rows = [row for row in await snapshot.records_of(one.subject_key) if not is_tombstone(row)]
                entries = await snapshot.entries_at([row.index for row in rows])
                notice = (await snapshot.entries_at([one.notice])).get(one.notice)
                known = notice is not None and notice.leaf_hash == one.leaf_hash
                if any(
                    recorded_at_ms(entry.entry) <= one.at_ms and not (known and index > one.notice)
                    for index, entry in entries.items()
                ):
                    held.append(one)
        return held

    async def audited(self, size: int, root: bytes, at_ms: int) -> None:
        """Note that the log of this size was replayed, and nothing found."""
        del root, at_ms
        self._store.assured_size = max(self._store.assured_size, size)
