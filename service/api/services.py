"""What the routes need, handed over by the wiring."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.api.bodies import ApiRequest
from service.api.callers.key_desk import KeyDesk
from service.api.callers.principal import KeyRing, Principal
from service.api.callers.quotas import Quotas
from service.api.callers.streams import Streams
from service.api.problems import ApiError
from service.ledger.answering.checks import Checks
from service.ledger.answering.publications import Publications
from service.ledger.answering.rehearsal import Rehearsal
from service.ledger.appending.configuration import Configuration
from service.ledger.appending.intake import Intake
from service.ledger.campaigns.proofs import CampaignProofs
from service.ledger.campaigns.running import Campaigns
from service.ledger.catalogue import Catalogue
from service.ledger.delivering.feed import Feed
from service.ledger.delivering.subscriptions import Subscriptions
from service.ledger.delivering.telling import Telling
from service.ledger.erasing.erasures import Erasures
from service.ledger.exporting.exports import Exports
from service.ledger.kept_answers import KeptAnswers
from service.ledger.keys import LedgerKeys
from service.ledger.person.file import Lookup
from service.ledger.proving.proofs import Proofs
from service.ledger.proving.public_log import PublishedLog
from service.ledger.unsubscribe import Unsubscribe

Probe = Callable[[], Awaitable[None]]
"""Raises when the dependency it was registered with is not usable."""


@dataclass(frozen=True, slots=True)
class LedgerServices:
    """The use cases of one ledger."""

    name: str
    keys: LedgerKeys
    intake: Intake
    configuration: Configuration
    catalogue: Catalogue
    checks: Checks
    proofs: Proofs
    campaigns: Campaigns
    campaign_proofs: CampaignProofs
    published: PublishedLog
    unsubscribe: Unsubscribe
    feed: Feed
    telling: Telling
    publications: Publications
    rehearsal: Rehearsal
    erasures: Erasures
    lookup: Lookup
    kept_answers: KeptAnswers
    subscriptions: Subscriptions
    webhook_keys: tuple[Ed25519PublicKey, ...]
    exports: Exports


@dataclass(slots=True)
class Services:
    """Everything behind the interface. `ledgers` by the id that stands in a credential.

    `metrics`: the text of a scrape; None where metrics have a port of their own.
    `public_url`: where people reach it, without a slash at the end.
    """

    keys: KeyRing
    key_desk: KeyDesk
    quotas: Quotas
    ledgers: dict[int, LedgerServices]
    probes: Mapping[str, Probe] = field(default_factory=dict)
    metrics: Callable[[], bytes] | None = None
    draining: bool = False
    public_url: str = "http://127.0.0.1:8000"
    streams: Streams = field(default_factory=Streams)
    clock: Callable[[], float] = time.monotonic
    """Seconds, for waiting only."""
    on_drain: list[Callable[[], None]] = field(default_factory=list)

    def drain(self) -> None:
        """Begin to stop: readiness says no, streams end, whoever waits for an event is answered."""
        self.draining = True
        for wake in self.on_drain:
            wake()


def asked_by(request: ApiRequest) -> tuple[LedgerServices, Principal]:
    """The caller of this request and its ledger. Raises `ApiError` 404 when that is not served here."""
    principal: Principal = request.scope["state"]["principal"]
    return ledger_of(request.app.state.services, principal), principal


def ledger_of(services: Services, principal: Principal) -> LedgerServices:
    """The caller's ledger, by its credential alone."""
    ledger = services.ledgers.get(principal.ledger_id)
    if ledger is None:
        raise ApiError(404, "not-found", "There is no such thing here", "this ledger is not served here")
    return ledger


def ledger_named(services: Services, name: str) -> LedgerServices:
    """A ledger by its public name, for what anyone may read."""
    for ledger in services.ledgers.values():
        if ledger.name == name:
            return ledger
    raise ApiError(404, "not-found", "There is no such thing here", "there is no such log")
