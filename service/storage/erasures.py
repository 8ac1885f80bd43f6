"""The tables of erasure on PostgreSQL: what was erased, and up to where the log was audited."""

from collections.abc import Sequence

import asyncpg

from service.ledger.erasing.ports import ErasedSubject
from service.storage.fence import FencedPool
from service.storage.postgres import unavailable_on_failure
from service.storage.queries import SQL


class PostgresErasures:
    """The tables of erasure of one ledger. Every method raises `UnavailableError`."""

    def __init__(self, pool: asyncpg.Pool, ledger_id: int) -> None:
        self._pool = FencedPool(pool, ledger_id)
        self._ledger_id = ledger_id

    async def all(self) -> list[ErasedSubject]:
        """Every erasure, oldest first."""
        with unavailable_on_failure():
            rows = await self._pool.fetch(SQL["erasures"], self._ledger_id)
        return [ErasedSubject(*row) for row in rows]

    async def still_held(self, erased: Sequence[ErasedSubject]) -> list[ErasedSubject]:
        """Those of whom contents are held that were recorded by the time they were erased."""
        columns = (
            [getattr(one, name) for one in erased] for name in ("subject_key", "at_ms", "notice", "leaf_hash")
        )
        with unavailable_on_failure():
            rows = await self._pool.fetch(SQL["still_held"], self._ledger_id, *columns)
        return [erased[row[0] - 1] for row in rows]

    async def audited(self, size: int, root: bytes, at_ms: int) -> None:
        """Note that the log of this size and root was replayed, and nothing found."""
        with unavailable_on_failure():
            await self._pool.execute(SQL["put_audit"], self._ledger_id, size, root, at_ms)
