"""One ledger, put together: keys, store and mark, checked before it is served, and its use cases."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import structlog

from service.api.services import LedgerServices
from service.core.errors import ForkError
from service.ledger.answering.checks import Checks
from service.ledger.answering.past import Past
from service.ledger.answering.publications import Publications
from service.ledger.answering.rehearsal import Rehearsal
from service.ledger.appending.admission import Admission
from service.ledger.appending.appender import Appender
from service.ledger.appending.configuration import Configuration
from service.ledger.appending.genesis import begin
from service.ledger.appending.intake import Intake
from service.ledger.campaigns.proofs import CampaignProofs
from service.ledger.campaigns.running import Campaigns
from service.ledger.campaigns.running import Parts as CampaignParts
from service.ledger.campaigns.search import CampaignSearch
from service.ledger.catalogue import Catalogue
from service.ledger.delivering.feed import Feed
from service.ledger.delivering.subscriptions import Subscriptions
from service.ledger.delivering.telling import Telling
from service.ledger.erasing.erasures import Erasures
from service.ledger.erasing.restored import RestoredErasures
from service.ledger.exporting.exports import Exports
from service.ledger.exporting.files import Files
from service.ledger.exporting.freezing import Freezer
from service.ledger.exporting.preparing import Parts as ExportParts
from service.ledger.kept_answers import KeptAnswers
from service.ledger.keys import LedgerKeys, Sealer
from service.ledger.opening import Opener
from service.ledger.packs import shipped_packs
from service.ledger.person.file import Lookup
from service.ledger.ports import UNMETERED, Bell, Clock, Failpoint, Meter
from service.ledger.proving.proofs import Proofs
from service.ledger.proving.public_log import PublishedLog
from service.ledger.rewrapping import Rewrapping
from service.ledger.startup import check_start
from service.ledger.unsubscribe import Unsubscribe
from service.ledger.vault import Vault, webhook_signing_keys
from service.printing import can_print, print_report
from service.settings import Settings, SettingsError
from service.storage.access import AccessStore, LedgerRow
from service.storage.campaigns import PostgresCampaigns
from service.storage.erasures import PostgresErasures
from service.storage.exports import PostgresExports
from service.storage.kept_answers import PostgresAnswerRows
from service.storage.postgres import PostgresStore
from service.storage.sealed_columns import FIRST, PostgresKeyHolders, PostgresSealedColumn
from service.storage.subscriptions import PostgresSubscriptions
from service.wiring.clock import now_ms
from service.wiring.erasure_list import ErasureFile, erasures_path
from service.wiring.high_water import HighWaterFile, mark_path
from service.wiring.keys.sources import key_source
from service.wiring.pools import pooled

GENERATION = 1

_log = structlog.get_logger(__name__)


def first_origin(settings: Settings) -> str:
    """The origin under which the ledger that the settings name begins."""
    return f"{settings.origin_host}/{settings.ledger}/{GENERATION}"


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
    return await access.ensure_ledger(settings.ledger, first_origin(settings), now_ms())


@dataclass(frozen=True, slots=True)
class LedgerParts:
    """One ledger's store, keys and mark, checked."""

    ledger_id: int
    name: str
    store: PostgresStore
    campaigns: PostgresCampaigns
    answers: PostgresAnswerRows
    keys: LedgerKeys
    sealer: Sealer
    admission: Admission
    mark: HighWaterFile
    erasures: PostgresErasures
    erased: ErasureFile
    subscriptions: Subscriptions
    exports: PostgresExports
    sealed: tuple[PostgresSealedColumn, ...]
    holders: PostgresKeyHolders
    clock: Clock

    def appender(self, reached: Failpoint, meter: Meter) -> Appender:
        """The one writer of this process."""
        appender = Appender(self.store, self.keys, self.sealer, self.mark, clock=self.clock, reached=reached)
        appender.meter = meter
        return appender

    def rewrapping(self) -> Rewrapping:
        """What is sealed under the keys of the ring, and how it comes under the first."""
        return Rewrapping(self.sealed, self.keys.wrapping, os.urandom)

    def telling(self) -> Telling:
        """How events are told to subscribers."""
        return Telling(self.store, self.sealer, self.keys)

    def erasing(self, appender: Appender) -> Erasures:
        """The way to erase through this writer."""
        return Erasures(self.store, self.admission, Opener(self.sealer), appender, self.erased)

    async def erase_again(self) -> None:
        """Erase again what was erased and a restored backup brought back."""
        if again := await self._restored().erase_again():
            _log.warning("erased_again", ledger=self.name, persons=again)

    async def awaits_erasure(self) -> bool:
        """Whether a restored backup brought somebody back whom a start of the service will erase again."""
        return bool(await self._restored().outstanding())

    def _restored(self) -> RestoredErasures:
        opener, erasing = Opener(self.sealer), self.erasing(self.appender(_nothing_fails, UNMETERED))
        return RestoredErasures(
            self.store, self.admission, opener, erasing, rows=self.erasures, kept=self.erased
        )

    def searching(self, proofs: Proofs, opener: Opener, catalogue: Catalogue) -> CampaignSearch:
        """The search for the lines of campaigns that asked about somebody, with their proofs."""
        lines = CampaignProofs(self.store, self.campaigns, self.keys, opener, proofs)
        return CampaignSearch(self.campaigns, lines, self.admission, opener, catalogue)

    def exporting(
        self, appender: Appender, proofs: Proofs, search: CampaignSearch, catalogue: Catalogue
    ) -> Exports:
        """The exports of this ledger."""
        store, keys, opener = self.store, self.keys, Opener(self.sealer)
        freezer = Freezer(store, keys, proofs, self.campaigns, search, catalogue)
        freezer.printer = print_report if can_print() else None
        return Exports(
            ExportParts(
                store=store,
                exports=self.exports,
                keys=keys,
                admission=self.admission,
                appender=appender,
                freezer=freezer,
                files=Files(store, opener, self.campaigns),
                vault=Vault(keys.wrapping, os.urandom),
                clock=self.clock,
                random=os.urandom,
            )
        )

    def services(self, appender: Appender, meter: Meter, bell: Bell) -> LedgerServices:
        """The use cases over it."""
        store, keys, admission = self.store, self.keys, self.admission
        catalogue = Catalogue(store)
        opener = Opener(self.sealer)
        past = Past(store, opener, catalogue)
        checks = Checks(store, keys, admission, catalogue, past=past, clock=self.clock)
        proofs = Proofs(store, keys, admission, catalogue, opener=opener, clock=self.clock)
        checks.meter = proofs.meter = meter
        parts = CampaignParts(
            self.campaigns, keys, admission, catalogue, appender, self.clock, os.urandom, meter
        )
        search = self.searching(proofs, opener, catalogue)
        unsubscribe = Unsubscribe(store, keys, admission, catalogue, appender, clock=self.clock)
        unsubscribe.meter = meter
        return LedgerServices(
            name=self.name,
            keys=keys,
            intake=Intake(admission, catalogue, appender, self.clock),
            configuration=Configuration(admission, catalogue, appender, self.clock),
            catalogue=catalogue,
            checks=checks,
            proofs=proofs,
            campaigns=Campaigns(parts),
            campaign_proofs=search.proofs,
            exports=self.exporting(appender, proofs, search, catalogue),
            published=PublishedLog(store),
            unsubscribe=unsubscribe,
            feed=Feed(store, opener, bell),
            telling=self.telling(),
            publications=Publications(store, opener, admission),
            rehearsal=Rehearsal(store, admission, catalogue, opener, clock=now_ms, stopwatch=time.monotonic),
            erasures=self.erasing(appender),
            lookup=Lookup(store, admission, opener, catalogue, checks, search=search),
            kept_answers=KeptAnswers(self.answers, keys, clock=now_ms, random=os.urandom),
            subscriptions=self.subscriptions,
            webhook_keys=tuple(key.public_key() for key in webhook_signing_keys(keys.wrapping)),
        )


