"""A ledger's subscriptions on PostgreSQL: made, looked at, paused, resumed, deleted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import asyncpg

from service.core.errors import NotFoundError
from service.ledger.delivering.cloud_events import Filter
from service.ledger.delivering.control_events import NewDelivery
from service.ledger.delivering.deliveries import Endpoint, Lane
from service.ledger.delivering.subscriptions import (
    AttemptRow,
    Definition,
    DeliveryRow,
    State,
    Status,
    Subscription,
)
from service.storage.deliveries import put_deliveries
from service.storage.fence import FencedPool
from service.storage.postgres import unavailable_on_failure
from service.storage.queries import SQL


class PostgresSubscriptions:
    """One ledger's subscriptions. What names one that is not there raises `NotFoundError`."""

    def __init__(self, pool: asyncpg.Pool, ledger_id: int) -> None:
        self._pool = FencedPool(pool, ledger_id)
        self._ledger_id = ledger_id

    async def _fetch(self, name: str, *arguments: object) -> list[Any]:
        with unavailable_on_failure():
            return await self._pool.fetch(SQL[name], self._ledger_id, *arguments)

    @asynccontextmanager
    async def _locked(self, subscription_id: str) -> AsyncIterator[Any]:
        with unavailable_on_failure():
            async with self._pool.acquire() as connection, connection.transaction():
                if not await connection.fetch(SQL["lock_subscription"], self._ledger_id, subscription_id):
                    raise _missing()
                yield connection

    async def create(self, subscription_id: str, asked: Definition, secrets: bytes, now_ms: int) -> None:
        """Store a new one, pending; its cursor is `asked.after`."""
        wanted = asked.wanted
        names = (sorted(kind) for kind in (wanted.types, wanted.senders, wanted.categories, wanted.channels))
        await self._fetch(
            "create_subscription",
            *(subscription_id, asked.name, asked.url, *names),
            *(asked.with_address, secrets, now_ms, asked.after, asked.source),
        )

    async def find(self, subscription_id: str | None = None) -> list[Subscription]:
        """All of them, oldest first, or the one of this id if there is one."""
        return [_subscription(row) for row in await self._fetch("subscriptions", subscription_id)]

    async def tell(self, subscription_id: str, event: NewDelivery, status: Status | None = None) -> None:
        """Make a control delivery, and set the status with it."""
        async with self._locked(subscription_id) as connection:
            await self._put_control(connection, event)
            if status is not None:
                await connection.fetch(SQL["set_status"], self._ledger_id, subscription_id, status, None)

    async def quiet(self, since_ms: int) -> list[str]:
        """Enabled subscriptions to which nothing was sent since, and nothing is on its way."""
        return [row[0] for row in await self._fetch("quiet", since_ms, None)]

    async def tell_quiet(self, subscription_id: str, event: NewDelivery, since_ms: int) -> bool:
        """Make a control delivery if that is still so: of several workers, one does."""
        with suppress(NotFoundError):
            async with self._locked(subscription_id) as connection:
                if await connection.fetch(SQL["quiet"], self._ledger_id, since_ms, subscription_id):
                    await self._put_control(connection, event)
                    return True
        return False

    async def resume(self, subscription_id: str, event: NewDelivery, now_ms: int) -> None:
        """Enable, forget old failures, send what waits now; and make a control delivery."""
        async with self._locked(subscription_id) as connection:
            await connection.fetch(SQL["revive"], self._ledger_id, subscription_id, now_ms)
            await connection.fetch(SQL["restart"], self._ledger_id, subscription_id, now_ms)
            await self._put_control(connection, event)

    async def move(self, subscription_id: str, url: str, event: NewDelivery, now_ms: int) -> None:
        """Send elsewhere from now on: pending, without old failures; and make a control delivery."""
        async with self._locked(subscription_id) as connection:
            await connection.fetch(SQL["move_url"], self._ledger_id, subscription_id, url, now_ms)
            await self._put_control(connection, event)

    async def _put_control(self, connection: Any, event: NewDelivery) -> None:  # noqa: ANN401 - asyncpg ships no types
        number = await connection.fetchval(SQL["next_control"], self._ledger_id, event.subscription_id)
        await put_deliveries(connection, self._ledger_id, [replace(event, position=number)])

    async def set_secrets(self, subscription_id: str, before: bytes, after: bytes) -> bool:
        """Replace the sealed secrets; False when they are no longer `before`."""
        return bool(await self._fetch("set_secrets", subscription_id, before, after))

    async def begin_replay(self, subscription_id: str, after: int, to: int) -> bool:
        """Replay positions `after` < p ≤ `to`; False while another replay runs."""
        return bool(await self._fetch("begin_replay", subscription_id, after, to))

    async def replay_dead(self, subscription_id: str, after: int, to: int, now_ms: int) -> int:
        """Send those of this range again that were given up; how many."""
        return len(await self._fetch("replay_dead", subscription_id, after, to, now_ms))

    async def deliveries(
        self, subscription_id: str, lane: Lane, before: int, state: State | None, limit: int
    ) -> list[DeliveryRow]:
        """Deliveries below a position, newest first."""
        rows = await self._fetch("deliveries", subscription_id, lane, before, state, limit)
        return [DeliveryRow(*row) for row in rows]

    async def attempts(self, subscription_id: str, lane: Lane, position: int) -> list[AttemptRow]:
        """The attempts at one delivery, oldest first."""
        return [AttemptRow(*row) for row in await self._fetch("attempts", subscription_id, lane, position)]

    async def delete(self, subscription_id: str) -> None:
        """Remove it and everything that is on its way to it."""
        async with self._locked(subscription_id) as connection:
            for name in ("delete_attempts", "delete_deliveries", "delete_subscription"):
                await connection.fetch(SQL[name], self._ledger_id, subscription_id)


def _missing() -> NotFoundError:
    return NotFoundError("there is no subscription of this id")


def _subscription(row: Any) -> Subscription:  # noqa: ANN401 - a row
    wanted = Filter(*(frozenset(names) for names in row[3:7]))
    values: list[Any] = [*row[:3], wanted, *row[7:15], Endpoint(*row[15:21]), *row[21:]]
    return Subscription(*values)
