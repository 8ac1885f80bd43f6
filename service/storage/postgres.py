"""The ledger's storage on PostgreSQL, by asyncpg: what the ports promise, nothing more."""

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import astuple
from operator import attrgetter
from typing import Any

import asyncpg

from service.core.errors import ForkError, UnavailableError
from service.core.merkle import HashRange
from service.core.records import ZERO_HASH
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
from service.storage.coalescing import StandingReader
from service.storage.destruction import destroy
from service.storage.fence import FencedConnection, FencedPool
from service.storage.queries import SQL
from service.storage.roles import LIMITS, WRITER

_CONNECT_SECONDS = 10


@contextmanager
def unavailable_on_failure() -> Iterator[None]:
    """Turn a lost or refusing server into `UnavailableError`: the caller may try again with the same ids."""
    try:
        yield
    except (
        OSError,
        asyncpg.InterfaceError,
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.TransactionRollbackError,
        asyncpg.QueryCanceledError,
        asyncpg.LockNotAvailableError,
        # A failing disk of the server; a session it ended for idling; a primary that became a standby.
        asyncpg.PostgresSystemError,
        asyncpg.IdleInTransactionSessionTimeoutError,
        asyncpg.ReadOnlySQLTransactionError,
        # The driver's word for a server that died in the middle of an answer.
        asyncpg.InternalClientError,
        TimeoutError,
    ) as error:
        raise UnavailableError(f"the database is not available ({type(error).__name__})") from error


async def open_pool(dsn: str, *, size: int, role: str | None = WRITER) -> asyncpg.Pool:
    """A pool whose sessions run as the append-only role, with its statements' answers durable on COMMIT."""
    settings = {
        "application_name": "consent-ledger",
        "synchronous_commit": "on",
        "jit": "off",
        # Every statement here goes by an index. Statistics of a young or fast-growing table say otherwise,
        # and a plan that was prepared on them would be kept while the table grows a thousandfold.
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        "plan_cache_mode": "force_generic_plan",
        **LIMITS[WRITER],
    }
    if role is not None:
        settings["role"] = role
    with unavailable_on_failure():
        return await asyncpg.create_pool(
            dsn,
            min_size=size,
            max_size=size,
            server_settings=settings,
            timeout=_CONNECT_SECONDS,
            command_timeout=30,
            connection_class=FencedConnection,
            # Every statement names its ledger, and which ledger a session is in, its connection knows.
            reset=_keep_session,
        )


async def _keep_session(_connection: asyncpg.Connection) -> None:
    """Spare a round trip on release: an append or a snapshot always ends its own transaction."""


