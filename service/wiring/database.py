"""The database a command works on: the configured server, or an embedded one, and whether it is fit."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg
import structlog

from service.core.errors import LedgerError
from service.settings import Settings
from service.storage.postgres import unavailable_on_failure
from service.storage.revision import found_revision, known_revisions
from service.wiring.embedded.postmaster import Postmaster
from service.wiring.embedded.server import EmbeddedPostgres, EmbeddedPostgresError

RELEASE_MIN = 15

_WATCH_SECONDS = 1.0
_CONNECT_SECONDS = 10
UNREACHABLE = (
    OSError,
    ValueError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # The driver's word for a server that died in the middle of an answer.
    asyncpg.InternalClientError,
)
"""How a connection fails; `explain` has a line for each."""

_log = structlog.get_logger(__name__)


class DatabaseError(LedgerError):
    """The database cannot be used as it is; the message is one line that says why and what to do."""


def embedded_directory(data_dir: Path) -> Path:
    """Where the embedded server of this data directory lives."""
    return data_dir / "postgres"


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """Yield the DSN to work on; an embedded server runs as long as somebody uses it.

    Raises `EmbeddedPostgresError`.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    server = EmbeddedPostgres.start(embedded_directory(settings.data_dir))
    try:
        yield server.dsn
    finally:
        server.stop()


@asynccontextmanager
async def kept_running(settings: Settings) -> AsyncIterator[None]:
    """Start the embedded server again when it dies while we use it; a configured one is not ours."""
    if settings.database_url is not None:
        yield
        return
    watch = asyncio.create_task(_watch(embedded_directory(settings.data_dir)))
    try:
        yield
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


async def _watch(directory: Path) -> None:
    again: list[EmbeddedPostgres] = []
    try:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            found = Postmaster.of(directory / "data")
            if found is not None and found.lives():
                continue
            _log.error("database_died", directory=str(directory))
            try:
                again.append(await asyncio.to_thread(EmbeddedPostgres.start, directory))
            except EmbeddedPostgresError as error:
                _log.error("database_does_not_start", reason=str(error))
    finally:
        # The last of several users stops the server: the one it was begun with is still to be stopped.
        for server in again:
            server.stop()


def make_fit(dsn: str, *, may_upgrade: bool) -> tuple[str | None, str]:
    """Return when the database has this version's schema: the revisions before and now.

    An empty database gets it; one with an older schema only if `may_upgrade`. Raises `DatabaseError` and
    `UnavailableError`. Blocks.
    """
    found, known = asyncio.run(_inspect(dsn)), known_revisions()
    expected = known[-1]
    if found is not None and found not in known:
        raise DatabaseError(
            f"the database has schema {found}, newer than this program's {expected}: update it"
        )
    if found not in (None, expected) and not may_upgrade:
        raise DatabaseError(
            f"the database has schema {found}, this program needs {expected}: run `consent-ledger migrate`"
        )
    if found != expected:
        from service.storage.migrate import upgrade  # noqa: PLC0415 - Alembic takes a second, and rarely runs

        upgrade(dsn)
    return found, expected


async def _inspect(dsn: str) -> str | None:
    """The schema's revision. Raises `DatabaseError` unless a server answers that can hold a ledger.

    Raises `UnavailableError` when it goes away meanwhile.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS)
    except UNREACHABLE as error:
        raise DatabaseError(explain(error)) from error
    try:
        with unavailable_on_failure():
            return await _revision_of_a_fit(connection)
    finally:
        await connection.close()


async def _revision_of_a_fit(connection: asyncpg.Connection) -> str | None:
    await require_fit_server(connection)
    return await found_revision(connection)


async def require_fit_server(connection: asyncpg.Connection) -> None:
    """Raise `DatabaseError` unless this server can hold a ledger."""
    release = connection.get_server_version().major
    if release < RELEASE_MIN:
        raise DatabaseError(f"the server is PostgreSQL {release}: {RELEASE_MIN} or newer is needed")
    if await connection.fetchval("SELECT pg_is_in_recovery()"):
        raise DatabaseError("the server is a read-only standby: set DATABASE_URL to the primary")
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise DatabaseError(f"the database is encoded in {encoding}: make one with ENCODING 'UTF8'")


def explain(error: Exception) -> str:
    """Why a connection failed, in one line that never repeats the URL: it may hold a password."""
    match error:
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return "the database server refuses this login: check user and password in DATABASE_URL"
        case asyncpg.InvalidCatalogNameError():
            return "the database server has no such database: create it, or correct DATABASE_URL"
        case asyncpg.PostgresError():
            return f"the database server refuses: {error.args[0] if error.args else type(error).__name__}"
        case asyncpg.InterfaceError() | ValueError():
            return (
                "DATABASE_URL is not understood: it looks like postgresql://user:password@host:5432/database"
            )
        case _:
            return "the database server does not answer: start it, or correct DATABASE_URL"
