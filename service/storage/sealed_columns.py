"""What a wrapping key sealed, column by column, and the processes that hold wrapping keys, on PostgreSQL."""

from collections.abc import Sequence
from typing import Final

import asyncpg

from service.ledger.wrapping_ports import Holder, Place, Replacement, Sealed
from service.storage.fence import FencedPool
from service.storage.postgres import unavailable_on_failure
from service.storage.queries import SQL

FIRST: Final[dict[str, Place]] = {
    "subject_secret": (b"",),
    "subscription": ("",),
    "delivery_attempt": ("", "", -1, -1),
    "export": ("",),
    "export_file": ("", -1),
}
"""Each table with such a column, and a place before all of its rows."""


class PostgresSealedColumn:
    """Implements `ledger.wrapping_ports.SealedColumn`. Every method raises `UnavailableError`."""

    def __init__(self, pool: asyncpg.Pool, ledger_id: int, table: str) -> None:
        self._pool = FencedPool(pool, ledger_id)
        self._ledger_id = ledger_id
        self.name = table

    async def count(self) -> int:
        """How many rows hold something."""
        with unavailable_on_failure():
            return int((await self._pool.fetchrow(SQL[f"{self.name}_count"], self._ledger_id))[0])

    async def page(self, after: Place | None, limit: int) -> list[Sealed]:
        """Up to `limit` of them in the order of their keys, from behind this place, or from the first."""
        place = FIRST[self.name] if after is None else after
        with unavailable_on_failure():
            rows = await self._pool.fetch(SQL[f"{self.name}_page"], self._ledger_id, limit, *place)
        return [Sealed(tuple(row)[1:], row[0]) for row in rows]

    async def replace(self, rows: Sequence[Replacement]) -> int:
        """Replace what still is as it was read and nobody holds; how many that were."""
        columns = zip(*(row.place for row in rows), strict=True)
        values = ([row.before for row in rows], [row.after for row in rows], *map(list, columns))
        with unavailable_on_failure():
            return len(await self._pool.fetch(SQL[f"{self.name}_replace"], self._ledger_id, *values))


class PostgresKeyHolders:
    """Implements `ledger.wrapping_ports.KeyHolders`. Every method raises `UnavailableError`."""

    def __init__(self, pool: asyncpg.Pool, ledger_id: int) -> None:
        self._pool = FencedPool(pool, ledger_id)
        self._ledger_id = ledger_id

    async def hold(self, process: str, keys: Sequence[str], *, ended: bool = False) -> None:
        """Note that this process is there and holds these keys, the one that seals first."""
        with unavailable_on_failure():
            await self._pool.execute(SQL["hold_keys"], self._ledger_id, process, list(keys), ended)
            await self._pool.execute(SQL["forget_holders"], self._ledger_id)

    async def all(self) -> list[Holder]:
        """Every process that was seen within a day, the newest first."""
        with unavailable_on_failure():
            rows = await self._pool.fetch(SQL["key_holders"], self._ledger_id)
        return [
            Holder(row["process"], tuple(row["keys"]), row["silent_seconds"], row["ended"]) for row in rows
        ]
