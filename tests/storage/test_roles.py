"""Five roles with the least that each needs, and migrations that may die at any statement."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import Engine, event

from service.core.errors import UnavailableError
from service.storage.migrate import revision, upgrade
from service.storage.postgres import open_pool
from service.storage.revision import migration_scripts
from service.storage.roles import (
    AUDITOR,
    LIMITS,
    LOG,
    MIGRATOR,
    OWNER,
    READER,
    REPORTS,
    ROLES,
    WRITER,
    MigrationRefusedError,
)
from tests.support.databases import database_name, execute

SECRET = (
    "sealed_record",
    "subject_secret",
    "key_holder",
    "api_key",
    "idempotency",
    "subscription",
    "delivery",
)
SEES = {
    READER: (*LOG, *REPORTS),
    AUDITOR: LOG,
}
NOT_FOR = {
    READER: SECRET,
    AUDITOR: (*SECRET, *REPORTS),
}
PAIRS_SEEN = [(role, table) for role, tables in SEES.items() for table in tables]
PAIRS_REFUSED = [(role, table) for role, tables in NOT_FOR.items() for table in tables]


@asynccontextmanager
async def acting_as(dsn: str, role: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(dsn, server_settings={"role": role})
    try:
        yield connection
    finally:
        await connection.close()


async def test_no_role_has_a_login_or_more_rights_than_its_own(database_dsn: str) -> None:
    async with acting_as(database_dsn, "none") as connection:
        rows = await connection.fetch("SELECT * FROM pg_roles WHERE rolname = ANY ($1)", ROLES)
    assert {row["rolname"] for row in rows} == set(ROLES)
    for row in rows:
        powers = ("rolcanlogin", "rolsuper", "rolcreaterole", "rolcreatedb", "rolreplication", "rolbypassrls")
        assert not [power for power in powers if row[power]]


async def test_the_owner_owns_every_table_and_row_security_binds_it_too(database_dsn: str) -> None:
    question = """
        SELECT relname, relowner::regrole::text AS owner, relrowsecurity AND relforcerowsecurity AS bound
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    """
    async with acting_as(database_dsn, "none") as connection:
        rows = await connection.fetch(question)
    assert {row["owner"] for row in rows} == {OWNER}
    assert [row["relname"] for row in rows if not row["bound"]] == ["alembic_version"]


@pytest.mark.parametrize(
    ("role", "table"), PAIRS_SEEN, ids=lambda value: value.removeprefix("consent_ledger_")
)
async def test_a_role_reads_what_it_is_for_and_changes_nothing(
    database_dsn: str, role: str, table: str
) -> None:
    async with acting_as(database_dsn, role) as connection:
        await connection.fetch(f"SELECT * FROM {table} LIMIT 1")  # noqa: S608 - a name from this program
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a name from this program


async def test_a_role_reads_nothing_else(database_dsn: str) -> None:
    for role, table in PAIRS_REFUSED:
        async with acting_as(database_dsn, role) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {table} LIMIT 1")  # noqa: S608 - a name from this file


async def test_a_migrator_may_change_tables_because_it_may_act_for_the_owner(database_dsn: str) -> None:
    async with acting_as(database_dsn, MIGRATOR) as connection:
        await connection.execute("ALTER TABLE log_tile ADD COLUMN tried integer")
        await connection.execute("SET ROLE consent_ledger_owner")


async def test_every_role_has_limits_of_time_in_this_database(empty_database_dsn: str) -> None:
    await asyncio.to_thread(upgrade, empty_database_dsn)
    question = """
        SELECT setrole::regrole::text AS role, setconfig FROM pg_db_role_setting
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
    async with acting_as(empty_database_dsn, "none") as connection:
        rows = await connection.fetch(question)
    found = {row["role"]: dict(each.split("=") for each in row["setconfig"]) for row in rows}
    assert found == LIMITS


async def test_the_service_sets_the_writers_limits_for_its_own_sessions(database_dsn: str) -> None:
    pool = await open_pool(database_dsn, size=1)
    try:
        assert await pool.fetchval("SELECT current_user") == WRITER
        assert await pool.fetchval("SHOW statement_timeout") == "1min"
        assert await pool.fetchval("SHOW lock_timeout") == "20s"
        assert await pool.fetchval("SHOW idle_in_transaction_session_timeout") == "1min"
    finally:
        await pool.close()


