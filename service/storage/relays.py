"""The cursor of one relay on PostgreSQL, held by one process at a time."""

from typing import Any

import asyncpg

from service.core.errors import StateConflictError
from service.storage.fence import FencedPool
from service.storage.postgres import unavailable_on_failure
from service.storage.queries import SQL


class PostgresRelay:
    """Implements `ledger.relaying.RelayStore` for the relay of this name."""

    def __init__(self, pool: asyncpg.Pool, ledger_id: int, name: str) -> None:
        self._pool = FencedPool(pool, ledger_id)
        self._ledger_id = ledger_id
        self._name = name

    async def _fetch(self, statement: str, *arguments: object) -> list[Any]:
        with unavailable_on_failure():
            return await self._pool.fetch(SQL[statement], self._ledger_id, self._name, *arguments)

    async def hold(self, destination: str, owner: str, after: int, lease_ms: int) -> int | None:
        """Take the cursor, or keep it; None: another process holds it. Raises `StateConflictError`."""
        rows = await self._fetch("hold_relay", destination, owner, after, lease_ms)
        if rows:
            return int(rows[0][0])
        for (known,) in await self._fetch("relay_destination"):
            if known != destination:
                raise StateConflictError(
                    f"relay {self._name} publishes to {known}, where its cursor belongs: give this one"
                    " another --name"
                )
        return None

    async def advance(self, owner: str, cursor: int, upto: int, lease_ms: int) -> bool:
        """Move the cursor, and keep it; False when it is no longer ours, or no longer there."""
        return bool(await self._fetch("advance_relay", owner, cursor, upto, lease_ms))

    async def release(self, owner: str) -> None:
        """Let another process go on at once."""
        await self._fetch("release_relay", owner)
