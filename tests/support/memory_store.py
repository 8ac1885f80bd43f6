"""A ledger's storage in memory, with what the use cases rely on: isolation, constraints, all or nothing.

Every table keeps the versions of its rows, so a snapshot sees one committed state however long it is open. A
commit can be made to fail, before or after it took effect, as a lost connection does.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from operator import itemgetter
from typing import Literal, TypeVar

from msgspec.structs import replace

from service.core.checkpoint import parse_checkpoint
from service.core.errors import ForkError, UnavailableError
from service.core.merkle import HashRange
from service.core.notes import parse_note
from service.core.records import ZERO_HASH
from service.ledger.erasing.ports import ErasedSubject
from service.ledger.ports import (
    Batch,
    Destruction,
    DocumentRow,
    EntryRow,
    Head,
    KnownEvent,
    SealedRow,
    SecretRow,
    SubjectRow,
)
from service.ledger.stamps import TimestampRow
from tests.support.memory_table import Table

K = TypeVar("K")
V = TypeVar("V")

Fault = Literal["none", "lost", "unknown"]
"""What becomes of the next commit: it succeeds, fails, or takes effect without anybody hearing of it."""


class MemoryStore:
    """One ledger. `commit_fault` is used up by the next commit."""

    def __init__(self) -> None:
        self.version = 0
        self.commit_fault: Fault = "none"
        self.cosignatures: dict[int, list[str]] = {}
        self.timestamps: list[TimestampRow] = []
        self.heads: Table[str, Head] = Table()
        self.entries: Table[int, EntryRow] = Table()
        self.dedup_keys: Table[bytes, int] = Table()
        self.tiles: Table[tuple[int, int], bytes] = Table()
        self.records: Table[int, SealedRow] = Table()
        self.indices_of: dict[bytes, list[int]] = {}
        self.subjects: Table[bytes, SubjectRow] = Table()
        self.secrets: Table[bytes, SecretRow] = Table()
        self.external_ids: Table[tuple[bytes, bytes], bytes] = Table()
        self.strata: Table[str, bytes] = Table()
        self.documents: Table[bytes, DocumentRow] = Table()
        self.checkpoints: Table[int, bytes] = Table()
        self.erasures: list[ErasedSubject] = []
        self.assured_size = 0
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["MemoryTransaction"]:
        """Begin an append; nothing of it is seen before it is left without an exception."""
        transaction = MemoryTransaction(self)
        try:
            yield transaction
            transaction.commit()
        finally:
            if transaction.holds_lock:
                self._lock.release()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["MemoryReader"]:
        """Begin a consistent read."""
        yield MemoryReader(self, self.version)

    async def standings(self, keys: Sequence[bytes]) -> tuple[Head, dict[bytes, bytes]]:
        """The head and those standings that exist."""
        async with self.snapshot() as snapshot:
            rows = await snapshot.subjects(keys)
            return await snapshot.head(), {key: row.standing for key, (row, _) in rows.items()}

    def erase(self, key: bytes, tombstones: Sequence[SealedRow], standing: bytes) -> None:
        """Destroy what is held of a subject's events, and its key; leave these rows and this standing."""
        self.version += 1
        for index in self.indices_of[key]:
            self.records.put(index, None, self.version)
        for row in tombstones:
            self.records.put(row.index, row, self.version)
        subject = self.subjects.get(key, self.version)
        assert subject is not None
        self.subjects.put(key, replace(subject, standing=standing), self.version)
        self.secrets.put(key, None, self.version)

    def destroy(self, destruction: Destruction, version: int) -> None:
        """Put tombstones in the place of records, and note the erasure."""
        if destruction.with_key:
            self.secrets.put(destruction.subject_key, None, version)
        for row in destruction.tombstones:
            self.records.put(row.index, row, version)
        self.erasures.append(
            ErasedSubject(
                destruction.notice,
                destruction.leaf_hash,
                destruction.subject_key,
                destruction.last_index,
                destruction.at_ms,
            )
        )

    async def lock(self) -> None:
        """Wait for every writer before."""
        await self._lock.acquire()

    def apply(self, batch: Batch) -> None:
        """Make a batch the newest version, or raise `ConstraintError` and change nothing."""
        ids = {entry.dedup_key: entry.index for entry in batch.entries if entry.dedup_key is not None}
        self.entries.require_new(entry.index for entry in batch.entries)
        self.dedup_keys.require_new(ids)
        self.tiles.require_new((level, index) for level, index, _ in batch.tiles)
        self.records.require_new(record.index for record in batch.records)
        self.secrets.require_new(batch.secrets.keys() - set(batch.replaced_secrets))
        self.checkpoints.require_new([batch.head.size])
        for destruction in batch.destructions:
            self.destroy(destruction, self.version + 1)
        self._put(batch, ids, self.version + 1)
        self.version += 1

    def _put(self, batch: Batch, ids: dict[bytes, int], version: int) -> None:
        for entry in batch.entries:
            self.entries.put(entry.index, entry, version)
        for dedup_key, index in ids.items():
            self.dedup_keys.put(dedup_key, index, version)
        for level, index, digest in batch.tiles:
            self.tiles.put((level, index), digest, version)
        for record in batch.records:
            self.records.put(record.index, record, version)
            self.indices_of.setdefault(record.subject_key, []).append(record.index)
        for key, secret in batch.secrets.items():
            self.secrets.put(key, secret, version)
        self.external_ids.put_all(batch.external_ids, version)
        for key, subject in batch.subjects.items():
            self.subjects.put(key, subject, version)
        for prefix, stratum in batch.strata.items():
            self.strata.put(prefix, stratum, version)
        for document in batch.documents:
            if self.documents.get(document.digest, version) is None:
                self.documents.put(document.digest, document, version)
        self.checkpoints.put(batch.head.size, batch.head.checkpoint, version)
        self.heads.put("head", batch.head, version)


