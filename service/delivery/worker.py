"""The loop of one worker for one ledger: take a turn, send what it claimed, remember, go on.

Every delivery in flight is a task of its own, so an endpoint that takes its fifteen seconds delays nobody; at
most five of them wait for one endpoint, whoever holds them. Sending holds no connection to the database.
"""

import asyncio
import secrets
from contextlib import suppress
from typing import Final, Protocol

import structlog

from service.core.errors import LedgerError
from service.delivery.sender import Sender
from service.ledger.deliveries import DAY_MS, Answer, Outcome
from service.ledger.delivery_ports import Attempted, Claimed, DeliveryStore
from service.ledger.dispatch import Dispatch
from service.ledger.ports import Bell, Clock
from service.ledger.subscriptions import UPDATED, control_delivery

IDLE_SECONDS: Final = 1.0
"""How long at most between two looks: what a lost notification costs."""
IN_FLIGHT_MAX: Final = 1_000
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
        ended, self._ended = self._ended, []
        try:
            claimed, disabled = await self._dispatch.turn(ended, self._bell.position)
        except BaseException:
            # Nothing was recorded: what came back is remembered by the next turn, or sent again.
            self._ended = ended + self._ended
            raise
        for name in disabled:
            _log.warning("subscription_disabled", subscription=name)
        async for one, body in self._dispatch.requests(claimed):
            task = asyncio.create_task(self._deliver(one, body))
            self._flying.add(task)
            task.add_done_callback(self._flying.discard)
        return self._dispatch.behind or bool(self._ended)

    async def settled(self) -> None:
        """Return when nothing is in flight."""
        while self._flying:
            await asyncio.wait(self._flying)

    async def _try_turn(self) -> bool:
        if len(self._flying) >= IN_FLIGHT_MAX:
            return False
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
        if self._ended:
            with suppress(LedgerError):
                await self._dispatch.record(self._ended)

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
