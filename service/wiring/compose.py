"""The composition root: from settings and a database to the services. Clock and randomness come from here."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from service.api.services import LedgerServices, Services
from service.core.errors import ForkError, UnavailableError
from service.ledger.admission import Admission
from service.ledger.append import Appender
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
from service.ledger.ports import Bell, Clock, Failpoint, Meter
from service.ledger.prove import Proofs
from service.ledger.publications import Publications
from service.ledger.published import PublishedLog
from service.ledger.rehearsal import Rehearsal
from service.ledger.startup import check_start
from service.ledger.unsubscribe import Unsubscribe
from service.settings import Settings, SettingsError
from service.storage.access import AccessStore, LedgerRow
from service.storage.head_watch import Watches
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

    def take(self, parts: "LedgerParts", reached: Failpoint, watches: Watches) -> LedgerServices:
        """The services of one more ledger: counted, and heard by whoever follows it."""
        meter = self.metrics.of(parts.name)
        appender = parts.appender(reached, meter)
        appender.on_committed = watches.teller(parts.ledger_id)
        self.appenders.append(appender)
        return parts.services(appender, meter, watches.watch(parts.ledger_id, parts.store))

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
async def open_services(settings: Settings, dsn: str, *, clock: Clock = now_ms) -> AsyncIterator[Composition]:
    """Compose the services over a migrated database; on leaving, what was accepted is finished first.

    Begins the ledger that the settings name if it is new, and checks every ledger before it is served. Raises
    `ForkError`, `KeysError`, `DatabaseError`, `SettingsError` and `UnavailableError`.
    """
    reached = failpoint(settings.crash_at)
    async with _pool(dsn, settings.pool_size) as pool:
        access = AccessStore(pool)
        own = await ensure_ledger(settings, access)
        services = Services(CachedKeyRing(access, clock), {}, public_url=public_url(settings))
        composition = Composition(services, access)
        async with Watches(pool, dsn) as watches:
            services.on_drain.append(watches.close)
            services.ledgers = {
                row.ledger_id: composition.take(
                    await _open_ledger(settings, pool, access, row, clock), reached, watches
                )
                for row in await access.ledgers()
                if row == own or await access.is_begun(row.ledger_id)
            }
            services.probes = {"database": _Probe(pool, composition.metrics)}
            if settings.metrics_port is None:
                services.metrics = composition.metrics.text
            try:
                yield composition
            finally:
                await composition.drain()


def public_url(settings: Settings) -> str:
    """Where people reach this service, without a slash at the end."""
    return (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")


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

    ledger_id: int
    name: str
    store: PostgresStore
    keys: LedgerKeys
    sealer: Sealer
    admission: Admission
    mark: HighWaterFile
    clock: Clock

    def appender(self, reached: Failpoint, meter: Meter) -> Appender:
        """The one writer of this process."""
        appender = Appender(self.store, self.keys, self.sealer, self.mark, clock=self.clock, reached=reached)
        appender.meter = meter
        return appender

    def services(self, appender: Appender, meter: Meter, bell: Bell) -> LedgerServices:
        """The use cases over it."""
        store, keys, admission = self.store, self.keys, self.admission
        catalogue = Catalogue(store)
        opener = Opener(self.sealer)
        past = Past(store, opener, catalogue)
        checks = Checks(store, keys, admission, catalogue, past=past, clock=self.clock)
        proofs = Proofs(store, keys, admission, catalogue, opener=opener, clock=self.clock)
        checks.meter = proofs.meter = meter
        return LedgerServices(
            name=self.name,
            keys=keys,
            intake=Intake(admission, catalogue, appender, self.clock),
            configuration=Configuration(admission, catalogue, appender, self.clock),
            catalogue=catalogue,
            checks=checks,
            proofs=proofs,
            published=PublishedLog(store),
            unsubscribe=Unsubscribe(store, keys, admission, catalogue, appender, clock=self.clock),
            feed=Feed(store, opener, bell),
            publications=Publications(store, opener, admission),
            rehearsal=Rehearsal(store, admission, catalogue, opener, clock=now_ms, stopwatch=time.monotonic),
        )


def ledger_parts(
    settings: Settings, pool: asyncpg.Pool, row: LedgerRow, keys: LedgerKeys, clock: Clock = now_ms
) -> LedgerParts:
    """The parts of one ledger, not checked."""
    return LedgerParts(
        ledger_id=row.ledger_id,
        name=row.name,
        store=PostgresStore(pool, row.ledger_id),
        keys=keys,
        sealer=Sealer(keys.wrapping_key, os.urandom),
        admission=Admission(keys, os.urandom),
        mark=HighWaterFile(mark_path(settings.data_dir, row.name), row.origin),
        clock=clock,
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
    settings: Settings, pool: asyncpg.Pool, access: AccessStore, row: LedgerRow, clock: Clock
) -> LedgerParts:
    begun = await access.is_begun(row.ledger_id)
    directory = keys_directory(settings.data_dir, row.name)
    signed_before = begun or mark_path(settings.data_dir, row.name).exists()
    if signed_before or have_keys(directory):
        keys = load_keys(directory, row.origin)
    else:
        keys = create_keys(directory, row.origin, os.urandom)
    parts = ledger_parts(settings, pool, row, keys, clock)
    if not begun:
        await begin(
            parts.store,
            keys,
            parts.sealer,
            parts.admission,
            mark=parts.mark,
            now_ms=clock(),
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


class _Probe:
    """Asks the database something. One question at a time: on a silent server even giving up takes long."""

    def __init__(self, pool: asyncpg.Pool, metrics: Metrics) -> None:
        self._pool = pool
        self._metrics = metrics
        self._asking: asyncio.Task[object] | None = None

    async def __call__(self) -> None:
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
