"""Connections to a database, and whether it answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from service.core.errors import UnavailableError
from service.storage.postgres import open_pool, unavailable_on_failure
from service.telemetry.metrics import Metrics
from service.wiring.database import DatabaseError, explain

_PROBE_SECONDS = 2.0


@asynccontextmanager
async def pooled(dsn: str, size: int) -> AsyncIterator[asyncpg.Pool]:
    """A pool for as long as it is needed. Raises `DatabaseError` and `UnavailableError`."""
    try:
        pool = await open_pool(dsn, size=size)
    except (ValueError, asyncpg.PostgresError) as error:
        raise DatabaseError(explain(error)) from error
    try:
        yield pool
    finally:
        await pool.close()


class Probe:
    """Asks the database something. One question at a time: on a silent server even giving up takes long."""

    def __init__(self, pool: asyncpg.Pool, metrics: Metrics) -> None:
        self._pool = pool
        self._metrics = metrics
        self._asking: asyncio.Task[object] | None = None

    async def __call__(self) -> None:
        """Raises `UnavailableError`."""
        self._metrics.database_up.set(0)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._pool.fetchval("SELECT 1"))
            self._asking.add_done_callback(lambda asking: asking.cancelled() or asking.exception())
        asking = self._asking
        if not (await asyncio.wait([asking], timeout=_PROBE_SECONDS))[0]:
            raise UnavailableError("the database does not answer")
        with unavailable_on_failure():
            asking.result()
        self._metrics.database_up.set(1)
