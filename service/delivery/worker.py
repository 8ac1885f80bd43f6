"""The loop of one worker for one ledger: take a turn, send what it claimed, remember, go on.

Every delivery in flight is a task of its own, so an endpoint that takes its fifteen seconds delays nobody; at
most five of them wait for one endpoint, whoever holds them. More are claimed ahead of an endpoint that
answers well, so that it need not wait for the next turn. Sending holds no connection to the database.
"""

import asyncio
import secrets
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, Protocol

import structlog

from service.core.errors import LedgerError
from service.delivery.queues import Queues
from service.delivery.sender import Sender
from service.ledger.delivering.control_events import UPDATED, control_delivery
from service.ledger.delivering.deliveries import DAY_MS, SECOND_MS, Answer, Outcome
from service.ledger.delivering.dispatch import Back, Dispatch
from service.ledger.delivering.ports import Attempted, Claimed, DeliveryStore
from service.ledger.ports import Bell, Clock

IDLE_SECONDS: Final = 1.0
"""How long at most between two looks: what a lost notification costs."""
IN_FLIGHT_MAX: Final = 1_000
"""Sockets of one worker: beyond this it records what ended and claims nothing."""
RENEW_MS: Final = 2 * SECOND_MS
"""How often what waits is looked at again: its lease renewed, or given back where deliveries were paused."""
DONE_KEPT_MS: Final = 7 * DAY_MS
DEAD_KEPT_MS: Final = 90 * DAY_MS
_FORGET_SECONDS: Final = 60.0
_FAILED_SECONDS: Final = 1.0
_log = structlog.get_logger(__name__)


class DeliveryMeter(Protocol):
    """Told how deliveries go, for operators to count."""

    def attempted(self, outcome: str) -> None:
        """An attempt ended."""

    def delivered(self, lag_seconds: float) -> None:
        """An event reached its endpoint so long after it was recorded."""