class PostgresStore:
    """One ledger in one database."""

    def __init__(self, pool: asyncpg.Pool, ledger_id: int) -> None:
        self._pool = FencedPool(pool, ledger_id)
        self._ledger_id = ledger_id
        self._standings = StandingReader(self._pool, ledger_id)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["PostgresTransaction"]:
        """Begin an append; commits on leaving, rolls back on an exception."""
        with unavailable_on_failure():
            async with self._pool.acquire() as connection, connection.transaction():
                yield PostgresTransaction(connection, self._ledger_id)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator["PostgresReader"]:
        """Begin a consistent read."""
        with unavailable_on_failure():
            async with (
                self._pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield PostgresReader(connection, self._ledger_id)

    async def standings(self, keys: Sequence[bytes]) -> tuple[Head, dict[bytes, bytes]]:
        """The head and those standings that exist, as one state; concurrent calls share a query."""
        with unavailable_on_failure():
            return await self._standings.read(keys)


class PostgresReader:
    """Reads inside one transaction."""

    def __init__(self, connection: Any, ledger_id: int) -> None:  # noqa: ANN401 - asyncpg ships no types
        self._connection = connection
        self._ledger_id = ledger_id
        self._strata: Any = None
        self._strata_read_to: str | None = None

    async def _fetch(self, name: str, *arguments: object) -> list[Any]:
        rows: list[Any] = await self._connection.fetch(SQL[name], self._ledger_id, *arguments)
        return rows

    async def head(self) -> Head:
        """The newest committed head."""
        return Head(*(await self._fetch("head"))[0])

    async def subjects(self, keys: Sequence[bytes]) -> dict[bytes, tuple[SubjectRow, SecretRow | None]]:
        """Those of the subjects that exist."""
        return {
            row[0]: (
                SubjectRow(row[1], row[2], row[3], row[4]),
                SecretRow(row[5], row[6]) if row[5] else None,
            )
            for row in await self._fetch("subjects", list(keys))
        }

    async def strata(self, prefixes: Iterable[str]) -> dict[str, bytes]:
        """The map's strata that exist under these prefixes."""
        return {row[0]: row[1] for row in await self._fetch("strata", list(prefixes))}

    async def covering_checkpoint(self, index: int) -> tuple[int, bytes]:
        """Size and note of the oldest checkpoint that covers this entry."""
        row = (await self._fetch("covering_checkpoint", index))[0]
        return row[0], row[1]

    async def entries(self, start: int, stop: int) -> list[EntryRow]:
        """Entries `start` ≤ index < `stop`, in order."""
        return [EntryRow(*row) for row in await self._fetch("entries", start, stop)]

    async def entries_at(self, indices: Sequence[int]) -> dict[int, EntryRow]:
        """The entries at these indices."""
        return {row[0]: EntryRow(*row) for row in await self._fetch("entries_at", list(indices))}

    async def successions(self) -> list[EntryRow]:
        """The entries by which something gave way to its successor, in order."""
        return [EntryRow(*row) for row in await self._fetch("successions")]

    async def records_of(self, subject_key: bytes) -> list[SealedRow]:
        """Everything still held of one subject, oldest first."""
        return [SealedRow(*row) for row in await self._fetch("records_of", subject_key)]

    async def records(self, start: int, stop: int) -> list[SealedRow]:
        """Everything still held of these entries, in order."""
        return [SealedRow(*row) for row in await self._fetch("records", start, stop)]

    async def secrets(self, keys: Sequence[bytes]) -> dict[bytes, SecretRow]:
        """The subjects' wrapped keys and sealed addresses; erased subjects have none."""
        return {row[0]: SecretRow(row[1], row[2]) for row in await self._fetch("secrets", list(keys))}

    async def external_ids(self, keys: Sequence[bytes], source_tag: bytes) -> dict[bytes, bytes]:
        """The sealed ids that this source gave for those of the subjects for whom it gave one."""
        return {row[0]: row[1] for row in await self._fetch("external_ids", list(keys), source_tag)}

    async def hashes(self, ranges: Iterable[HashRange]) -> dict[HashRange, list[bytes]]:
        """Leaf hashes (level 0) and tile roots, as a Merkle plan asks for them."""
        found: dict[HashRange, list[bytes]] = {}
        for wanted in ranges:
            if wanted.level == 0:
                rows = await self._fetch("leaf_hashes", wanted.start, wanted.stop)
            else:
                rows = await self._fetch("tile_hashes", wanted.level, wanted.start, wanted.stop)
            found[wanted] = [row[0] for row in rows]
        return found

    async def documents(self, digests: Sequence[bytes]) -> dict[bytes, DocumentRow]:
        """Those of the documents that were published."""
        return {row[0]: DocumentRow(*row) for row in await self._fetch("documents", list(digests))}

    async def documents_of(self, kind: str) -> list[DocumentRow]:
        """All documents of one kind, oldest first."""
        return [DocumentRow(*row) for row in await self._fetch("documents_of", kind)]

    async def subjects_after(self, key: bytes, limit: int) -> list[tuple[bytes, SubjectRow]]:
        """Subjects whose key is greater than `key`, smallest first."""
        rows = await self._fetch("subjects_after", key, limit)
        return [(row[0], SubjectRow(*row[1:])) for row in rows]

    async def strata_after(self, prefix: str | None, limit: int) -> list[tuple[str, bytes]]:
        """Strata whose prefix is greater than `prefix` (None: from the first), smallest first.

        Who reads page after page goes on with one cursor: row security keeps comparisons of text, which
        PostgreSQL does not hold to be leakproof, away from the index, so that every page would scan them all.
        """
        if self._strata is None or prefix != self._strata_read_to:
            self._strata = await self._connection.cursor(SQL["strata_after"], self._ledger_id, prefix)
        rows = await self._strata.fetch(limit)
        self._strata_read_to = rows[-1][0] if rows else prefix
        return [(row[0], row[1]) for row in rows]

    async def checkpoint(self, size: int) -> bytes | None:
        """The note that was signed for exactly this size."""
        rows = await self._fetch("checkpoint", size)
        return rows[0][0] if rows else None

    async def cosignatures(self, at_most: int) -> tuple[int, list[str]]:
        """The greatest size up to this one that witnesses cosigned, and their lines; 0: there is none."""
        rows = await self._fetch("cosignatures", at_most)
        return (rows[0][0], [row[1] for row in rows]) if rows else (0, [])

    async def timestamps(self, start: int, stop: int, limit: int) -> list[TimestampRow]:
        """Time stamps of checkpoints of `start` ≤ size ≤ `stop`, the newest first."""
        return [TimestampRow(*row) for row in await self._fetch("timestamps", start, stop, limit)]

    async def checkpoints(self, start: int, limit: int) -> list[tuple[int, bytes]]:
        """Signed notes with a size of at least `start`, smallest first."""
        return [(row[0], row[1]) for row in await self._fetch("checkpoints", start, limit)]


class PostgresTransaction(PostgresReader):
    """One append."""

    anchor_hash = ZERO_HASH
    """SHA-256 of the newest time stamp, known once the head is locked; zeros: there is none."""

    async def lock_head(self) -> Head | None:
        """The head, locked until the end. None before genesis: the first of several creators will win."""
        rows = await self._fetch("lock_head")
        if not rows:
            return None
        *fields, anchor = rows[0]
        self.anchor_hash = anchor or ZERO_HASH
        return Head(*fields)

    async def known(self, dedup_keys: Sequence[bytes]) -> dict[bytes, KnownEvent]:
        """Those of the keys that the log already holds."""
        return {row[0]: KnownEvent(*row[1:]) for row in await self._fetch("known", list(dedup_keys))}

    async def write(self, batch: Batch) -> None:
        """Store the batch and advance the head; `ForkError` when that is not the one the batch grew from."""
        try:
            await self._write(batch)
        except asyncpg.UniqueViolationError as error:
            # Under the head's lock no index, size or id can be taken: two writers believe to be alone.
            raise ForkError("another writer has taken this place in the log") from error

    async def assured_size(self) -> int:
        """The largest size of this log that was vouched for; 0 for none."""
        size: int = (await self._fetch("assured_size"))[0][0]
        return size

    async def destroy(self, destruction: Destruction) -> None:
        """Destroy what a notice in the log declared before."""
        await destroy(self._fetch, destruction)

    async def _write(self, batch: Batch) -> None:
        before = batch.before
        if batch.replaced_secrets:
            await self._fetch("destroy_secrets", batch.replaced_secrets)
        for destruction in batch.destructions:
            await destroy(self._fetch, destruction)
        if before is None:
            await self._fetch("create_head", ZERO_HASH)
        place = (before.size, before.root) if before is not None else (0, ZERO_HASH)
        named = _external_ids(batch)
        moved = await self._fetch("write_batch", *_columns(batch), *astuple(batch.head), *place, *named)
        if not moved:
            raise ForkError("the head moved under a lock that should have held it")


def _columns(batch: Batch) -> Iterator[Sequence[object]]:
    """The batch's rows, column by column, in the order in which `write_batch` unnests them."""
    subjects, secrets = batch.subjects, batch.secrets
    yield from _fields(batch.entries, ("index", "entry", "leaf_hash", "dedup_key", "body_tag"))
    yield from ([tile[place] for tile in batch.tiles] for place in range(3))
    yield from _fields(batch.records, ("index", "subject_key", "sealed", "evidence"))
    yield list(secrets)
    yield from _fields(secrets.values(), ("wrapped_key", "sealed_address"))
    yield list(subjects)
    yield from _fields(subjects.values(), ("event_count", "last_index", "chain", "standing"))
    yield from (list(batch.strata), list(batch.strata.values()))
    yield from _fields(batch.documents, ("digest", "kind", "index", "body"))


def _external_ids(batch: Batch) -> Iterator[Sequence[object]]:
    yield [key for key, _ in batch.external_ids]
    yield [tag for _, tag in batch.external_ids]
    yield list(batch.external_ids.values())


def _fields(rows: Collection[object], names: Sequence[str]) -> Iterator[Sequence[object]]:
    for name in names:
        yield list(map(attrgetter(name), rows))
