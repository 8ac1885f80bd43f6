"""Row security: a session inside one ledger sees and writes nothing of another, whatever it says."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest

from service.storage.fence import AT_THE_DOOR, FencedConnection, FencedPool
from service.storage.postgres import open_pool
from service.storage.queries import SQL

OURS, THEIRS = 1, 2
FENCED = """
    SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AS fenced
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    AND a.attname = 'ledger_id' AND NOT a.attisdropped ORDER BY 1
"""
HASH = "decode(repeat('00', 32), 'hex')"
# One row of each table, as another ledger's owner would write it.
ROWS = {
    "log_head": f"($1, 1, 0, 0, 0, 0, {HASH}, '', {HASH}, {HASH}, {HASH}, '')",
    "log_entry": f"($1, 0, '', {HASH}, NULL, NULL)",
    "log_tile": f"($1, 1, 0, {HASH})",
    "checkpoint": "($1, 1, '')",
    "cosignature": "($1, 1, 'witness.example/w1', '')",
    "checkpoint_timestamp": f"($1, 1, {HASH}, '', 0)",
    "document": f"($1, {HASH}, 'form', 0, '')",
    "subject": f"($1, {HASH}, 1, 0, {HASH}, '')",
    "map_stratum": "($1, '', '')",
    "sealed_record": f"($1, 0, {HASH}, '', NULL)",
    "subject_secret": f"($1, {HASH}, '', '')",
    "key_holder": "($1, 'p', '{k}', now(), false)",
    "external_id": f"($1, {HASH}, {HASH}, '')",
    "relay": "($1, 'r', '', 0, NULL, 0)",
    "erasure": f"($1, 0, {HASH}, {HASH}, 0, 0)",
    "sound_audit": f"($1, 1, {HASH}, 0)",
    "idempotency": f"($1, {HASH}, {HASH}, '', 0, 0, NULL)",
    "quota_use": "($1, 'key', 0, 1, 0, NULL)",
    "subscription": "($1, 's', '', '', 'paused', '{}', '{}', '{}', '{}', false, NULL, '', 0, 0, 0, 0, 0, 0,"
    " NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL)",
    "delivery": "($1, 's', 'live', '', '', 'done', 0, 0, 0, 0, '', '', 0, 0, NULL, NULL, NULL)",
    "export": "($1, 'e', 'ready', 'ledger', '', 0, 0, 0, '', 1, 0, 0, 0, NULL)",
    "export_file": f"($1, 'e', 0, '', 0, 0, 0, 0, {HASH}, {HASH}, 0, NULL)",
    "delivery_attempt": "($1, 's', 'live', '', 0, 0, 0, 1, NULL, NULL)",
}


# Statements of the hot paths, arguments for them, and what their index must still be asked for.
INDEXED = {
    "standings": ("1, ARRAY['x'::bytea]", "subject_key = ANY"),
    "subjects": ("1, ARRAY['x'::bytea]", "subject_key = ANY"),
    "known": ("1, ARRAY['x'::bytea]", "dedup_key = ANY"),
    "strata": ("1, ARRAY['x']", "prefix = ANY"),
    "leaf_hashes": ("1, 0, 10", "index >="),
    "external_ids": ("1, ARRAY['x'::bytea], 'x'", "subject_key = ANY"),
    "records_of": ("1, 'x'", "subject_key ="),
    "covering_checkpoint": ("1, 5", "size >"),
    "successions": ("1", "ledger_id ="),
    "subject_secret_page": ("1, 10, 'x'", "subject_key >"),
}


@contextmanager
def refused() -> Iterator[None]:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        yield


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    async with await open_pool(database_dsn, size=1) as pool:
        door = FencedPool(pool, AT_THE_DOOR)
        for name in ("ours", "theirs"):
            await door.execute("INSERT INTO ledger (name, origin, created_at) VALUES ($1, $1, now())", name)
        yield pool


async def test_every_table_with_rows_of_a_ledger_is_fenced(database_dsn: str) -> None:
    connection = await asyncpg.connect(database_dsn)
    try:
        tables = dict(await connection.fetch(FENCED))
    finally:
        await connection.close()
    assert all(tables.values()), tables
    assert tables.keys() >= ROWS.keys() | {"ledger", "api_key"}


@pytest.mark.parametrize("table", ROWS)
async def test_a_session_in_another_ledger_sees_nothing_and_writes_nothing(
    pool: asyncpg.Pool, table: str
) -> None:
    ours, theirs = FencedPool(pool, OURS), FencedPool(pool, THEIRS)
    insert = f"INSERT INTO {table} VALUES {ROWS[table]}"  # noqa: S608 - from this file
    await theirs.execute(insert, THEIRS)
    assert len(await theirs.fetch(f"SELECT FROM {table}")) == 1
    assert await ours.fetch(f"SELECT FROM {table} WHERE ledger_id = $1", THEIRS) == []
    with refused():
        await ours.execute(insert, THEIRS)


@pytest.mark.parametrize("table", [table for table in ROWS if table != "quota_use"])
async def test_a_session_that_names_no_ledger_sees_nothing_and_writes_nothing(
    pool: asyncpg.Pool, table: str
) -> None:
    door, ours = FencedPool(pool, AT_THE_DOOR), FencedPool(pool, OURS)
    insert = f"INSERT INTO {table} VALUES {ROWS[table]}"  # noqa: S608 - from this file
    await ours.execute(insert, OURS)
    assert await door.fetch(f"SELECT FROM {table}") == []
    with refused():
        await door.execute(insert, THEIRS)


@pytest.mark.parametrize("table", ["subject", "map_stratum", "log_head", "idempotency"])
async def test_what_may_be_changed_is_changed_in_the_own_ledger_only(pool: asyncpg.Pool, table: str) -> None:
    theirs = FencedPool(pool, THEIRS)
    await theirs.execute(f"INSERT INTO {table} VALUES {ROWS[table]}", THEIRS)  # noqa: S608 - from this file
    changed = await FencedPool(pool, OURS).execute(
        f"UPDATE {table} SET ledger_id = ledger_id WHERE ledger_id = $1",  # noqa: S608 - from this file
        THEIRS,
    )
    assert changed == "UPDATE 0"


async def test_keys_of_another_ledger_are_seen_at_the_door_only(pool: asyncpg.Pool) -> None:
    insert = """
        INSERT INTO api_key (key_id, ledger_id, label, secret_sha256, scopes, created_at, expires_at)
        VALUES ('k', $1, '', sha256(''), '{}', now(), now())
    """
    await FencedPool(pool, THEIRS).execute(insert, THEIRS)
    assert len(await FencedPool(pool, AT_THE_DOOR).fetch("SELECT FROM api_key")) == 1
    assert await FencedPool(pool, OURS).fetch("SELECT FROM api_key") == []
    assert [row[0] for row in await FencedPool(pool, OURS).fetch("SELECT name FROM ledger")] == ["ours"]
    with refused():
        await FencedPool(pool, OURS).execute(insert.replace("'k'", "'l'"), THEIRS)
    with refused():
        await FencedPool(pool, AT_THE_DOOR).execute(insert.replace("'k'", "'m'"), OURS)


async def test_a_session_says_where_it_is_only_when_that_changes(pool: asyncpg.Pool) -> None:
    said = []
    async with pool.acquire() as connection:
        connection.add_query_logger(lambda query: said.append(query.query))
        for ledger in (OURS, OURS, THEIRS, OURS):
            await connection.enter(ledger)
    assert len(said) == 3


class Interrupted(FencedConnection):
    """A session whose user is cancelled when the server has done what it was told, but has not said so."""

    interrupting = False

    async def execute(self, query: str, *arguments: object, **how: Any) -> str:  # noqa: ANN401 - as the driver
        """As the driver does it, and then cancelled if it is to be."""
        said: str = await super().execute(query, *arguments, **how)
        if self.interrupting:
            raise asyncio.CancelledError
        return said


async def test_a_session_whose_move_was_cancelled_says_again_where_it_is(database_dsn: str) -> None:
    session = await asyncpg.connect(database_dsn, connection_class=Interrupted)
    await session.enter(OURS)
    session.interrupting = True
    with pytest.raises(asyncio.CancelledError):
        await session.enter(AT_THE_DOOR)
    session.interrupting = False
    await session.enter(OURS)
    assert await session.fetchval("SELECT current_setting('consent_ledger.ledger_id')") == str(OURS)
    await session.close()


async def test_the_few_successions_are_found_by_an_index_of_their_own(pool: asyncpg.Pool) -> None:
    async with FencedPool(pool, OURS).acquire() as connection:
        await connection.execute(f"PREPARE few AS {SQL['successions']}")
        plan = "\n".join(row[0] for row in await connection.fetch("EXPLAIN EXECUTE few(1)"))
        await connection.execute("DEALLOCATE few")
    assert "log_entry_succession" in plan


@pytest.mark.parametrize("name", INDEXED)
async def test_row_security_leaves_a_hot_statement_all_of_its_index(pool: asyncpg.Pool, name: str) -> None:
    arguments, condition = INDEXED[name]
    async with FencedPool(pool, OURS).acquire() as connection:
        await connection.execute(f"PREPARE hot AS {SQL[name]}")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE hot({arguments})"))
        await connection.execute("DEALLOCATE hot")
    assert any("Index Cond" in line and condition in line for line in plan.split("\n")), plan
    assert "One-Time Filter" in plan, "the policy is looked at once a statement, not once a row"
