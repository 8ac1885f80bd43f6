"""What the tests of a person's rights do: audit as the operator does, and search a database for bytes."""

import asyncpg

from service.cli.audit_ledger import run_audit
from service.ledger.audit import AuditReport
from service.settings import Settings

_TABLES = """
    SELECT c.relname FROM pg_class c
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY 1
"""


async def audited(settings: Settings, *, write_mark: bool = False) -> AuditReport:
    """Replay the whole ledger; where it is sound, up to here it is vouched for."""
    assert settings.database_url is not None
    return await run_audit(settings, settings.database_url, write_mark=write_mark)


async def whole_database(dsn: str) -> dict[str, bytes]:
    """Every row of every table as PostgreSQL writes it, by table."""
    connection = await asyncpg.connect(dsn)
    try:
        rows: dict[str, bytes] = {}
        for (table,) in await connection.fetch(_TABLES):
            found = await connection.fetch(f"SELECT t::text FROM {table} t")  # noqa: S608 - a name from the catalogue
            rows[table] = "\n".join(row[0] for row in found).encode()
        return rows
    finally:
        await connection.close()


def spellings(text: str) -> list[bytes]:
    """How these bytes could stand in a text, a row or a file."""
    raw = text.encode()
    return [raw, raw.hex().encode(), raw.upper()]
