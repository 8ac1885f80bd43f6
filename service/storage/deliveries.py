"""A ledger's deliveries on PostgreSQL: turns of workers, each one short transaction."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple
from typing import Any

import asyncpg

from service.ledger.cloud_events import Filter
from service.ledger.deliveries import BREAKER_FAILURES, CONCURRENCY, PROBE_MS, Ended, Endpoint
from service.ledger.delivery_ports import Claimed, EndpointState, Listening, Move, Record
from service.ledger.dispatch import QUEUE_MAX
from service.ledger.subscriptions import NewDelivery
from service.ledger.telling import View
from service.storage.fence import FencedPool
from service.storage.postgres import unavailable_on_failure
from service.storage.queries import SQL

REPLAY_MS = 50
"""One replayed delivery in so many milliseconds: at most twenty a second and endpoint."""
_REPLAY_BURST = CONCURRENCY


class PostgresDeliveries:
    """One ledger's deliveries, for one worker: `owner` is its name, never used twice."""

    def __init__(self, pool: asyncpg.Pool, ledger_id: int, owner: str) -> None:
        self._pool = FencedPool(pool, ledger_id)
        self._ledger_id = ledger_id
        self._owner = owner

    @asynccontextmanager
    async def turn(self) -> AsyncIterator["PostgresTurn"]:
        """Begin a turn; commits on leaving.

        Not waiting for the disk: a turn that a power failure undoes is taken again, whole, from the log.
        """
        with unavailable_on_failure():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute("SET LOCAL synchronous_commit = off")
                yield PostgresTurn(connection, self._ledger_id, self._owner)

    async def listening(self, head: int) -> list[Listening]:
        """Whom the log has something for."""
        with unavailable_on_failure():
            rows = await self._pool.fetch(SQL["listening"], self._ledger_id, head, QUEUE_MAX)
        return [
            Listening(
                row[0],
                row[1],
                Filter(*(frozenset(names) for names in row[2:6])),
                View(row[6], row[7]),
                *row[8:],
            )
            for row in rows
        ]

    async def forget(self, done_before_ms: int, dead_before_ms: int) -> None:
        """Delete deliveries that ended before these times, with their attempts."""
        with unavailable_on_failure():
            for name in ("forget_attempts", "forget_deliveries"):
                await self._pool.fetch(SQL[name], self._ledger_id, done_before_ms, dead_before_ms)


