"""Bring a database to this version's schema: one transaction, under one lock, safe to run again."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from service.core.errors import UnavailableError
from service.storage.roles import LIMITS, MIGRATOR, establish_roles, refused_with_a_reason

# Any constant will do, as long as every version of this program uses the same one.
_MIGRATION_LOCK = 0x636C6D69
# lock_not_available, deadlock_detected, query_canceled
_TRY_AGAIN = ("55P03", "40P01", "57014")


def upgrade(dsn: str) -> None:
    """Apply every migration that is missing, and set up the roles. `dsn`: a `postgresql://` URL.

    Raises `UnavailableError` when the server cannot be reached or somebody holds a table for too long, and
    `MigrationRefusedError` when this login may not.
    """
    # A thread of its own, so that it may also be called where an event loop already runs.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _on_connection(dsn, _upgrade)).result()


def revision(dsn: str) -> tuple[str | None, str]:
    """The revision the database is at (None: empty) and the one this program expects."""
    found: list[str | None] = []

    def read(connection: Connection) -> None:
        found.append(MigrationContext.configure(connection).get_current_revision())

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _on_connection(dsn, read)).result()
    expected = ScriptDirectory.from_config(_config()).get_current_head()
    return found[0], str(expected)


def _scripts() -> Path:
    """The migrations: `alembic/` of a checkout, or the copy inside an installed wheel."""
    installed = Path(__file__).parent / "migrations"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "alembic"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    return config


def _upgrade(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    # A migration that waits for a table holds up everybody who comes after it: better it gives up.
    connection.execute(text(f"SET LOCAL lock_timeout = '{LIMITS[MIGRATOR]['lock_timeout']}'"))
    config = _config()
    config.attributes["connection"] = connection
    with refused_with_a_reason():
        command.upgrade(config, "head")
    establish_roles(connection)


async def _on_connection(dsn: str, work: object) -> None:
    url = dsn.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+asyncpg://", 1)
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(work)  # type: ignore[arg-type]  # SQLAlchemy's overloads want a ParamSpec
    except (OSError, OperationalError) as error:
        raise UnavailableError(f"cannot reach the database: {type(error).__name__}") from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in _TRY_AGAIN:
            raise UnavailableError("somebody holds a table that the migration changes: try again") from error
        if error.connection_invalidated:
            raise UnavailableError("the database went away meanwhile: migrate again") from error
        raise
    finally:
        await engine.dispose()
