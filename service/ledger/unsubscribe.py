"""The way out: links that stop messages, and what happens when somebody uses one.

Nothing that a sender does can make a link fail: it needs no registered sender, no known category, no address
on record and no scope of anybody; it outlives every rulebook and the erasure of the person.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

from service.core.errors import ConflictError, NotFoundError, QuestionError, UnavailableError
from service.core.events.vocabulary import ConsentWithdrawn, Objection
from service.core.law.facts import Grant, No
from service.core.law.rulebook import Rulebook, RulebookDocument
from service.core.law.standing import EMPTY, Standing, decode_standing
from service.core.unsubscribe import LinkKeys, UnsubscribeLink, act_id
from service.ledger.addresses import CanonicalAddress
from service.ledger.appending.admission import Admission
from service.ledger.appending.appender import Appender
from service.ledger.catalogue import Catalogue
from service.ledger.keys import LedgerKeys
from service.ledger.ports import UNMETERED, Clock, Head, Meter, Store

Extent = Literal["category", "sender"]
"""What is stopped: the category of the message, or everything from its sender."""

Method = Literal["one_click", "page"]
"""How: the mail program's own button (RFC 8058), or a button of our page."""

Sleep = Callable[[float], Awaitable[None]]

SOURCE: Final = "unsubscribe-link"

REPEAT_MS: Final = 86_400_000
"""A click within a day of a no that still stands is the same act: mail providers ask again.

After a day it is recorded anew although nothing changes, so that a consent given before it and reported
after it (on paper, say) lifts no more than the person meant.
"""

PATIENCE_SECONDS: Final = 15.0
"""How long a no waits for a full queue or a database that is away before its sender has to try again."""

_DAY_MS: Final = 86_400_000
_PAUSES: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
_ROUNDS_MAX: Final = 50
_EXTENTS: Final[tuple[Extent, ...]] = ("category", "sender")
_WIDE: Final = ("all_marketing", "unspecified")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class WayOut(Struct, frozen=True):
    """What a page says about a link: names for people, and what is stopped already.

    `jurisdiction`: the house's own, as ISO 3166-1, or EU.
    """

    sender: str
    category: str
    stopped: frozenset[Extent]
    jurisdiction: str