@contextmanager
def login(server_dsn: str, rights: str = "") -> Iterator[str]:
    """A login of the test's own: its name."""
    name = f"consent_ledger_test_{secrets.token_hex(4)}"
    execute(server_dsn, f"CREATE ROLE {name} LOGIN PASSWORD '{name}' {rights}")
    try:
        yield name
    finally:
        execute(server_dsn, f"DROP OWNED BY {name}")
        execute(server_dsn, f"DROP ROLE {name}")


def dsn_of(dsn: str, name: str) -> str:
    where = urlsplit(dsn)
    host = where.netloc.rpartition("@")[2]
    return where._replace(netloc=f"{name}:{name}@{host}").geturl()


def test_a_login_that_may_not_migrate_is_told_who_may(database_dsn: str, empty_database_dsn: str) -> None:
    with login(database_dsn) as stranger:
        for dsn in (database_dsn, empty_database_dsn):
            with pytest.raises(MigrationRefusedError, match="migrate as a superuser, or as"):
                upgrade(dsn_of(dsn, stranger))
    assert revision(empty_database_dsn)[0] is None


def test_a_login_without_superpowers_that_owns_its_database_may_migrate_it(
    server_dsn: str, empty_database_dsn: str
) -> None:
    """What a managed server gives: CREATEROLE and a database of one's own."""
    with login(server_dsn, "CREATEROLE") as owner:
        name = database_name(empty_database_dsn)
        # The roles are the server's, and on this one somebody else made them.
        for role in ROLES:
            execute(
                server_dsn,
                f"DO $$ BEGIN IF to_regrole('{role}') IS NOT NULL THEN "
                f"EXECUTE 'GRANT {role} TO {owner} WITH ADMIN OPTION'; END IF; END $$",
            )
        execute(server_dsn, f"ALTER DATABASE {name} OWNER TO {owner}")
        own = dsn_of(empty_database_dsn, owner)
        try:
            upgrade(own)
            upgrade(own)
            assert revision(own)[0] == revision(own)[1]
        finally:
            execute(server_dsn, f"ALTER DATABASE {name} OWNER TO CURRENT_USER")
            execute(empty_database_dsn, f"REASSIGN OWNED BY {owner} TO CURRENT_USER")


@contextmanager
def dying_at(statement: int) -> Iterator[list[str]]:
    """The server ends the migration's session at this statement of it; which statements there were."""
    seen: list[str] = []

    def before(_: object, cursor: Any, sql: str, *_rest: object) -> None:  # noqa: ANN401 - SQLAlchemy's
        seen.append(sql)
        if len(seen) == statement:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    event.listen(Engine, "before_cursor_execute", before)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", before)


def test_a_migration_that_dies_at_any_statement_leaves_nothing_and_may_be_run_again(
    empty_database_dsn: str,
) -> None:
    for statement in (1, 5, 20, 60, 90):
        with dying_at(statement) as seen, pytest.raises(UnavailableError):
            upgrade(empty_database_dsn)
        assert len(seen) == statement
        assert revision(empty_database_dsn)[0] is None
    upgrade(empty_database_dsn)
    found, expected = revision(empty_database_dsn)
    assert found == expected


def test_migrations_only_add_so_that_the_version_before_goes_on_working() -> None:
    taking_away = re.compile(r"\bdrop_|\bDROP\b|\brename_|\bRENAME\b|alter_column|\bDELETE FROM\b")
    for script in (migration_scripts() / "versions").glob("[0-9]*.py"):
        upgrade_alone = script.read_text(encoding="utf-8").partition("def downgrade")[0]
        assert not taking_away.search(upgrade_alone), script.name


async def test_a_migration_does_not_queue_for_ever_behind_somebody_who_holds_a_table(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS[MIGRATOR], "lock_timeout", "100ms")
    async with acting_as(database_dsn, "none") as connection:
        await connection.execute("ALTER TABLE log_tile OWNER TO CURRENT_USER")
        async with connection.transaction():
            await connection.execute("LOCK TABLE log_tile IN ACCESS SHARE MODE")
            with pytest.raises(UnavailableError, match="somebody holds a table"):
                await asyncio.to_thread(upgrade, database_dsn)
    await asyncio.to_thread(upgrade, database_dsn)
