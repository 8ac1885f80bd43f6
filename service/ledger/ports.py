"""What the use cases need from the world, as contracts. The storage adapter implements them on PostgreSQL."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol

from msgspec import Struct

from service.core.merkle import HashRange
from service.ledger.stamps import TimestampRow

Clock = Callable[[], int]
"""Milliseconds since 1970-01-01T00:00:00Z. May step back; the ledger never does."""

Randomness = Callable[[int], bytes]
"""That many bytes nobody can predict."""

Failpoint = Callable[[str], None]
"""Told the name of each durable step as it is passed. Does nothing, except in a crash test."""


class Meter(Protocol):
    """Told what happened, for operators to count. Never told to whom."""

    def answered(self, decision: str, reason_code: str, count: int = 1) -> None:
        """That many answers were given."""

    def batch_begins(self, events: int, waiting: int) -> None:
        """A group commit of this many events begins while others wait."""

    def batch_ends(self, outcome: str, events: int, position: int | None = None) -> None:
        """It is over: `committed`, `unavailable`, `stopped` or `failed`. `position`: the head's, if known."""

    def turned_away(self, events: int) -> None:
        """So many events were refused because too many wait."""

    def marked(self, *, durable: bool) -> None:
        """The high-water mark took the newest checkpoint, or could not."""

    def unsubscribed(self, result: str) -> None:
        """Somebody used a link: `recorded`, `repeated` (the no stood already) or `failed`."""

    def contradicted(self) -> None:
        """What is stored was found not to be what was signed."""


class Unmetered:
    """A `Meter` that counts nothing: for commands that end soon."""

    def answered(self, decision: str, reason_code: str, count: int = 1) -> None:
        """Count nothing."""

    def batch_begins(self, events: int, waiting: int) -> None:
        """Count nothing."""

    def batch_ends(self, outcome: str, events: int, position: int | None = None) -> None:
        """Count nothing."""

    def turned_away(self, events: int) -> None:
        """Count nothing."""

    def marked(self, *, durable: bool) -> None:
        """Count nothing."""

    def unsubscribed(self, result: str) -> None:
        """Count nothing."""

    def contradicted(self) -> None:
        """Count nothing."""


UNMETERED: Final[Meter] = Unmetered()


@dataclass(frozen=True, slots=True)
class Head:
    """The log's newest state: what the last committed batch left behind."""

    size: int
    epoch_no: int
    epoch_index: int
    recorded_at_ms: int
    subject_count: int
    last_leaf_hash: bytes
    frontier: bytes
    root: bytes
    map_root: bytes
    rulebook_hash: bytes
    checkpoint: bytes

    @property
    def position(self) -> int:
        """Index of the newest epoch entry: everything up to here is covered by the checkpoint."""
        return self.epoch_index


_SEALED_NOTHING: Final = 12 + 16


class SubjectRow(Struct, frozen=True, gc=False):
    """The head of a subject's chain and its events folded."""

    event_count: int
    last_index: int
    chain: bytes
    standing: bytes


class SecretRow(Struct, frozen=True, gc=False):
    """A subject's data key, wrapped, and its sealed address."""

    wrapped_key: bytes
    sealed_address: bytes

    @property
    def sealed_address_is_empty(self) -> bool:
        """Whether there is no address in it: a nonce and a tag of AES-256-GCM, and nothing between them."""
        return len(self.sealed_address) == _SEALED_NOTHING


class KnownEvent(Struct, frozen=True, gc=False):
    """An event that the ledger already holds under the same source and source event id."""

    index: int
    body_tag: bytes
    entry: bytes
    leaf_hash: bytes


class DocumentRow(Struct, frozen=True, gc=False):
    """A form, rulebook or jurisdiction pack: its exact bytes under their SHA-256."""

    digest: bytes
    kind: str
    index: int
    body: bytes