class Worker:
    """Delivers one ledger's events until it is stopped."""

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        dispatch: Dispatch,
        rows: DeliveryStore,
        sender: Sender,
        bell: Bell,
        *,
        clock: Clock,
        meter: DeliveryMeter,
        origin: str,
    ) -> None:
        self._dispatch = dispatch
        self._rows = rows
        self._sender = sender
        self._bell = bell
        self._clock = clock
        self._meter = meter
        self._origin = origin
        self._ended: list[Attempted] = []
        self._queues = Queues(dispatch.in_flight)
        self._renewed_ms = clock()
        self._flying: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._stopping = False

    def stop(self) -> None:
        """Claim nothing more; what is in flight is finished and remembered."""
        self._stopping = True
        self._news.set()

    async def run(self) -> None:
        """Take turns until stopped. A database that is away is waited for."""
        listening = asyncio.create_task(self._listen())
        forgetting = asyncio.create_task(self._forget())
        try:
            while not self._stopping:
                self._news.clear()
                more = await self._try_turn()
                if not more and not self._stopping:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), IDLE_SECONDS)
        finally:
            listening.cancel()
            forgetting.cancel()
            await self._finish()

    async def turn(self) -> bool:
        """One turn; whether another one is to follow at once."""
        if self._bell.position < 0:
            self._bell.heard(await self._dispatch.latest())
        await self._renew()
        back, self._ended = Back(self._ended, self._queues.returned()), []
        held = self._queues.held()
        try:
            if len(self._flying) >= IN_FLIGHT_MAX:
                await self._dispatch.record(back, held)
                return False
            taken = await self._dispatch.turn(back, self._bell.position, held)
        except BaseException:
            # Nothing was recorded: what came back is remembered by the next turn, or sent again.
            self._ended = [*back.ended, *self._ended]
            self._queues.give_back(back.unsent)
            raise
        for name in taken.disabled:
            _log.warning("subscription_disabled", subscription=name)
        try:
            requests = [request async for request in self._dispatch.requests(taken.claimed)]
        except BaseException:
            self._queues.give_back(taken.claimed)
            raise
        for one, body in requests:
            self._queues.put(one, body, taken.lease_until_ms)
        self._start({one.subscription_id for one in taken.claimed})
        return self._dispatch.behind or bool(self._ended)

    async def settled(self) -> None:
        """Return when nothing is in flight."""
        while self._flying:
            await asyncio.wait(self._flying)

    def _start(self, names: Iterable[str]) -> None:
        """Send what these endpoints have room for."""
        if self._stopping:
            return
        for one, body in self._queues.start(names, self._clock()):
            task = asyncio.create_task(self._deliver(one, body))
            self._flying.add(task)
            task.add_done_callback(self._flying.discard)

    async def _renew(self) -> None:
        """Keep what waits behind slow answers; give back what is no longer ours or not to be sent."""
        held = self._queues.held()
        if not held or self._clock() - self._renewed_ms < RENEW_MS:
            return
        self._renewed_ms = self._clock()
        claims = self._queues.claims(self._dispatch.renew_below_ms())
        ours, kept, until = await self._dispatch.renew(sorted(held), claims)
        self._queues.renewed(claims, kept, until)
        for name in held:
            if not ours.get(name, False):
                self._queues.withdraw(name, ("live", "replay"))

    async def _try_turn(self) -> bool:
        try:
            return await self.turn()
        except LedgerError as error:
            _log.warning("delivery_waits_for_the_database", reason=str(error))
        except Exception as error:  # noqa: BLE001 - a worker that died silently would be worse than one that repeats
            _log.error("delivery_turn_failed", exc_info=error)
        await asyncio.sleep(_FAILED_SECONDS)
        return False

    async def _deliver(self, claimed: Claimed, body: bytes) -> None:
        started = self._clock()
        answer = await self._attempt(claimed, body)
        ended = Attempted(claimed, answer, started, self._clock())
        self._meter.attempted(str(answer.outcome))
        if answer.delivered and claimed.lane == "live":
            self._meter.delivered((ended.ended_at_ms - claimed.recorded_at_ms) / 1000)
        with suppress(LedgerError):
            if reason := await self._dispatch.would_disable(ended):
                await self._announce(claimed, reason)
        self._ended.append(ended)
        self._queues.landed(claimed, delivered=answer.delivered)
        self._start((claimed.subscription_id,))
        self._news.set()

    async def _attempt(self, claimed: Claimed, body: bytes) -> Answer:
        try:
            headers = self._dispatch.headers(claimed, body)
            return await self._sender.send(claimed.url, headers, body)
        except Exception as error:  # noqa: BLE001 - one poisonous delivery must not stop the others
            _log.error("delivery_failed", subscription=claimed.subscription_id, exc_info=error)
            return Answer(Outcome.UNREACHABLE)

    async def _announce(self, claimed: Claimed, reason: str) -> None:
        """Tell the endpoint that it is about to be disabled, before it is. It may well not hear it."""
        event_id = f"evt_{secrets.token_hex(16)}"
        data = {"status": "disabled", "reason": reason, "position": claimed.position}
        event = control_delivery(
            self._origin, claimed.subscription_id, event_id, UPDATED, data, now_ms=self._clock()
        )
        notice = Claimed(
            claimed.subscription_id,
            claimed.url,
            claimed.secrets,
            claimed.status,
            claimed.failures,
            lane="control",
            position=0,
            subject_key=event.subject_key,
            event_id=event_id,
            type=UPDATED,
            body=event.body,
            sealed=None,
            tries=0,
            attempt=1,
            due=True,
            recorded_at_ms=event.recorded_at_ms,
        )
        await self._attempt(notice, event.body)

    async def _finish(self) -> None:
        """Let what is in flight end, and remember it."""
        await self.settled()
        for name in self._queues.held():
            self._queues.withdraw(name)
        back = Back(self._ended, self._queues.returned())
        if back.ended or back.unsent:
            with suppress(LedgerError):
                await self._dispatch.record(back, {})

    async def _listen(self) -> None:
        """Wake the loop as soon as the log grows."""
        position = self._bell.position
        while not self._stopping:
            await self._bell.wait(position, IDLE_SECONDS)
            if self._bell.position > position:
                position = self._bell.position
                self._news.set()

    async def _forget(self) -> None:
        """Delete what nobody looks at any more."""
        while True:
            now = self._clock()
            try:
                await self._rows.forget(now - DONE_KEPT_MS, now - DEAD_KEPT_MS)
            except LedgerError as error:
                _log.warning("delivery_waits_for_the_database", reason=str(error))
            await asyncio.sleep(_FORGET_SECONDS)
