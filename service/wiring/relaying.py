"""Composing a relay: one ledger, one broker, one cursor, in a process of its own."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import uvloop

from service.core.errors import NotFoundError, UnavailableError
from service.delivery.brokers import broker_of
from service.delivery.relay import Course, Relay, RelayParts
from service.ledger.delivering.feed import Feed
from service.ledger.delivering.relaying import LEASE_MS, Broker
from service.ledger.opening import Opener
from service.settings import Settings, SettingsError
from service.storage.access import AccessStore
from service.storage.head_watch import Watches
from service.storage.relays import PostgresRelay
from service.telemetry.metrics import Metrics
from service.telemetry.relay_metrics import RelayMetrics
from service.wiring.clock import now_ms
from service.wiring.database import database, kept_running, make_fit
from service.wiring.durability import require_durable
from service.wiring.holding import Holding
from service.wiring.keys.sources import key_source
from service.wiring.ledgers import ledger_parts
from service.wiring.observing import metrics_served
from service.wiring.pools import pooled

_POOL_SIZE = 2
_log = structlog.get_logger(__name__)


def publish(settings: Settings, course: Course) -> None:
    """Publish until SIGTERM or SIGINT; returns when what was on its way is acknowledged and remembered.

    Raises `SettingsError`, `BrokerRefusedError`, `StateConflictError`, and what opening the database raises.
    """
    _broker(settings)  # a wrong URL is told before a server is started
    with database(settings) as dsn:
        make_fit(dsn, may_upgrade=settings.database_url is None)
        require_durable(dsn, settings)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_publish(settings, dsn, course))


@asynccontextmanager
async def relaying(
    settings: Settings, dsn: str, course: Course, metrics: Metrics, *, lease_ms: int = LEASE_MS
) -> AsyncIterator[Relay]:
    """A relay, not started, of the ledger that the settings name.

    Raises `NotFoundError`, `KeysError`, `BrokerRefusedError` and `UnavailableError`.
    """
    async with pooled(dsn, _POOL_SIZE) as pool, Watches(pool, dsn) as watches:
        access = AccessStore(pool)
        row = await access.ledger(settings.ledger)
        if not await access.is_begun(row.ledger_id):
            raise NotFoundError(f"ledger {row.name} is not begun: start the service once")
        keys = key_source(settings, row.name).load(row.origin)
        ledger = ledger_parts(settings, pool, row, keys)
        if await ledger.awaits_erasure():
            raise UnavailableError(
                "a restored backup brought back somebody who was erased: start the service, which"
                " erases again"
            )
        watch = watches.watch(row.ledger_id, ledger.store)
        parts = RelayParts(
            feed=Feed(ledger.store, Opener(ledger.sealer), watch),
            bell=watch,
            telling=ledger.telling(),
            rows=PostgresRelay(pool, row.ledger_id, course.name),
            broker=_broker(settings),
            meter=RelayMetrics(metrics, row.name, course.name),
            clock=now_ms,
            owner=os.urandom(8).hex(),
            lease_ms=lease_ms,
        )
        async with Holding("relay").beside([ledger]):
            try:
                yield Relay(parts, course)
            finally:
                watch.close()


def _broker(settings: Settings) -> Broker:
    if settings.relay_url is None:
        raise SettingsError("where to? Give --to URL, or set CONSENT_LEDGER_RELAY_URL")
    return broker_of(settings.relay_url, settings.relay_topic, settings.relay_credentials)


async def _publish(settings: Settings, dsn: str, course: Course) -> None:
    metrics = Metrics()
    async with kept_running(settings), relaying(settings, dsn, course, metrics) as relay:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, relay.stop)
        with metrics_served(settings, metrics):
            await relay.run()
            _log.info("relay_ended", relay=course.name)
