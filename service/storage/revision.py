"""Which schema a database has and which one this program needs, without the seconds that Alembic takes."""

from pathlib import Path

import asyncpg

_HAS_SCHEMA = "SELECT to_regclass('alembic_version') IS NOT NULL"
_FOUND = "SELECT version_num FROM alembic_version"


def migration_scripts() -> Path:
    """The migrations: `alembic/` of a checkout, or the copy inside an installed wheel."""
    installed = Path(__file__).parent / "migrations"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "alembic"


def expected_revision() -> str:
    """The newest migration's revision: its file's name begins with it, and they are numbered."""
    return max(path.name.partition("_")[0] for path in (migration_scripts() / "versions").glob("[0-9]*_*.py"))


async def found_revision(connection: asyncpg.Connection) -> str | None:
    """The database's revision; None when it is empty."""
    if not await connection.fetchval(_HAS_SCHEMA):
        return None
    found: str | None = await connection.fetchval(_FOUND)
    return found
