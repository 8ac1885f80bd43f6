"""Composing workers: one for each ledger of the database, in a process of their own or beside the service."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import asyncpg
import structlog
import uvloop

from service.core.errors import LedgerError
from service.delivery.sender import Sender
from service.delivery.worker import Worker
from service.ledger.delivering.dispatch import Dispatch, Parts
from service.ledger.delivering.feed import Feed
from service.ledger.delivering.heartbeats import Heartbeats
from service.ledger.delivering.subscriptions import Subscriptions
from service.ledger.opening import Opener
from service.ledger.ports import Clock
from service.ledger.vault import Vault, webhook_signing_keys
from service.settings import Settings
from service.storage.access import AccessStore, LedgerRow
from service.storage.deliveries import PostgresDeliveries
from service.storage.head_watch import HeadWatch, Watches
from service.storage.subscriptions import PostgresSubscriptions
from service.telemetry.delivery_metrics import DeliveryMetrics, LedgerDeliveryMetrics
from service.telemetry.metrics import Metrics
from service.wiring.clock import now_ms
from service.wiring.database import database, kept_running, make_fit
from service.wiring.durability import require_durable
from service.wiring.holding import Holding
from service.wiring.keys.sources import key_source
from service.wiring.ledgers import LedgerParts, ledger_parts
from service.wiring.observing import metrics_served
from service.wiring.pools import pooled

_SURVEY_SECONDS = 15.0
_BEAT_SECONDS = 300.0
_LEDGERS_SECONDS = 5.0
_POOL_SIZE = 4
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Delivering:
    """The workers of one process, by the id of their ledger."""

    workers: dict[int, Worker] = field(default_factory=dict)
    watches: dict[int, HeadWatch] = field(default_factory=dict)
    heartbeats: dict[int, Heartbeats] = field(default_factory=dict)
    ledgers: list[LedgerParts] = field(default_factory=list)
    _running: set[asyncio.Task[None]] = field(default_factory=set)

    def start(self, ledger_id: int) -> None:
        """Let one run until `stop`."""
        self._running.add(asyncio.create_task(self.workers[ledger_id].run()))

    async def stop(self, chores: Iterable[asyncio.Task[None]] = ()) -> None:
        """Claim nothing more, drop these chores, and let what is in flight end."""
        for chore in chores:
            chore.cancel()
        for worker in self.workers.values():
            worker.stop()
        for watch in self.watches.values():
            watch.close()
        await asyncio.gather(*self._running, return_exceptions=True)


@asynccontextmanager
async def delivering(
    settings: Settings, dsn: str, metrics: Metrics, *, clock: Clock = now_ms, run: bool = True
) -> AsyncIterator[Delivering]:
    """Workers for every ledger that is begun, also those begun later. `run`: False leaves turns to a test.

    Raises `KeysError`, `DatabaseError` and `UnavailableError`.
    """
    measured, holding = DeliveryMetrics(metrics), Holding("worker")
    async with pooled(dsn, _POOL_SIZE) as pool, Watches(pool, dsn) as watches:
        parts = Delivering()
        sender = Sender(clock, private_allowed=settings.allow_private_sinks)
        chores: list[asyncio.Task[None]] = []

        async def open_new() -> None:
            access = AccessStore(pool)
            for row in await access.ledgers():
                if row.ledger_id in parts.workers or not await access.is_begun(row.ledger_id):
                    continue
                ledger = await _tellable(settings, pool, row, clock)
                if ledger is None:
                    continue
                await holding.tell(ledger)
                meter = measured.of(row.name)
                subscriptions = _open(
                    parts, ledger, pool, watches, sender, meter=meter, in_flight=settings.webhooks_in_flight
                )
                if run:
                    parts.start(row.ledger_id)
                    beside = (_survey(subscriptions, meter), _beat(parts.heartbeats[row.ledger_id]))
                    chores.extend(asyncio.create_task(each) for each in beside)

        await open_new()
        if run:
            chores.append(asyncio.create_task(_again(open_new)))
        async with holding.beside(parts.ledgers):
            try:
                yield parts
            finally:
                await parts.stop(chores)
                await sender.close()


async def _tellable(
    settings: Settings, pool: asyncpg.Pool, row: LedgerRow, clock: Clock
) -> LedgerParts | None:
    """A ledger's parts; None while somebody is in it whom a start of the service will erase again."""
    ledger = ledger_parts(settings, pool, row, key_source(settings, row.name).load(row.origin), clock)
    if await ledger.awaits_erasure():
        _log.warning("waits_until_erased_again", ledger=row.name)
        return None
    return ledger


def _open(  # noqa: PLR0913 - what a worker is made of
    delivering: Delivering,
    ledger: LedgerParts,
    pool: asyncpg.Pool,
    watches: Watches,
    sender: Sender,
    *,
    meter: LedgerDeliveryMetrics,
    in_flight: int,
) -> Subscriptions:
    delivering.ledgers.append(ledger)
    watch = delivering.watches[ledger.ledger_id] = watches.watch(ledger.ledger_id, ledger.store)
    rows = PostgresDeliveries(pool, ledger.ledger_id, os.urandom(8).hex())
    parts = Parts(
        rows=rows,
        store=ledger.store,
        feed=Feed(ledger.store, Opener(ledger.sealer), watch),
        telling=ledger.telling(),
        sealer=ledger.sealer,
        vault=Vault(ledger.keys.wrapping, os.urandom),
        signing=webhook_signing_keys(ledger.keys.wrapping),
        origin=ledger.keys.origin,
        clock=ledger.clock,
    )
    delivering.workers[ledger.ledger_id] = Worker(
        Dispatch(parts, jitter=random.SystemRandom(), in_flight=in_flight),
        rows,
        sender,
        watch,
        clock=ledger.clock,
        meter=meter,
        origin=ledger.keys.origin,
    )
    delivering.heartbeats[ledger.ledger_id] = Heartbeats(
        PostgresSubscriptions(pool, ledger.ledger_id),
        ledger.keys.origin,
        clock=ledger.clock,
        random=os.urandom,
    )
    return ledger.subscriptions


async def _survey(subscriptions: Subscriptions, meter: LedgerDeliveryMetrics) -> None:
    while True:
        with suppress(LedgerError):
            head = await subscriptions.head()
            meter.waiting(
                {
                    (one.subscription_id, one.status): one.waiting + max(head - one.cursor, 0)
                    for one in await subscriptions.list()
                }
            )
        await asyncio.sleep(_SURVEY_SECONDS)


async def _beat(heartbeats: Heartbeats) -> None:
    """Let endpoints that hear nothing for a day know that they are still told."""
    while True:
        with suppress(LedgerError):
            await heartbeats.beat()
        await asyncio.sleep(_BEAT_SECONDS)


async def _again(open_new: Callable[[], Awaitable[None]]) -> None:
    """Look for ledgers that were begun since."""
    while True:
        await asyncio.sleep(_LEDGERS_SECONDS)
        with suppress(LedgerError):
            await open_new()


def work(settings: Settings) -> None:
    """Deliver until SIGTERM or SIGINT; returns when what was in flight has ended and is remembered.

    Raises whatever `delivering`, `make_fit` and the embedded server raise.
    """
    with database(settings) as dsn:
        make_fit(dsn, may_upgrade=settings.database_url is None)
        require_durable(dsn, settings)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_work(settings, dsn))


async def _work(settings: Settings, dsn: str) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    metrics = Metrics()
    async with kept_running(settings), delivering(settings, dsn, metrics) as parts:
        with metrics_served(settings, metrics):
            _log.info("delivering", ledgers=len(parts.workers))
            await stopping.wait()