class MemoryReader:
    """Reads that all see one version."""

    def __init__(self, store: MemoryStore, version: int) -> None:
        self._store = store
        self._version = version

    async def head(self) -> Head:
        """The newest committed head."""
        head = self._store.heads.get("head", self._version)
        assert head is not None
        return head

    async def subjects(self, keys: Sequence[bytes]) -> dict[bytes, tuple[SubjectRow, SecretRow | None]]:
        """Those of the subjects that exist."""
        store, version = self._store, self._version
        rows = {key: store.subjects.get(key, version) for key in keys}
        return {key: (row, store.secrets.get(key, version)) for key, row in rows.items() if row is not None}

    async def strata(self, prefixes: Iterable[str]) -> dict[str, bytes]:
        """The map's strata that exist under these prefixes."""
        return _found(self._store.strata, prefixes, self._version)

    async def entries(self, start: int, stop: int) -> list[EntryRow]:
        """Entries `start` ≤ index < `stop`, in order."""
        return list(_found(self._store.entries, range(start, stop), self._version).values())

    async def entries_at(self, indices: Sequence[int]) -> dict[int, EntryRow]:
        """The entries at these indices."""
        return _found(self._store.entries, indices, self._version)

    async def covering_checkpoint(self, index: int) -> tuple[int, bytes]:
        """Size and note of the oldest checkpoint that covers this entry."""
        return (await self.checkpoints(index + 1, 1))[0]

    async def successions(self) -> list[EntryRow]:
        """The entries by which something gave way to its successor, in order."""
        rows = (row for _, row in self._store.entries.items(self._version))
        return [row for row in rows if row.entry[:1] == b"\x04"]

    async def records_of(self, subject_key: bytes) -> list[SealedRow]:
        """Everything still held of one subject, oldest first."""
        indices = sorted(set(self._store.indices_of.get(subject_key, ())))
        return list(_found(self._store.records, indices, self._version).values())

    async def records(self, start: int, stop: int) -> list[SealedRow]:
        """Everything still held of these entries, in order."""
        return list(_found(self._store.records, range(start, stop), self._version).values())

    async def secrets(self, keys: Sequence[bytes]) -> dict[bytes, SecretRow]:
        """The subjects' wrapped keys and sealed addresses; erased subjects have none."""
        return _found(self._store.secrets, keys, self._version)

    async def external_ids(self, keys: Sequence[bytes], source_tag: bytes) -> dict[bytes, bytes]:
        """The sealed ids that this source gave."""
        found = _found(self._store.external_ids, [(key, source_tag) for key in keys], self._version)
        return {key: sealed for (key, _), sealed in found.items()}

    async def hashes(self, ranges: Iterable[HashRange]) -> dict[HashRange, list[bytes]]:
        """Leaf hashes (level 0) and tile roots, as a Merkle plan asks for them."""
        found = {}
        for wanted in ranges:
            if wanted.level == 0:
                found[wanted] = [row.leaf_hash for row in await self.entries(wanted.start, wanted.stop)]
            else:
                tiles = [(wanted.level, index) for index in range(wanted.start, wanted.stop)]
                found[wanted] = list(_found(self._store.tiles, tiles, self._version).values())
        return found

    async def documents(self, digests: Sequence[bytes]) -> dict[bytes, DocumentRow]:
        """Those of the documents that were published."""
        return _found(self._store.documents, digests, self._version)

    async def documents_of(self, kind: str) -> list[DocumentRow]:
        """All documents of one kind, oldest first."""
        rows = (row for _, row in self._store.documents.items(self._version))
        return sorted((row for row in rows if row.kind == kind), key=lambda row: (row.index, row.digest))

    async def subjects_after(self, key: bytes, limit: int) -> list[tuple[bytes, SubjectRow]]:
        """Subjects whose key is greater than `key`, smallest first."""
        rows = self._store.subjects.items(self._version)
        return sorted((row for row in rows if row[0] > key), key=itemgetter(0))[:limit]

    async def strata_after(self, prefix: str | None, limit: int) -> list[tuple[str, bytes]]:
        """Strata whose prefix is greater than `prefix` (None: from the first), smallest first."""
        rows = self._store.strata.items(self._version)
        return sorted(row for row in rows if prefix is None or row[0] > prefix)[:limit]

    async def checkpoint(self, size: int) -> bytes | None:
        """The note that was signed for exactly this size."""
        return self._store.checkpoints.get(size, self._version)

    async def cosignatures(self, at_most: int) -> tuple[int, list[str]]:
        """The greatest size up to this one that witnesses cosigned, and their lines."""
        size = max((each for each in self._store.cosignatures if each <= at_most), default=0)
        return size, self._store.cosignatures.get(size, [])

    async def timestamps(self, start: int, stop: int, limit: int) -> list[TimestampRow]:
        """Time stamps of checkpoints of `start` ≤ size ≤ `stop`, the newest first."""
        return [row for row in self._store.timestamps[::-1] if start <= row.size <= stop][:limit]

    async def checkpoints(self, start: int, limit: int) -> list[tuple[int, bytes]]:
        """Signed notes with a size of at least `start`, smallest first."""
        found = [item for item in self._store.checkpoints.items(self._version) if item[0] >= start]
        return sorted(found)[:limit]


