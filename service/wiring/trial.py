"""Ledgers to try things on: a database that is made for it and gone afterwards, whatever happens."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final
from urllib.parse import urlsplit

import asyncpg

from service.ledger.packs import shipped_packs
from service.ledger.ports import Store
from service.ledger.scenarios import TrialLedger
from service.storage.access import AccessStore
from service.storage.postgres import PostgresStore, open_pool
from service.wiring.database import DatabaseError, explain, make_fit
from service.wiring.embedded import throw_away

_CONNECT_SECONDS: Final = 10


@contextmanager
def trial_database(server: str | None) -> Iterator[str]:
    """Yield the DSN of a migrated database that is dropped afterwards.

    It is on the server of the DSN `server`, beside the databases there, or on an embedded server of its own.
    Raises `DatabaseError` and `EmbeddedPostgresError`.
    """
    if server is None:
        with throw_away() as embedded:
            make_fit(embedded.dsn, may_upgrade=True)
            yield embedded.dsn
        return
    name = f"consent_ledger_trial_{secrets.token_hex(6)}"
    asyncio.run(_execute(server, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"))
    try:
        dsn = urlsplit(server)._replace(path=f"/{name}").geturl()
        make_fit(dsn, may_upgrade=True)
        yield dsn
    finally:
        asyncio.run(_execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


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


async def _execute(dsn: str, statement: str) -> None:
    try:
        connection = await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
    except asyncpg.InsufficientPrivilegeError as error:
        raise DatabaseError(
            "this login may not make a database to try things in: give it CREATEDB, or leave DATABASE_URL out"
        ) from error
    except (OSError, ValueError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseError(explain(error)) from error
