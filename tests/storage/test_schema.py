"""The tables are the schema's only source, and PostgreSQL itself keeps the log append-only."""

import asyncio

import asyncpg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlmodel import SQLModel

import service.storage.delivery_tables
import service.storage.erasure_tables
import service.storage.export_tables
import service.storage.key_tables
import service.storage.tables  # noqa: F401 - registers the tables
from service.storage.migrate import _on_connection, revision, upgrade
from service.storage.postgres import open_pool
from service.storage.revision import known_revisions, migration_scripts

COLUMNS = """
    SELECT table_name, column_name, data_type, collation_name, is_nullable
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2
"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    AND conrelid::regclass::text <> 'alembic_version' AND contype <> 'n' ORDER BY 1, 2
"""
INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1
"""
OPTIONS = """
    SELECT relname, reloptions FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version' ORDER BY 1
"""
LOG = (
    "log_entry",
    "log_tile",
    "checkpoint",
    "cosignature",
    "checkpoint_timestamp",
    "document",
    "campaign",
    "campaign_tile",
    "campaign_run",
    "erasure",
    "sound_audit",
)
ERASABLE = ("sealed_record", "subject_secret")


def _shape(dsn: str, *, create: bool = False) -> list[list[tuple[object, ...]]]:
    shape: list[list[tuple[object, ...]]] = []

    def read(connection: Connection) -> None:
        if create:
            SQLModel.metadata.create_all(connection)
        for question in (COLUMNS, CONSTRAINTS, INDEXES, OPTIONS):
            rows = [tuple(row) for row in connection.execute(text(question))]
            shape.append(rows)

    asyncio.run(_on_connection(dsn, read))
    return shape


def test_the_migrations_make_exactly_the_tables(database_dsn: str, empty_database_dsn: str) -> None:
    assert _shape(database_dsn) == _shape(empty_database_dsn, create=True)


def test_migrating_again_changes_nothing(database_dsn: str) -> None:
    before = _shape(database_dsn)
    upgrade(database_dsn)
    assert _shape(database_dsn) == before


def test_an_empty_database_says_which_revision_it_lacks(empty_database_dsn: str) -> None:
    found, expected = revision(empty_database_dsn)
    assert found is None
    assert expected == known_revisions()[-1]


def test_the_order_of_revisions_is_that_of_the_migrations() -> None:
    scripts = ScriptDirectory(str(migration_scripts()))
    assert known_revisions() == [one.revision for one in scripts.walk_revisions()][::-1]


@pytest.mark.parametrize("table", LOG)
@pytest.mark.parametrize("statement", ["UPDATE {} SET ledger_id = 2", "DELETE FROM {}", "TRUNCATE {}"])
async def test_the_running_service_may_not_change_the_log(
    database_dsn: str, table: str, statement: str
) -> None:
    pool = await open_pool(database_dsn, size=1)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(statement.format(table))
    finally:
        await pool.close()


@pytest.mark.parametrize("table", ERASABLE)
async def test_what_is_erasable_may_be_deleted_but_not_rewritten(database_dsn: str, table: str) -> None:
    pool = await open_pool(database_dsn, size=1)
    try:
        await pool.execute(f"DELETE FROM {table}")  # noqa: S608 - a name from this file
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(f"UPDATE {table} SET ledger_id = 2")  # noqa: S608 - a name from this file
    finally:
        await pool.close()


async def test_the_running_service_may_not_change_the_schema(database_dsn: str) -> None:
    pool = await open_pool(database_dsn, size=1)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute("ALTER TABLE log_entry DISABLE TRIGGER ALL")
    finally:
        await pool.close()