class MemoryTransaction(MemoryReader):
    """One append."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store, store.version)
        self.holds_lock = False
        self._batch: Batch | None = None
        self.anchor_hash = ZERO_HASH

    async def lock_head(self) -> Head | None:
        """The head, locked until the end; what other writers committed meanwhile is seen."""
        await self._store.lock()
        self.holds_lock = True
        self._version = self._store.version
        newest = await self.timestamps(0, 2**63, 1)
        self.anchor_hash = newest[0].digest if newest else ZERO_HASH
        return self._store.heads.get("head", self._version)

    async def known(self, dedup_keys: Sequence[bytes]) -> dict[bytes, KnownEvent]:
        """Those of the keys that the log already holds."""
        indices = _found(self._store.dedup_keys, dedup_keys, self._version)
        rows = {key: self._store.entries.get(index, self._version) for key, index in indices.items()}
        return {
            key: KnownEvent(row.index, row.body_tag or b"", row.entry, row.leaf_hash)
            for key, row in rows.items()
            if row is not None
        }

    async def assured_size(self) -> int:
        """The largest size of this log that was vouched for."""
        return self._store.assured_size

    async def destroy(self, destruction: Destruction) -> None:
        """Destroy what a notice in the log declared before."""
        self._store.version += 1
        self._store.destroy(destruction, self._store.version)

    async def write(self, batch: Batch) -> None:
        """Take the batch; `ForkError` when the head is no longer the one it grew from."""
        if not self.holds_lock or self._store.heads.get("head", self._store.version) != batch.before:
            raise ForkError("the head moved under a lock that should have held it")
        checkpoint = parse_checkpoint(parse_note(batch.head.checkpoint).text)
        assert (checkpoint.size, checkpoint.root) == (batch.head.size, batch.head.root)
        self._batch = batch

    def commit(self) -> None:
        """Make it durable, unless the store was told to lose it."""
        if self._batch is None:
            return
        fault, self._store.commit_fault = self._store.commit_fault, "none"
        if fault == "lost":
            raise UnavailableError("the connection was lost before the commit")
        self._store.apply(self._batch)
        if fault == "unknown":
            raise UnavailableError("the connection was lost during the commit")


class MemoryMark:
    """A high-water mark that is kept as long as this object."""

    def __init__(self) -> None:
        self.size = 0
        self.note: bytes | None = None

    def read(self) -> bytes | None:
        """The note, or None when nothing was ever signed here."""
        return self.note

    async def advance(self, size: int, note: bytes) -> None:
        """Replace the mark unless it already covers `size`."""
        if size > self.size:
            self.size, self.note = size, note


def _found(table: Table[K, V], keys: Iterable[K], version: int) -> dict[K, V]:
    rows = {key: table.get(key, version) for key in keys}
    return {key: row for key, row in rows.items() if row is not None}
