"""The composition root: from settings and a database to the services. Clock and randomness come from here."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from service.api.callers.principal import Quota
from service.api.callers.quotas import Quotas
from service.api.services import LedgerServices, Services
from service.ledger.appending.appender import Appender
from service.ledger.ports import Clock, Failpoint
from service.settings import Settings
from service.storage.access import AccessStore, LedgerRow
from service.storage.head_watch import Watches
from service.storage.quota_use import QuotaUseStore
from service.telemetry.metrics import Metrics
from service.wiring.access_tokens import AccessTokens
from service.wiring.attesting import attesting
from service.wiring.clock import now_ms
from service.wiring.credentials import Credentials
from service.wiring.failpoints import failpoint
from service.wiring.holding import Holding
from service.wiring.housekeeping import (
    LEDGERS_SECONDS,
    exchange_quotas,
    follow_keys,
    forget_answers,
    housekeeping,
    kept_fresh,
    note_last_used,
    prepare_exports,
)
from service.wiring.issuers import IssuerKeys
from service.wiring.key_ring import CachedKeyRing, StoredKeyDesk
from service.wiring.ledgers import LedgerParts, ensure_ledger, open_ledger
from service.wiring.pools import Probe, pooled


@dataclass(slots=True)
class Composition:
    """The running parts, and what only the command line needs of them."""

    services: Services
    access: AccessStore
    metrics: Metrics
    appenders: list[Appender] = field(default_factory=list)
    parts: list[LedgerParts] = field(default_factory=list)

    def take(self, parts: LedgerParts, reached: Failpoint, watches: Watches) -> LedgerServices:
        """The services of one more ledger: counted, and heard by whoever follows it."""
        meter = self.metrics.of(parts.name)
        self.metrics.wrapping_keys.labels(parts.name).set(len(parts.keys.wrapping.keys))
        appender = parts.appender(reached, meter)
        appender.on_committed = watches.teller(parts.ledger_id)
        self.appenders.append(appender)
        return parts.services(appender, meter, watches.watch(parts.ledger_id, parts.store))

    async def require_marks(self) -> None:
        """Raises `LedgerError` while what was appended to some ledger is not covered by its mark."""
        for appender in self.appenders:
            await appender.require_mark()

    async def drain(self) -> None:
        """Take nothing new in and answer everything that waits."""
        self.services.drain()
        await asyncio.gather(*(appender.drain() for appender in self.appenders))


@asynccontextmanager
async def open_access(dsn: str) -> AsyncIterator[AccessStore]:
    """Ledgers and keys of a migrated database, for commands that need nothing else."""
    async with pooled(dsn, 1) as pool:
        yield AccessStore(pool)


@asynccontextmanager
async def open_services(settings: Settings, dsn: str, *, clock: Clock = now_ms) -> AsyncIterator[Composition]:
    """Compose the services over a migrated database; on leaving, what was accepted is finished first.

    Begins the ledger that the settings name if it is new, and checks every ledger before it is served. Raises
    `ForkError`, `KeysError`, `DatabaseError`, `SettingsError` and `UnavailableError`.
    """
    async with pooled(dsn, settings.pool_size) as pool, Watches(pool, dsn) as watches:
        access = AccessStore(pool)
        own = await ensure_ledger(settings, access)
        opening = _Opening(settings, pool, access, watches, clock)
        composition = opening.composition
        await opening.open_new(own)
        composition.services.on_drain.append(watches.close)
        composition.services.probes = {
            "database": Probe(pool, composition.metrics),
            "high_water_mark": composition.require_marks,
        }
        if settings.metrics_port is None:
            composition.services.metrics = composition.metrics.text
        async with opening.beside():
            try:
                yield composition
            finally:
                await composition.drain()


class _Opening:
    """The services while ledgers are opened: at start, and when one is made while the service runs."""

    def __init__(
        self, settings: Settings, pool: asyncpg.Pool, access: AccessStore, watches: Watches, clock: Clock
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._access = access
        self._watches = watches
        self._clock = clock
        self._reached = failpoint(settings.crash_at)
        self._holding = Holding("service")
        self._ids: dict[str, int] = {}
        self._issuers = [IssuerKeys(issuer) for issuer in settings.issuers]
        quota = default_quota(settings)
        self._ring = CachedKeyRing(access, clock, quota)
        tokens = AccessTokens(self._issuers, self._ids, clock, quota)
        desk = StoredKeyDesk(access, clock, os.urandom, quota)
        credentials = Credentials(self._ring, tokens)
        metrics = Metrics()
        quotas = Quotas(clock, lambda policy: metrics.quota_exceeded.labels(policy).inc())
        services = Services(credentials, desk, quotas, {}, public_url=public_url(settings))
        self.composition = Composition(services, access, metrics)

    async def open_new(self, own: LedgerRow | None = None) -> None:
        """Open what is not served yet: `own`, begun now if it is new, and what others have begun."""
        ledgers = self.composition.services.ledgers
        for row in await self._access.ledgers():
            if row.ledger_id in ledgers or not (row == own or await self._access.is_begun(row.ledger_id)):
                continue
            parts = await open_ledger(self._settings, self._pool, self._access, row, self._clock)
            await self._holding.tell(parts)
            ledgers[row.ledger_id] = self.composition.take(parts, self._reached, self._watches)
            self._ids[row.name] = row.ledger_id
            self.composition.parts.append(parts)

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        """What goes on beside the requests."""
        services = self.composition.services

        async def open_new_ledgers() -> None:
            await self.open_new()

        chores = (
            exchange_quotas(services.quotas, QuotaUseStore(self._pool)),
            note_last_used(self._ring, self._access),
            forget_answers(services),
            prepare_exports(services),
            follow_keys(self.composition.parts),
            (LEDGERS_SECONDS, open_new_ledgers),
        )
        async with (
            attesting(
                self._settings, self._pool, self.composition.parts, self.composition.metrics
            ) as attestations,
            kept_fresh(self._issuers),
            self._holding.beside(self.composition.parts),
            housekeeping(*chores, *attestations),
        ):
            yield


def public_url(settings: Settings) -> str:
    """Where people reach this service, without a slash at the end."""
    return (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")


def default_quota(settings: Settings) -> Quota:
    """What a credential may use that has no quota of its own."""
    return Quota(settings.requests_per_minute, settings.addresses_per_day)
