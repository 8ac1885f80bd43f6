"""The composition root: from settings and a database to the services. Clock and randomness come from here."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from service.api.services import LedgerServices, Services
from service.core.errors import ForkError
from service.ledger.admission import Admission
from service.ledger.append import Appender
from service.ledger.campaign import Campaigns
from service.ledger.campaign import Parts as CampaignParts
from service.ledger.campaign_prove import CampaignProofs
from service.ledger.catalogue import Catalogue
from service.ledger.check import Checks
from service.ledger.configure import Configuration
from service.ledger.feed import Feed
from service.ledger.genesis import begin
from service.ledger.intake import Intake
from service.ledger.keys import LedgerKeys, Sealer
from service.ledger.opening import Opener
from service.ledger.packs import shipped_packs
from service.ledger.past import Past
from service.ledger.ports import Bell, Failpoint, Meter
from service.ledger.prove import Proofs
from service.ledger.published import PublishedLog
from service.ledger.startup import check_start
from service.settings import Settings, SettingsError
from service.storage.access import AccessStore, LedgerRow
from service.storage.campaigns import PostgresCampaigns
from service.storage.head_watch import HeadWatch, Listener, Notifier
from service.storage.postgres import PostgresStore, open_pool, unavailable_on_failure
from service.telemetry.metrics import Metrics
from service.wiring.database import DatabaseError, explain
from service.wiring.failpoints import failpoint
from service.wiring.high_water import HighWaterFile, mark_path
from service.wiring.key_ring import CachedKeyRing
from service.wiring.keys import create_keys, have_keys, keys_directory, load_keys

GENERATION = 1

_PROBE_SECONDS = 2.0


def now_ms() -> int:
    """The clock: milliseconds since 1970-01-01T00:00:00Z."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Composition:
    """The running parts, and what only the command line needs of them."""

    services: Services
    access: AccessStore
    metrics: Metrics = field(default_factory=Metrics)
    appenders: list[Appender] = field(default_factory=list)

    async def drain(self) -> None:
        """Take nothing new in and answer everything that waits."""
        self.services.drain()
        await asyncio.gather(*(appender.drain() for appender in self.appenders))


@asynccontextmanager
async def open_access(dsn: str) -> AsyncIterator[AccessStore]:
    """Ledgers and keys of a migrated database, for commands that need nothing else."""
    async with _pool(dsn, 1) as pool:
        yield AccessStore(pool)


@asynccontextmanager
async def open_services(settings: Settings, dsn: str) -> AsyncIterator[Composition]:
    """Compose the services over a migrated database; on leaving, what was accepted is finished first.

    Begins the ledger that the settings name if it is new, and checks every ledger before it is served. Raises
    `ForkError`, `KeysError`, `DatabaseError`, `SettingsError` and `UnavailableError`.
    """
    reached = failpoint(settings.crash_at)
    async with _pool(dsn, settings.pool_size) as pool:
        access = AccessStore(pool)
        own = await ensure_ledger(settings, access)
        composition = Composition(Services(CachedKeyRing(access, now_ms), {}), access)
        ledgers: dict[int, LedgerServices] = {}
        watches: dict[int, HeadWatch] = {}
        notifier, listener = Notifier(pool), Listener(dsn, watches)
        for row in await access.ledgers():
            if row == own or await access.is_begun(row.ledger_id):
                parts = await _open_ledger(settings, pool, access, row)
                meter = composition.metrics.of(row.name)
                appender = parts.appender(reached, meter)
                composition.appenders.append(appender)
                watch = watches[row.ledger_id] = HeadWatch(parts.store)
                appender.on_committed = _told(watch, notifier, row.ledger_id)
                composition.services.on_drain.append(watch.close)
                ledgers[row.ledger_id] = parts.services(appender, meter, watch)
        composition.services.ledgers = ledgers
        composition.services.probes = {"database": lambda: _probe(pool, composition.metrics)}
        if settings.metrics_port is None:
            composition.services.metrics = composition.metrics.text
        listener.start()
        try:
            yield composition
        finally:
            await composition.drain()
            await notifier.close()
            await listener.stop()


def _told(watch: HeadWatch, notifier: Notifier, ledger_id: int) -> Callable[[int], None]:
    def tell(position: int) -> None:
        watch.heard(position)
        notifier.tell(ledger_id, position)

    return tell


async def ensure_ledger(settings: Settings, access: AccessStore) -> LedgerRow:
    """The row of the ledger that the settings name, made if it is new.

    Raises `SettingsError` when the ledger signs under another host than the settings say.
    """
    prefix = f"{settings.origin_host}/{settings.ledger}/"
    for row in await access.ledgers():
        if row.name == settings.ledger:
            if not row.origin.startswith(prefix):
                raise SettingsError(
                    f"ledger {row.name} signs as {row.origin}, which never changes: set"
                    f" CONSENT_LEDGER_ORIGIN_HOST={row.origin.partition('/')[0]}"
                )
            return row
    return await access.ensure_ledger(settings.ledger, f"{prefix}{GENERATION}", now_ms())


