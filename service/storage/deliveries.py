"""A ledger's deliveries on PostgreSQL: turns of workers, each one short transaction."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple
from typing import Any

import asyncpg

from service.ledger.delivering.cloud_events import Filter
from service.ledger.delivering.control_events import NewDelivery
from service.ledger.delivering.deliveries import (
    AHEAD,
    BREAKER_FAILURES,
    CLAIMED_MAX,
    PROBE_MS,
    Ended,
    Endpoint,
    Lane,
)
from service.ledger.delivering.dispatch import QUEUE_MAX
from service.ledger.delivering.ports import Claimed, EndpointState, Holding, Key, Listening, Move, Record
from service.ledger.delivering.telling import View
from service.storage.fence import FencedPool
from service.storage.postgres import unavailable_on_failure
from service.storage.queries import SQL

REPLAY_MS = 50
"""One replayed delivery in so many milliseconds: at most twenty a second and endpoint."""
_REPLAY_BURST = 5
_LANES: tuple[Lane, ...] = ("control", "live", "replay")


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

    async def listening(self, head: int, now_ms: int) -> list[Listening]:
        """Whom the log has something for, among those whom something may be sent to now."""
        with unavailable_on_failure():
            rows = await self._pool.fetch(SQL["listening"], self._ledger_id, head, QUEUE_MAX, now_ms)
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
            row[0]: EndpointState(Endpoint(*row[3:]), row[1], row[2])
            for row in await self._fetch("endpoints", list(ids))
        }

    async def record(self, records: Sequence[Record], now_ms: int) -> None:
        """Store attempts, and the next states of deliveries whose lease is still ours."""
        if not records:
            return
        keys = _keys(record.attempted.claimed for record in records)
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

    async def give_back(self, claims: Sequence[Claimed]) -> None:
        """End the leases of what was claimed and not sent: it is as if it had not been claimed."""
        if claims:
            await self._fetch("give_back", self._owner, *_keys(claims))

    async def let_go(self, ids: Sequence[str]) -> None:
        """Leave these endpoints to whichever worker comes first."""
        if ids:
            await self._fetch("let_go", self._owner, sorted(ids))

    async def renew_endpoints(self, ids: Sequence[str], lease_until_ms: int) -> dict[str, bool]:
        """Hold these endpoints until then: those that are still ours, and whether each is enabled."""
        rows = await self._fetch("renew_endpoints", self._owner, lease_until_ms, list(ids))
        return {row[0]: row[1] for row in rows}

    async def renew(self, claims: Sequence[Claimed], lease_until_ms: int) -> set[Key]:
        """Hold these deliveries until then: those that are still ours."""
        if not claims:
            return set()
        return {tuple(row) for row in await self._fetch("renew", self._owner, lease_until_ms, *_keys(claims))}

    async def put_endpoints(self, states: dict[str, EndpointState], now_ms: int, idle: Sequence[str]) -> None:
        """Store what is remembered of endpoints; those that are `idle` are anybody's from now on."""
        if states:
            columns = _columns(
                (name, state.status, state.reason, *astuple(state.endpoint)) for name, state in states.items()
            )
            await self._fetch("put_endpoints", now_ms, *columns, self._owner, list(idle))

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

    async def claim(self, now_ms: int, *, lease_until_ms: int, holding: Holding) -> list[Claimed]:
        """Take what is due, endpoint by endpoint, of those that no other worker holds anything of."""
        rows = await self._fetch("claimable", now_ms, BREAKER_FAILURES, self._owner)
        endpoints = {row[0]: row for row in rows}
        room = _Room(holding, now_ms, CLAIMED_MAX // max(len(endpoints), 1))
        claimed: list[Any] = []
        # One lane after the other: each statement sees what the one before has taken.
        for lane in _LANES:
            asked = [question for row in endpoints.values() if (question := room.asked(row, lane))]
            if asked:
                columns = _columns(asked)
                found = await self._fetch("claim", now_ms, lease_until_ms, self._owner, *columns)
                room.taken.update(row[0] for row in found)
                claimed += found
        await self._after_claim(endpoints, claimed, now_ms, lease_until_ms)
        return [Claimed(row[0], *endpoints[row[0]][1:5], *row[1:]) for row in claimed]

    async def _after_claim(
        self, endpoints: dict[str, Any], claimed: Sequence[Any], now_ms: int, lease_until_ms: int
    ) -> None:
        """Note whose these endpoints are, the probe under way, and how much of the slow lane was used."""
        lanes: dict[str, list[str]] = {}
        for one in claimed:
            lanes.setdefault(one[0], []).append(one[1])
        changed = []
        for name, taken in lanes.items():
            _, _, _, _, failures, open_until, ready, *_ = endpoints[name]
            replayed = taken.count("replay")
            if failures >= BREAKER_FAILURES and {*taken} & {"live", "replay"}:
                open_until = now_ms + PROBE_MS
            if replayed:
                ready = max(ready, now_ms - _REPLAY_BURST * REPLAY_MS) + replayed * REPLAY_MS
            changed.append((name, open_until, ready))
        if changed:
            await self._fetch("after_claim", self._owner, lease_until_ms, *_columns(changed))


class _Room:
    """How many deliveries a worker may still take of each endpoint."""

    def __init__(self, holding: Holding, now_ms: int, share: int) -> None:
        self._holding = holding
        self._now_ms = now_ms
        self._share = share
        self.taken: Counter[str] = Counter()

    def asked(self, row: Any, lane: Lane) -> tuple[str, Lane, int, bool] | None:  # noqa: ANN401 - a row
        """What to ask for in this lane, if anything."""
        if not row[lane]:
            return None
        name, failures, in_flight = row["subscription_id"], row["failures"], self._holding.in_flight
        has = self._holding.held.get(name, 0) + self.taken[name]
        probe = failures >= BREAKER_FAILURES
        if lane == "control":
            room = in_flight  # what concerns the subscription itself waits behind nothing
        elif lane == "replay":
            # What is sent again comes behind what is new: it is not taken ahead.
            room = min(in_flight - has, max(self._now_ms - row["replay_ready_ms"], 0) // REPLAY_MS)
        elif probe:
            room = 1 - has
        else:
            room = (in_flight if failures else max(in_flight, min(AHEAD, self._share))) - has
        return (name, lane, room, probe and lane == "live") if room > 0 else None


async def put_deliveries(
    connection: Any,  # noqa: ANN401 - asyncpg ships no types
    ledger_id: int,
    deliveries: Sequence[NewDelivery],
) -> None:
    """Make these deliveries; those that are there already stay as they are."""
    await connection.fetch(SQL["put_deliveries"], ledger_id, *_columns(astuple(one) for one in deliveries))


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _keys(claims: Iterable[Claimed]) -> list[list[Any]]:
    return _columns((one.subscription_id, one.lane, one.position, one.attempt) for one in claims)