class SealedRow(Struct, frozen=True, gc=False):
    """One event's sealed opening and record, and its sealed evidence."""

    index: int
    subject_key: bytes
    sealed: bytes
    evidence: bytes | None


class EntryRow(Struct, frozen=True, gc=False):
    """One leaf of the log. `dedup_key` and `body_tag` are None for entries that no caller sent."""

    index: int
    entry: bytes
    leaf_hash: bytes
    dedup_key: bytes | None = None
    body_tag: bytes | None = None


@dataclass(frozen=True, slots=True)
class Destruction:
    """What an erasure destroys of a subject, and what it leaves behind.

    `tombstones` take the place of the rows at their indices; `told` is, by index, what is told from now on to
    webhooks that have not heard of the event yet. `last_index`: of the newest event that is destroyed;
    `at_ms`: when it was declared.
    `with_key`: the subject's key goes too, and no batch brings another.
    """

    subject_key: bytes
    notice: int
    leaf_hash: bytes
    last_index: int
    at_ms: int
    tombstones: Sequence[SealedRow]
    told: Mapping[int, bytes]
    with_key: bool = False


@dataclass(slots=True)
class Batch:
    """All rows of one epoch, written in one transaction."""

    before: Head | None
    head: Head
    entries: list[EntryRow]
    tiles: list[tuple[int, int, bytes]]
    records: list[SealedRow]
    subjects: dict[bytes, SubjectRow]
    secrets: dict[bytes, SecretRow]
    strata: dict[str, bytes]
    documents: list[DocumentRow]
    external_ids: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    """By subject key and tag of the source, the source's own id for the person, sealed."""
    replaced_secrets: Sequence[bytes] = ()
    """Subjects whose row in `secrets` takes the place of the one they have."""
    destructions: Sequence[Destruction] = ()


class Transaction(Protocol):
    """One append. Leaving the context commits (durably, before it returns) or rolls back."""

    @property
    def anchor_hash(self) -> bytes:
        """SHA-256 of the newest time stamp, known once the head is locked; zeros: there is none."""

    async def lock_head(self) -> Head | None:
        """The head, locked until the end: the fence between all writers. None: no such ledger yet."""

    async def entries(self, start: int, stop: int) -> list[EntryRow]:
        """Entries `start` ≤ index < `stop`, in order."""

    async def successions(self) -> list[EntryRow]:
        """As `Snapshot.successions`."""

    async def known(self, dedup_keys: Sequence[bytes]) -> dict[bytes, KnownEvent]:
        """Those of the keys that the log already holds."""

    async def subjects(self, keys: Sequence[bytes]) -> dict[bytes, tuple[SubjectRow, SecretRow | None]]:
        """The touched subjects that exist, in one query."""

    async def strata(self, prefixes: Iterable[str]) -> dict[str, bytes]:
        """The map's strata that exist under these prefixes, in one query."""

    async def covering_checkpoint(self, index: int) -> tuple[int, bytes]:
        """Size and note of the oldest checkpoint that covers this entry."""

    async def entries_at(self, indices: Sequence[int]) -> dict[int, EntryRow]:
        """The entries at these indices."""

    async def records_of(self, subject_key: bytes) -> list[SealedRow]:
        """Everything still held of one subject, oldest first."""

    async def assured_size(self) -> int:
        """The largest size of this log that was replayed, witnessed or timestamped; 0 for none."""

    async def destroy(self, destruction: Destruction) -> None:
        """Destroy it, without a batch: a notice in the log has declared it before."""

    async def write(self, batch: Batch) -> None:
        """Store the batch, destroy what it destroys, and advance the head by compare-and-swap.

        Raises `ForkError` when the head is no longer the one the batch was built on.
        """