@dataclass(frozen=True, slots=True)
class LedgerParts:
    """One ledger's store, keys and mark, checked."""

    name: str
    store: PostgresStore
    campaigns: PostgresCampaigns
    keys: LedgerKeys
    sealer: Sealer
    admission: Admission
    mark: HighWaterFile

    def appender(self, reached: Failpoint, meter: Meter) -> Appender:
        """The one writer of this process."""
        appender = Appender(self.store, self.keys, self.sealer, self.mark, clock=now_ms, reached=reached)
        appender.meter = meter
        return appender

    def services(self, appender: Appender, meter: Meter, bell: Bell) -> LedgerServices:
        """The use cases over it."""
        store, keys, admission = self.store, self.keys, self.admission
        catalogue = Catalogue(store)
        opener = Opener(self.sealer)
        past = Past(store, opener, catalogue)
        checks = Checks(store, keys, admission, catalogue, past=past, clock=now_ms)
        proofs = Proofs(store, keys, admission, catalogue, opener=opener, clock=now_ms)
        checks.meter = proofs.meter = meter
        parts = CampaignParts(self.campaigns, keys, admission, catalogue, appender, now_ms, os.urandom, meter)
        return LedgerServices(
            name=self.name,
            keys=keys,
            intake=Intake(admission, catalogue, appender, now_ms),
            configuration=Configuration(admission, catalogue, appender, now_ms),
            catalogue=catalogue,
            checks=checks,
            proofs=proofs,
            campaigns=Campaigns(parts),
            campaign_proofs=CampaignProofs(store, self.campaigns, keys, opener, proofs),
            published=PublishedLog(store),
            feed=Feed(store, opener, bell),
        )


def ledger_parts(settings: Settings, pool: asyncpg.Pool, row: LedgerRow, keys: LedgerKeys) -> LedgerParts:
    """The parts of one ledger, not checked."""
    return LedgerParts(
        name=row.name,
        store=PostgresStore(pool, row.ledger_id),
        campaigns=PostgresCampaigns(pool, row.ledger_id),
        keys=keys,
        sealer=Sealer(keys.wrapping_key, os.urandom),
        admission=Admission(keys, os.urandom),
        mark=HighWaterFile(mark_path(settings.data_dir, row.name), row.origin),
    )


@asynccontextmanager
async def open_parts(settings: Settings, dsn: str) -> AsyncIterator[LedgerParts]:
    """The parts of the ledger that the settings name, unchecked: for those who check it themselves.

    Raises `NotFoundError`, `KeysError`, `DatabaseError` and `UnavailableError`.
    """
    async with _pool(dsn, 1) as pool:
        row = await AccessStore(pool).ledger(settings.ledger)
        yield ledger_parts(
            settings, pool, row, load_keys(keys_directory(settings.data_dir, row.name), row.origin)
        )


async def _open_ledger(
    settings: Settings, pool: asyncpg.Pool, access: AccessStore, row: LedgerRow
) -> LedgerParts:
    begun = await access.is_begun(row.ledger_id)
    directory = keys_directory(settings.data_dir, row.name)
    signed_before = begun or mark_path(settings.data_dir, row.name).exists()
    if signed_before or have_keys(directory):
        keys = load_keys(directory, row.origin)
    else:
        keys = create_keys(directory, row.origin, os.urandom)
    parts = ledger_parts(settings, pool, row, keys)
    if not begun:
        await begin(
            parts.store,
            keys,
            parts.sealer,
            parts.admission,
            mark=parts.mark,
            now_ms=now_ms(),
            packs=shipped_packs(),
        )
    try:
        head = await check_start(parts.store, keys, parts.mark)
    except ForkError as fork:
        raise ForkError(f"ledger {row.name}: {fork}") from fork
    # A crash between COMMIT and mark leaves the log ahead, which is what the checks just allowed.
    await parts.mark.advance(head.size, head.checkpoint)
    return parts


@asynccontextmanager
async def _pool(dsn: str, size: int) -> AsyncIterator[asyncpg.Pool]:
    try:
        pool = await open_pool(dsn, size=size)
    except (ValueError, asyncpg.PostgresError) as error:
        raise DatabaseError(explain(error)) from error
    try:
        yield pool
    finally:
        await pool.close()


async def _probe(pool: asyncpg.Pool, metrics: Metrics) -> None:
    metrics.database_up.set(0)
    with unavailable_on_failure():
        await pool.fetchval("SELECT 1", timeout=_PROBE_SECONDS)
    metrics.database_up.set(1)
