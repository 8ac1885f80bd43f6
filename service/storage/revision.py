"""Which schema a database has and which one this program needs, without the seconds that Alembic takes."""

import re
from pathlib import Path

import asyncpg

_REVISION = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)
_DOWN_REVISION = re.compile(r'^down_revision = "(\w+)"$', re.MULTILINE)

_HAS_SCHEMA = "SELECT to_regclass('alembic_version') IS NOT NULL"
_FOUND = "SELECT version_num FROM alembic_version"


def migration_scripts() -> Path:
    """The migrations: `alembic/` of a checkout, or the copy inside an installed wheel."""
    installed = Path(__file__).parent / "migrations"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "alembic"


def known_revisions() -> list[str]:
    """The revisions in the order in which they are applied, which need not be that of their numbers."""
    texts = [path.read_text(encoding="utf-8") for path in (migration_scripts() / "versions").glob("*.py")]
    after = {
        before[0] if (before := _DOWN_REVISION.findall(text)) else None: revision
        for text in texts
        for revision in _REVISION.findall(text)
    }
    chain: list[str] = []
    following = after.get(None)
    while following is not None:
        chain.append(following)
        following = after.get(following)
    return chain


async def found_revision(connection: asyncpg.Connection) -> str | None:
    """The database's revision; None when it is empty."""
    if not await connection.fetchval(_HAS_SCHEMA):
        return None
    found: str | None = await connection.fetchval(_FOUND)
    return found