def ledger_parts(
    settings: Settings, pool: asyncpg.Pool, row: LedgerRow, keys: LedgerKeys, clock: Clock = now_ms
) -> LedgerParts:
    """The parts of one ledger, not checked."""
    store = PostgresStore(pool, row.ledger_id)
    return LedgerParts(
        ledger_id=row.ledger_id,
        name=row.name,
        store=store,
        campaigns=PostgresCampaigns(pool, row.ledger_id),
        answers=PostgresAnswerRows(pool, row.ledger_id),
        keys=keys,
        sealer=Sealer(keys.wrapping, os.urandom),
        admission=Admission(keys, os.urandom),
        mark=HighWaterFile(mark_path(settings.data_dir, row.name), row.origin),
        erasures=PostgresErasures(pool, row.ledger_id),
        erased=ErasureFile(erasures_path(settings.data_dir, row.name)),
        subscriptions=Subscriptions(
            PostgresSubscriptions(pool, row.ledger_id),
            store,
            Vault(keys.wrapping, os.urandom),
            row.origin,
            clock=clock,
            random=os.urandom,
            private_allowed=settings.allow_private_sinks,
        ),
        exports=PostgresExports(pool, row.ledger_id),
        sealed=tuple(PostgresSealedColumn(pool, row.ledger_id, table) for table in FIRST),
        holders=PostgresKeyHolders(pool, row.ledger_id),
        clock=clock,
    )


@asynccontextmanager
async def open_parts(settings: Settings, dsn: str, *, connections: int = 1) -> AsyncIterator[LedgerParts]:
    """The parts of the ledger that the settings name, unchecked: for those who check it themselves.

    Raises `NotFoundError`, `KeysError`, `DatabaseError` and `UnavailableError`.
    """
    async with pooled(dsn, connections) as pool:
        row = await AccessStore(pool).ledger(settings.ledger)
        yield ledger_parts(settings, pool, row, key_source(settings, row.name).load(row.origin))


async def open_ledger(
    settings: Settings, pool: asyncpg.Pool, access: AccessStore, row: LedgerRow, clock: Clock
) -> LedgerParts:
    """Open a ledger, or begin it, and check that it is what was signed.

    Raises `ForkError` and `KeysError`.
    """
    begun = await access.is_begun(row.ledger_id)
    source = key_source(settings, row.name)
    signed_before = begun or mark_path(settings.data_dir, row.name).exists()
    keys = source.load(row.origin) if signed_before or source.exist() else source.create(row.origin)
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
        await parts.rewrapping().require_ours()
    except ForkError as fork:
        raise ForkError(f"ledger {row.name}: {fork}") from fork
    # A crash between COMMIT and mark leaves the log ahead, which is what the checks just allowed.
    await parts.mark.advance(head.size, head.checkpoint)
    await parts.erase_again()
    return parts


def _nothing_fails(_step: str) -> None:
    """Pass every step: what is tested with failpoints has its own writer."""