class PostgresTurn:
    """One transaction of one worker."""

    def __init__(self, connection: Any, ledger_id: int, owner: str) -> None:  # noqa: ANN401 - asyncpg ships no types
        self._connection = connection
        self._ledger_id = ledger_id
        self._owner = owner

    async def _fetch(self, name: str, *arguments: object) -> list[Any]:
        rows: list[Any] = await self._connection.fetch(SQL[name], self._ledger_id, *arguments)
        return rows

    async def endpoints(self, ids: Sequence[str]) -> dict[str, EndpointState]:
        """Those that exist, locked."""
        return {
            row[0]: EndpointState(Endpoint(*row[2:]), row[1])
            for row in await self._fetch("endpoints", list(ids))
        }

    async def record(self, records: Sequence[Record], now_ms: int) -> None:
        """Store attempts, and the next states of deliveries whose lease is still ours."""
        if not records:
            return
        claims = [record.attempted.claimed for record in records]
        keys = _columns(
            (claimed.subscription_id, claimed.lane, claimed.position, claimed.attempt) for claimed in claims
        )
        states = _columns(
            (record.next.state, record.attempted.claimed.tries, now_ms)
            if isinstance(record.next, Ended)
            else ("waiting", record.next.tries, record.next.at_ms)
            for record in records
        )
        await self._fetch("end_deliveries", self._owner, now_ms, *keys, *states)
        attempts = _columns(
            (
                record.attempted.started_at_ms,
                record.attempted.ended_at_ms,
                str(record.attempted.answer.outcome),
                record.attempted.answer.status,
                record.sealed_answer,
            )
            for record in records
        )
        await self._fetch("put_attempts", *keys, *attempts)

    async def put_endpoints(self, states: dict[str, EndpointState], now_ms: int) -> None:
        """Store what is remembered of endpoints."""
        if states:
            columns = _columns(
                (name, state.status, state.reason, *astuple(state.endpoint)) for name, state in states.items()
            )
            await self._fetch("put_endpoints", now_ms, *columns)

    async def hasten(self, ids: Sequence[str], now_ms: int) -> None:
        """Make everything that waits for these endpoints due now."""
        await self._fetch("hasten", list(ids), now_ms)

    async def move(self, moves: Sequence[Move]) -> None:
        """Move cursors that are still where they were read, and make the deliveries that come with it."""
        deliveries: list[NewDelivery] = []
        for lane, statement in (("live", "move_cursors"), ("replay", "move_replays")):
            asked = {move.subscription_id: move for move in moves if move.lane == lane}
            if asked:
                columns = _columns((name, move.cursor, move.upto) for name, move in asked.items())
                for (name,) in await self._fetch(statement, *columns):
                    deliveries += asked[name].deliveries
        if deliveries:
            await put_deliveries(self._connection, self._ledger_id, deliveries)

    async def claim(self, now_ms: int, *, lease_until_ms: int, cap: int) -> list[Claimed]:
        """Take what is due, endpoint by endpoint, at most `cap` in flight for each."""
        endpoints = {row[0]: row for row in await self._fetch("claimable", now_ms, BREAKER_FAILURES)}
        claimed: list[Any] = []
        # One lane after the other: each statement sees what the one before has taken.
        for lane in ("control", "live", "replay"):
            asked = [question for row in endpoints.values() if (question := _asked(row, lane, now_ms))]
            if asked:
                columns = _columns(asked)
                claimed += await self._fetch("claim", now_ms, lease_until_ms, self._owner, *columns, cap)
        await self._after_claim(endpoints, claimed, now_ms)
        return [Claimed(row[0], *endpoints[row[0]][1:5], *row[1:]) for row in claimed]

    async def _after_claim(self, endpoints: dict[str, Any], claimed: Sequence[Any], now_ms: int) -> None:
        """Note the probe that is under way, and how much of the slow lane was used."""
        changed = []
        for name, row in endpoints.items():
            lanes = [one[1] for one in claimed if one[0] == name]
            replayed = lanes.count("replay")
            open_until, ready = row[5], row[6]
            if row[4] >= BREAKER_FAILURES and set(lanes) & {"live", "replay"}:
                open_until = now_ms + PROBE_MS
            if replayed:
                ready = max(ready, now_ms - _REPLAY_BURST * REPLAY_MS) + replayed * REPLAY_MS
            if (open_until, ready) != (row[5], row[6]):
                changed.append((name, open_until, ready))
        if changed:
            await self._fetch("after_claim", *_columns(changed))


def _asked(row: Any, lane: str, now_ms: int) -> tuple[str, str, int, bool] | None:  # noqa: ANN401 - a row
    name, _, _, status, failures, open_until, ready = row
    if lane == "control":
        return name, lane, CONCURRENCY, False
    if status != "enabled" or open_until > now_ms:
        return None
    probe = failures >= BREAKER_FAILURES
    room = CONCURRENCY
    if lane == "replay":
        room = min(room, max(now_ms - ready, 0) // REPLAY_MS)
    if probe:
        room = min(room, 1 if lane == "live" else 0)
    return (name, lane, room, probe) if room else None


async def put_deliveries(
    connection: Any,  # noqa: ANN401 - asyncpg ships no types
    ledger_id: int,
    deliveries: Sequence[NewDelivery],
) -> None:
    """Make these deliveries; those that are there already stay as they are."""
    await connection.fetch(SQL["put_deliveries"], ledger_id, *_columns(astuple(one) for one in deliveries))


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
