"""What others attest of checkpoints, on PostgreSQL: inserted once, and never changed."""

from typing import Any

import asyncpg

from service.ledger.stamps import timestamp_digest
from service.storage.fence import FencedPool
from service.storage.postgres import unavailable_on_failure
from service.storage.queries import SQL

_ANY_SIZE = 2**63 - 1


class PostgresAttestations:
    """Attestations of one ledger in one database."""

    def __init__(self, pool: asyncpg.Pool, ledger_id: int) -> None:
        self._pool = FencedPool(pool, ledger_id)
        self._ledger_id = ledger_id

    async def cosigned_size(self, witness: str, at_most: int) -> int:
        """The greatest size, up to this one, that the witness cosigned; 0: none."""
        rows = await self._fetch("cosigned_size", witness, at_most)
        return int(rows[0][0])

    async def put_cosignature(self, size: int, witness: str, line: str) -> None:
        """Keep a signature line."""
        await self._fetch("put_cosignature", size, witness, line)

    async def newest_timestamp(self) -> tuple[int, int]:
        """Size and time (milliseconds) of the newest time stamp; zeros: there is none."""
        rows = await self._fetch("timestamps", 0, _ANY_SIZE, 1)
        return (rows[0][0], rows[0][3]) if rows else (0, 0)

    async def put_timestamp(self, size: int, token: bytes, stamped_at_ms: int) -> None:
        """Keep a time-stamp response, unless one of this size or a greater is kept."""
        arguments = (size, timestamp_digest(token), token, stamped_at_ms)
        with unavailable_on_failure():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.fetch(SQL["lock_head"], self._ledger_id)
                await connection.fetch(SQL["put_timestamp"], self._ledger_id, *arguments)

    async def _fetch(self, name: str, *arguments: object) -> list[Any]:
        with unavailable_on_failure():
            async with self._pool.acquire() as connection:
                rows: list[Any] = await connection.fetch(SQL[name], self._ledger_id, *arguments)
                return rows
