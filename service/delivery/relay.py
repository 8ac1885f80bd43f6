"""The loop of one relay: hold its cursor, publish what the log has, wait for the broker, move the cursor.

Several processes may run one relay: one publishes, the others stand by and take over when it dies. One that
lost its lease without knowing can only repeat what the other publishes too; its cursor it cannot move.
"""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from service.core.errors import LedgerError, QuestionError, StateConflictError, UnavailableError
from service.ledger.delivering.cloud_events import Filter
from service.ledger.delivering.feed import Feed, Page
from service.ledger.delivering.relaying import (
    LEASE_MS,
    PAGE,
    Broker,
    BrokerAwayError,
    Message,
    RelayMeter,
    RelayStore,
    messages_of,
    waves,
)
from service.ledger.delivering.telling import Telling, View
from service.ledger.ports import Bell, Clock

IDLE_SECONDS: Final = 1.0
"""How long at most between two looks: what a lost notification costs."""
STANDBY_SECONDS: Final = 1.0
FIRST_PAUSE_SECONDS: Final = 0.25
LAST_PAUSE_SECONDS: Final = 15.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Course:
    """What a relay publishes. `after`: where one of a new name begins; None: with what is still to come."""

    name: str
    wanted: Filter
    view: View
    after: int | None = None


@dataclass(frozen=True, slots=True)
class RelayParts:
    """What a relay is made of. `owner`: this process, by a name never used twice."""

    feed: Feed
    bell: Bell
    telling: Telling
    rows: RelayStore
    broker: Broker
    meter: RelayMeter
    clock: Clock
    owner: str
    lease_ms: int = LEASE_MS


class _StoppingError(Exception):
    """Asked to stop while the broker is away: what is left waits in the log."""


class Relay:
    """Publishes one ledger's events until it is stopped."""

    def __init__(self, parts: RelayParts, course: Course) -> None:
        self._parts = parts
        self._course = course
        self._stopping = asyncio.Event()
        self._failures = 0
        self._open = False

    def stop(self) -> None:
        """Finish what is on its way, and end."""
        self._stopping.set()

    async def run(self) -> None:
        """Publish until stopped. A database or a broker that is away is waited for.

        Raises `BrokerRefusedError`, and `StateConflictError` for a cursor that belongs elsewhere.
        """
        stood_by = False
        try:
            while not self._stopping.is_set():
                cursor = await self._hold()
                self._parts.meter.holds(leads=cursor is not None)
                if cursor is not None:
                    _log.info("relay_leads", relay=self._course.name, position=cursor)
                    await self._lead(cursor)
                    continue
                if not stood_by:
                    _log.info("relay_stands_by", relay=self._course.name)
                stood_by = True
                await self._pause(STANDBY_SECONDS)
        finally:
            self._parts.meter.holds(leads=False)
            await self._close()
            with suppress(LedgerError):
                await self._parts.rows.release(self._parts.owner)

    async def _hold(self) -> int | None:
        parts, after = self._parts, self._course.after
        try:
            if after is None:
                after = await parts.feed.latest()
            return await parts.rows.hold(parts.broker.destination, parts.owner, after, parts.lease_ms)
        except UnavailableError:
            _log.warning("relay_waits_for_the_database", relay=self._course.name)
            return None

    async def _lead(self, cursor: int) -> None:
        """Publish for as long as the lease is ours; keep it, however long the broker takes."""
        keeping = asyncio.create_task(self._keep())
        publishing = asyncio.create_task(self._publish_from(cursor))
        try:
            await asyncio.wait({keeping, publishing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (keeping, publishing):
                task.cancel()
            ended = await asyncio.gather(keeping, publishing, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    async def _keep(self) -> None:
        """Return when the lease is lost."""
        parts = self._parts
        while True:
            await asyncio.sleep(parts.lease_ms / 3_000)
            with suppress(UnavailableError):
                if await parts.rows.hold(parts.broker.destination, parts.owner, 0, parts.lease_ms) is None:
                    _log.warning("relay_lost_its_lease", relay=self._course.name)
                    return

    async def _publish_from(self, cursor: int) -> None:
        """Page after page, until stopped or somebody else holds the cursor."""
        parts = self._parts
        with suppress(_StoppingError):
            await self._connected()
            while not self._stopping.is_set():
                page, messages = await self._read(cursor)
                for wave in waves(messages):
                    await self._deliver(wave)
                if page.scanned > cursor:
                    if not await self._advance(cursor, page.scanned):
                        return
                    cursor = page.scanned
                parts.meter.behind(max(parts.bell.position - cursor, 0))
                if page.caught_up and not page.events:
                    await self._wait(cursor)

    async def _wait(self, cursor: int) -> None:
        """Return when there may be news, or when asked to stop."""
        news = asyncio.create_task(self._parts.feed.wait(cursor, IDLE_SECONDS))
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({news, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (news, stopping):
            task.cancel()
        await asyncio.gather(news, stopping, return_exceptions=True)

    async def _read(self, cursor: int) -> tuple[Page, list[Message]]:
        parts, course = self._parts, self._course
        while True:
            try:
                page = await parts.feed.read(cursor, course.wanted, limit=PAGE)
                return page, await messages_of(parts.telling, page.events, course.view)
            except UnavailableError:
                await self._stop_or_pause(STANDBY_SECONDS)
            except QuestionError as error:
                raise StateConflictError(
                    f"relay {course.name} stands at position {cursor}, beyond the end of the log: this is"
                    " another log, or an older copy of it. Give the relay another --name"
                ) from error

    async def _advance(self, cursor: int, upto: int) -> bool:
        while True:
            try:
                return await self._parts.rows.advance(self._parts.owner, cursor, upto, self._parts.lease_ms)
            except UnavailableError:
                # What the database made of it is unknown: then the cursor is read again, by whoever holds it.
                if self._stopping.is_set():
                    raise _StoppingError from None
                return False

    async def _deliver(self, wave: list[Message]) -> None:
        """Publish these, again and again until every one is acknowledged."""
        while True:
            await self._connected()
            try:
                await self._parts.broker.publish(wave)
            except BrokerAwayError as error:
                await self._failed(error)
                continue
            self._failures = 0
            now = self._parts.clock()
            for message in wave:
                self._parts.meter.published((now - message.recorded_at_ms) / 1000)
            return

    async def _connected(self) -> None:
        while not self._open:
            try:
                await self._parts.broker.open()
            except BrokerAwayError as error:
                await self._failed(error)
            else:
                self._open = True

    async def _failed(self, error: BrokerAwayError) -> None:
        """Begin anew with the broker, after a while that grows."""
        reason = str(error)
        self._parts.meter.failed(reason)
        await self._close()
        seconds = min(FIRST_PAUSE_SECONDS * 2**self._failures, LAST_PAUSE_SECONDS)
        self._failures = min(self._failures + 1, 16)
        _log.warning("relay_waits_for_the_broker", relay=self._course.name, reason=reason, seconds=seconds)
        await self._stop_or_pause(seconds * random.uniform(0.8, 1.2))  # noqa: S311 - spreads reconnections

    async def _close(self) -> None:
        self._open = False
        await self._parts.broker.close()

    async def _stop_or_pause(self, seconds: float) -> None:
        await self._pause(seconds)
        if self._stopping.is_set():
            raise _StoppingError

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