class Snapshot(Protocol):
    """Reads that all see the same committed state."""

    async def head(self) -> Head:
        """The newest committed head."""

    async def subjects(self, keys: Sequence[bytes]) -> dict[bytes, tuple[SubjectRow, SecretRow | None]]:
        """Those of the subjects that exist."""

    async def strata(self, prefixes: Iterable[str]) -> dict[str, bytes]:
        """The map's strata that exist under these prefixes."""

    async def entries(self, start: int, stop: int) -> list[EntryRow]:
        """Entries `start` ≤ index < `stop`, in order."""

    async def entries_at(self, indices: Sequence[int]) -> dict[int, EntryRow]:
        """The entries at these indices."""

    async def covering_checkpoint(self, index: int) -> tuple[int, bytes]:
        """Size and note of the oldest checkpoint that covers this entry."""

    async def records_of(self, subject_key: bytes) -> list[SealedRow]:
        """Everything still held of one subject, oldest first."""

    async def records(self, start: int, stop: int) -> list[SealedRow]:
        """Everything still held of these entries, in order."""

    async def secrets(self, keys: Sequence[bytes]) -> dict[bytes, SecretRow]:
        """The subjects' wrapped keys and sealed addresses; erased subjects have none."""

    async def external_ids(self, keys: Sequence[bytes], source_tag: bytes) -> dict[bytes, bytes]:
        """The sealed ids that this source gave for those of the subjects for whom it gave one."""

    async def hashes(self, ranges: Iterable[HashRange]) -> dict[HashRange, list[bytes]]:
        """Leaf hashes (level 0) and tile roots, as a Merkle plan asks for them."""

    async def successions(self) -> list[EntryRow]:
        """The entries by which keys (or whole logs) gave way to their successors, in order."""

    async def documents(self, digests: Sequence[bytes]) -> dict[bytes, DocumentRow]:
        """Those of the documents that were published."""

    async def documents_of(self, kind: str) -> list[DocumentRow]:
        """All documents of one kind, oldest first."""

    async def subjects_after(self, key: bytes, limit: int) -> list[tuple[bytes, SubjectRow]]:
        """Subjects whose key is greater than `key`, smallest first: for those who read them all."""

    async def strata_after(self, prefix: str | None, limit: int) -> list[tuple[str, bytes]]:
        """Strata whose prefix is greater than `prefix` (None: from the first), smallest first."""

    async def checkpoint(self, size: int) -> bytes | None:
        """The note that was signed for exactly this size."""

    async def cosignatures(self, at_most: int) -> tuple[int, list[str]]:
        """The greatest size up to this one that witnesses cosigned, and their lines; 0: there is none."""

    async def timestamps(self, start: int, stop: int, limit: int) -> list[TimestampRow]:
        """Time stamps of checkpoints of `start` ≤ size ≤ `stop`, the newest first."""

    async def checkpoints(self, start: int, limit: int) -> list[tuple[int, bytes]]:
        """Signed notes with a size of at least `start`, smallest first."""


class Store(Protocol):
    """One ledger's storage."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin an append."""

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """Begin a consistent read."""

    async def standings(self, keys: Sequence[bytes]) -> tuple[Head, dict[bytes, bytes]]:
        """The head and the folded standings of those subjects that exist, read as one state.

        Concurrent calls share one query.
        """


class HighWaterMark(Protocol):
    """The newest signed checkpoint, kept where a restore of the database does not reach."""

    def read(self) -> bytes | None:
        """The note, or None when nothing was ever signed here."""

    def advance(self, size: int, note: bytes) -> Awaitable[None]:
        """Durably replace the mark unless it already covers `size`. Never goes back."""


class Bell(Protocol):
    """Tells readers of the feed that something was committed. A hint: they look for themselves too."""

    @property
    def position(self) -> int:
        """The newest position that this process has heard of; -1 before it has heard of any."""

    def heard(self, position: int) -> None:
        """Somebody here has seen, or made, this position."""

    async def wait(self, after: int, seconds: float) -> None:
        """Return when a position above `after` is known, after so many seconds, or when woken."""
