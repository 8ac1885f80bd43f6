"""Ledgers to try things on: a database that is made for it and gone afterwards, whatever happens."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from service.ledger.packs import shipped_packs
from service.ledger.ports import Store
from service.ledger.scenarios import TrialLedger
from service.storage.access import AccessStore
from service.storage.postgres import PostgresStore, open_pool
from service.wiring.database import UNREACHABLE, DatabaseError, explain, make_fit
from service.wiring.embedded.server import throw_away

_CONNECT_SECONDS: Final = 10
_PREFIX: Final = "consent_ledger_trial_"
_NUMBER_BITS: Final = 48

_OURS: Final = """
    SELECT datname FROM pg_database WHERE datname ~ $1 AND pg_get_userbyid(datdba) = current_user
"""
# The advisory locks of every database of the server, each with its number in two halves.
_HELD: Final = """
    SELECT (classid::bigint << 32) | objid::bigint AS number FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
"""


@contextmanager
def trial_database(server: str | None) -> Iterator[str]:
    """Yield the DSN of a migrated database that is dropped afterwards.

    It is on the server of the DSN `server`, beside the databases there, or on an embedded server of its own.
    What a process that was killed left on that server is dropped first.
    Raises `DatabaseError` and `EmbeddedPostgresError`.
    """
    if server is None:
        with throw_away() as embedded:
            make_fit(embedded.dsn, may_upgrade=True)
            yield embedded.dsn
        return
    with asyncio.Runner() as runner:
        connection = runner.run(_connect(server))
        name = runner.run(_create(connection))
        try:
            dsn = urlsplit(server)._replace(path=f"/{name}").geturl()
            make_fit(dsn, may_upgrade=True)
            yield dsn
        finally:
            connection.terminate()
            runner.run(_drop(server, name))


@asynccontextmanager
async def trial_ledger(dsn: str) -> AsyncIterator[TrialLedger]:
    """A ledger for one case after the other, each of its own rows, in this migrated database."""
    pool = await open_pool(dsn, size=2)
    access = AccessStore(pool)

    async def open_store(origin: str) -> Store:
        row = await access.ensure_ledger(origin.replace("/", "-").replace(".", "-"), origin, 0)
        return PostgresStore(pool, row.ledger_id)

    try:
        yield TrialLedger(open_store, os.urandom, shipped_packs())
    finally:
        await pool.close()


async def _connect(server: str) -> asyncpg.Connection:
    with _in_one_line():
        return await asyncpg.connect(server, timeout=_CONNECT_SECONDS)


async def _create(connection: asyncpg.Connection) -> str:
    """Make a database that is ours as long as this connection lives, after those whose owners died."""
    number = secrets.randbits(_NUMBER_BITS)
    name = f"{_PREFIX}{number:0{_NUMBER_BITS // 4}x}"
    with _in_one_line():
        # Held before there is a database: whoever sees one without its lock knows that its owner is gone.
        await connection.execute("SELECT pg_advisory_lock($1)", number)
        await _drop_abandoned(connection)
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    return name


async def _drop_abandoned(connection: asyncpg.Connection) -> None:
    # Databases first: whoever begins meanwhile is not among them, and whoever is has had its lock before.
    names = await connection.fetch(_OURS, f"^{_PREFIX}[0-9a-f]{{{_NUMBER_BITS // 4}}}$")
    held = {row["number"] for row in await connection.fetch(_HELD)}
    for name in (str(row["datname"]) for row in names):
        if int(name.removeprefix(_PREFIX), 16) not in held:
            with suppress(asyncpg.PostgresError):  # another may be dropping it just now
                await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def _drop(server: str, name: str) -> None:
    connection = await _connect(server)
    try:
        with _in_one_line():
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    finally:
        await connection.close()


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        raise DatabaseError(
            "this login may not make a database to try things in: give it CREATEDB, or leave DATABASE_URL out"
        ) from error
    except UNREACHABLE as error:
        raise DatabaseError(explain(error)) from error
