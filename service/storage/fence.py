"""The second fence between tenants: every session says which ledger it works for, and sees no other's rows.

Statements name their ledger anyway; row security (PostgreSQL, forced, in the migrations) makes a statement
that names another one, or forgets to, find nothing and write nothing. The setting belongs to the session, and
a connection knows what it last said, so a service with one ledger says it once a connection, and one with
many pays a round trip only where a connection changes hands between two of them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

AT_THE_DOOR = None
"""No ledger yet: keys and ledgers may be read, to find out who is calling, and nothing else."""

_ENTER = "SELECT set_config('consent_ledger.ledger_id', $1, false)"


class FencedConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """A connection that knows which ledger its session is in."""

    _inside: int | None = AT_THE_DOOR
    _knows: bool = True

    async def enter(self, ledger_id: int | None) -> None:
        """Work for this ledger from now on; a round trip unless the session is there already.

        Outside any transaction, so that no rollback can undo it unseen.
        """
        if self._inside != ledger_id or not self._knows:
            self._knows = False  # whoever is cancelled meanwhile does not hear whether it was done
            await self.execute(_ENTER, "" if ledger_id is None else str(ledger_id))
            self._inside, self._knows = ledger_id, True


class FencedPool:
    """One ledger's view of a pool that all ledgers share."""

    def __init__(self, pool: asyncpg.Pool, ledger_id: int | None) -> None:
        self._pool = pool
        self._ledger_id = ledger_id

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        """A connection inside the ledger."""
        async with self._pool.acquire() as connection:
            await connection.enter(self._ledger_id)
            yield connection

    async def fetch(self, statement: str, *arguments: object) -> list[Any]:
        """All rows of one statement."""
        async with self.acquire() as connection:
            rows: list[Any] = await connection.fetch(statement, *arguments)
        return rows

    async def fetchrow(self, statement: str, *arguments: object) -> Any:  # noqa: ANN401 - asyncpg ships no types
        """The first row of one statement, or None."""
        rows = await self.fetch(statement, *arguments)
        return rows[0] if rows else None

    async def execute(self, statement: str, *arguments: object) -> str:
        """Run one statement; its command tag."""
        async with self.acquire() as connection:
            tag: str = await connection.execute(statement, *arguments)
        return tag