class Unsubscribe:
    """Makes links, and takes the no of whoever uses one."""

    def __init__(  # noqa: PLR0913 - what the use cases beside it are made of, and a way to wait
        self,
        store: Store,
        keys: LedgerKeys,
        admission: Admission,
        catalogue: Catalogue,
        appender: Appender,
        *,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._store = store
        self._secret = keys.subject_key_secret
        self._links = LinkKeys(keys.all_link_secrets(), keys.origin)
        self._admission = admission
        self._catalogue = catalogue
        self._appender = appender
        self._clock = clock
        self._sleep = sleep
        self.meter: Meter = UNMETERED

    def token(
        self, address: CanonicalAddress, sender: str, category: str, channel: str, message: str = ""
    ) -> str:
        """The token of a link for this address. Names as `UnsubscribeLink` wants them."""
        return self.token_of(self._admission.subject_of(address), sender, category, channel, message)

    def token_of(
        self, subject_key: bytes, sender: str, category: str, channel: str, message: str = ""
    ) -> str:
        """The same for an address of which only the subject key is at hand."""
        return self._links.seal(UnsubscribeLink(subject_key, sender, category, channel, message))

    async def require_sender(self, sender: str) -> None:
        """Refuse to make a link for a sender that is not registered: it would be a typing error.

        Raises `QuestionError`.
        """
        if not await self._catalogue.is_sender(sender):
            raise QuestionError("no such sender is registered", pointer="/sender", code="unknown_sender")

    def open(self, token: str) -> UnsubscribeLink:
        """The link that a token stands for. Raises `FormatError` when it is not one of this ledger's."""
        return self._links.open(token)

    async def look(self, link: UnsubscribeLink) -> WayOut:
        """What there is to say about a link; changes nothing. Raises `UnavailableError`."""
        head, standing = await self._standing(link)
        rulebook = await self._rulebook(head)
        document = rulebook.document if rulebook else None
        line = (
            rulebook.compiled.settings.ancestors.get(link.category, frozenset()) if rulebook else frozenset()
        )
        return WayOut(
            sender=await self._legal_name(link.sender, document),
            category=_label(link.category, document),
            stopped=frozenset(
                extent
                for extent in _EXTENTS
                if _standing_no(link, extent, standing.nos, _relevant(standing.grants, link, extent, line))
            ),
            jurisdiction=document.default_jurisdiction if document else "EU",
        )

    async def stop(self, link: UnsubscribeLink, extent: Extent, method: Method) -> None:
        """Record the no; returns when it is durable, or when the same no was recorded before.

        Raises `UnavailableError` when it could not be recorded in `PATIENCE_SECONDS`, and `ForkError` when
        the ledger has stopped itself: the person has to be told that nothing was recorded.
        """
        try:
            result = await self._stopped(link, extent, method)
        except Exception:
            self.meter.unsubscribed("failed")
            raise
        self.meter.unsubscribed(result)

    async def _stopped(self, link: UnsubscribeLink, extent: Extent, method: Method) -> str:
        waited = 0.0
        for attempt in range(_ROUNDS_MAX):
            try:
                result = await self._tried(link, extent, method)
                if result is not None:
                    return result
            except UnavailableError:
                if waited >= PATIENCE_SECONDS:
                    raise
                pause = _PAUSES[min(attempt, len(_PAUSES) - 1)]
                waited += pause
                await self._sleep(pause)
        raise UnavailableError

    async def _tried(self, link: UnsubscribeLink, extent: Extent, method: Method) -> str | None:
        """Try once; what came of it. None: somebody used the link at the same moment, so look again."""
        _, standing = await self._standing(link)
        now_ms = self._clock()
        # Any yes at all makes us record: a no too many harms nobody, and one too few does.
        no = _standing_no(link, extent, standing.nos, standing.grants)
        if no is not None and now_ms - no.last_ms < REPEAT_MS:
            return "repeated"
        event_id = act_id(
            self._secret, link, extent=extent, after=_newest(standing.grants), day=now_ms // _DAY_MS
        )
        event = _refusal(link, extent, method, event_id, now_ms)
        try:
            receipt = await self._appender.append(self._admission.admit_for(event, link.subject_key, now_ms))
        except ConflictError:
            # The same act under the same id, a moment apart; only a holder of K_sub could know the id.
            return None
        return "repeated" if receipt.replayed else "recorded"

    async def _standing(self, link: UnsubscribeLink) -> tuple[Head, Standing]:
        head, rows = await self._store.standings([link.subject_key])
        row = rows.get(link.subject_key)
        return head, decode_standing(row) if row is not None else EMPTY

    async def _rulebook(self, head: Head) -> Rulebook | None:
        try:
            return (await self._catalogue.rulebook(head.rulebook_hash)).rulebook
        except NotFoundError:
            return None

    async def _legal_name(self, sender: str, document: RulebookDocument | None) -> str:
        registered = (await self._catalogue.senders()).get(sender)
        if registered is not None:
            return registered.legal_name
        known = document.senders.get(sender) if document else None
        return (known.legal_name if known else None) or sender


def _label(category: str, document: RulebookDocument | None) -> str:
    """The category's name for people, also where today's rulebook no longer has it."""
    known = document.categories.get(category) if document else None
    if known is not None and known.label:
        return known.label
    words = category.replace("_", " ").replace("-", " ").replace(".", " ").strip()
    return (words or category).capitalize()


def _refusal(
    link: UnsubscribeLink, extent: Extent, method: Method, event_id: str, now_ms: int
) -> ConsentWithdrawn | Objection:
    """The event of one click. It holds what the person did and nothing about where they did it from.

    The category stops in every channel at this address: a narrower no would be less than was asked for.
    Everything of a sender is an objection, which bars marketing on any basis (GDPR art. 21(3)).
    """
    kind: type[ConsentWithdrawn | Objection] = ConsentWithdrawn if extent == "category" else Objection
    told = {"method": method, "category": link.category, "channel": link.channel}
    return kind(
        source_event_id=event_id,
        source=SOURCE,
        occurred_at=_EPOCH + timedelta(milliseconds=now_ms),
        sender=link.sender,
        scope="category" if extent == "category" else "all_marketing",
        categories=(link.category,) if extent == "category" else (),
        via="unsubscribe_link",
        evidence={"unsubscribe_link": told | ({"message": link.message} if link.message else {})},
    )


def _relevant(
    grants: tuple[Grant, ...], link: UnsubscribeLink, extent: Extent, line: frozenset[str]
) -> tuple[Grant, ...]:
    """Those that may lift a no to this. `line`: the categories above the link's own, and itself."""
    return tuple(
        grant
        for grant in grants
        if not grant.imported
        and (link.sender in grant.senders or grant.unnamed != "none")
        and (extent == "sender" or not (line | {link.category}).isdisjoint(grant.categories))
    )


def _newest(grants: tuple[Grant, ...]) -> int:
    """The log index of the newest act of these consents, -1 where there is none."""
    return max((max(grant.index, grant.confirmed_index or 0) for grant in grants), default=-1)


def _standing_no(
    link: UnsubscribeLink, extent: Extent, nos: tuple[No, ...], grants: tuple[Grant, ...]
) -> No | None:
    """The newest no that covers this and was recorded after all these consents: it stands in every law."""
    yes = _newest(grants)
    covering = [no for no in nos if no.index > yes and _covers(no, link, extent)]
    return max(covering, key=lambda no: (no.last_ms, no.index), default=None)


def _covers(no: No, link: UnsubscribeLink, extent: Extent) -> bool:
    if no.sender not in (None, link.sender):
        return False
    if no.scope in _WIDE:
        return True
    return (
        extent == "category" and no.scope == "category" and link.category in no.categories and not no.channels
    )
