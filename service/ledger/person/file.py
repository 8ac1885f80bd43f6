"""Everything that is held of a person, read as one state: events, forms, senders, and what is answered today.

The person's own history, and those of addresses that it is linked with by a change of address, as far as they
are not erased: that is what a decision about this address is made from.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from service.core.canonical import parse_canonical
from service.core.errors import InputError
from service.core.events import Form, RecordedEvent
from service.core.events import vocabulary as v
from service.core.history import fold_as_of, named_forms, reach
from service.core.law.decision import Decision
from service.core.law.facts import Standing
from service.core.law.question import parse_question
from service.core.records import parse_record
from service.ledger.addresses import CanonicalAddress
from service.ledger.answering.checks import LINKED_SUBJECTS_MAX, Asked, Checks
from service.ledger.appending.admission import Admission
from service.ledger.campaigns.search import LINES_AT_ONCE_MAX, CampaignSearch, FoundLine
from service.ledger.catalogue import Catalogue, Sender
from service.ledger.opening import History, Opener
from service.ledger.ports import Snapshot, Store

ANSWERS_MAX = 100
"""So many combinations of sender, category and channel are asked about; nobody is mailed by more."""


@dataclass(frozen=True, slots=True)
class HeldEvent:
    """One event as it is held. `address`: of whom, where it is another address of the person.

    `body` is the record's event, `evidence` what was handed in with it; `corrected_by` the index of a later
    event that takes it back.
    """

    index: int
    recorded_at_ms: int
    recorded: RecordedEvent
    body: Mapping[str, Any]
    evidence: Any
    address: CanonicalAddress | None
    corrected_by: int | None = None


@dataclass(frozen=True, slots=True)
class ErasedPart:
    """That so many events were destroyed, and when the newest notice says so."""

    events: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Answered:
    """Whether a message of this kind may be sent now; and what was so when the latest one was sent."""

    sender: str
    category: str
    channel: str
    now: Decision
    sent_at_ms: int | None
    then: Decision | None


@dataclass(frozen=True, slots=True)
class PersonFile:
    """What is held. `events` are in the order of the log; `linked` are further addresses of the person.

    `campaigns`: the mailings before which it was asked about, newest first; `unsearched`: so many older ones
    were not searched.
    """

    origin: str
    address: CanonicalAddress
    subject_key: bytes
    position: int
    as_of_ms: int
    events: tuple[HeldEvent, ...]
    erased: ErasedPart | None
    linked: tuple[CanonicalAddress, ...]
    forms: Mapping[str, Form]
    senders: Mapping[str, Sender]
    answers: tuple[Answered, ...]
    campaigns: tuple[FoundLine, ...]
    unsearched: int


@dataclass(frozen=True, slots=True)
class Recipient:
    """What is known of the person beside the ledger: decisions look at it. None: not known."""

    country: str | None = None
    kind: str | None = None


class Lookup:
    """Looks a person up; whoever calls it has the right to."""

    def __init__(
        self,
        store: Store,
        admission: Admission,
        opener: Opener,
        catalogue: Catalogue,
        checks: Checks,
        *,
        search: CampaignSearch,
    ) -> None:
        self._store = store
        self._admission = admission
        self._opener = opener
        self._catalogue = catalogue
        self._checks = checks
        self._search = search

    async def look(self, address: CanonicalAddress, recipient: Recipient) -> PersonFile:
        """Everything held of this address. Raises `UnavailableError` and `ForkError`."""
        key = self._admission.subject_of(address)
        async with self._store.snapshot() as snapshot:
            head = await snapshot.head()
            histories = await self._histories(snapshot, key)
            asked = await self._search.concerning(snapshot, [key], head.size, lines_max=LINES_AT_ONCE_MAX)
        events = _events(key, histories)
        forms = await self._catalogue.forms(
            named_forms(event for history in histories.values() for event in history.logged)
        )
        own = histories.get(key)
        others = (history.address for name, history in histories.items() if name != key)
        return PersonFile(
            origin=self._admission.origin,
            address=address,
            subject_key=key,
            position=head.position,
            as_of_ms=head.recorded_at_ms,
            events=events,
            erased=_erased(own) if own is not None else None,
            linked=tuple(other for other in others if other is not None),
            forms=forms,
            senders=await self._catalogue.senders(),
            answers=await self._answers(address, events, forms, recipient),
            campaigns=asked.lines,
            unsearched=asked.unsearched,
        )

    async def _histories(self, snapshot: Snapshot, key: bytes) -> dict[bytes, History]:
        """The person's own history and those it leads to, with both sides of every change of address."""
        found: dict[bytes, History] = {}
        looked: set[bytes] = set()
        new = {key}
        while new and len(looked) < LINKED_SUBJECTS_MAX:
            looked |= new
            found |= await self._opener.histories(snapshot, sorted(new))
            standings = {name.hex(): _standing(found.get(name)) for name in looked}
            new = {bytes.fromhex(name) for name in reach(key.hex(), standings).missing}
            own = found.get(key)
            counterparts = {event.recorded.counterpart for event in own.logged} if own is not None else set()
            new |= {bytes.fromhex(other) for other in counterparts if other is not None}
            new -= looked
        return found

    async def _answers(
        self,
        address: CanonicalAddress,
        events: Iterable[HeldEvent],
        forms: Mapping[str, Form],
        recipient: Recipient,
    ) -> tuple[Answered, ...]:
        kinds = _kinds(events, forms, address.kind)
        answers: list[Answered] = []
        for (sender, category, channel), sent_at_ms in list(kinds.items())[:ANSWERS_MAX]:
            now = await self._ask(address, (sender, category, channel), recipient, None)
            if now is None:
                continue
            then = None
            if sent_at_ms is not None:
                then = await self._ask(address, (sender, category, channel), recipient, sent_at_ms)
            answers.append(Answered(sender, category, channel, now, sent_at_ms, then))
        return tuple(answers)

    async def _ask(
        self,
        address: CanonicalAddress,
        kind: tuple[str, str, str],
        recipient: Recipient,
        at_ms: int | None,
    ) -> Decision | None:
        """The decision; None where the rulebook knows no such question (any more)."""
        sender, category, channel = kind
        known = {"country": recipient.country, "kind": recipient.kind}
        body = {
            "sender": sender,
            "category": category,
            "channel": channel,
            "kind": "commercial",
            "recipient": {name: value for name, value in known.items() if value is not None},
            "message": {"optout": True, "identity": True},
        }
        try:
            asked = Asked(parse_question(body), address, at_ms=at_ms, with_token=False)
            return (await self._checks.check(asked)).decision
        except InputError:
            return None


def _standing(history: History | None) -> Standing | None:
    """Links never depend on a form, so none is needed."""
    return fold_as_of(history.logged, {}, erased=history.erasure) if history is not None else None


def _events(key: bytes, histories: Mapping[bytes, History]) -> tuple[HeldEvent, ...]:
    held: list[HeldEvent] = []
    for name, history in histories.items():
        corrections = {
            event.recorded.event.corrects: event.index
            for event in history.logged
            if isinstance(event.recorded.event, v.Correction)
        }
        for opened, logged in zip(history.events, history.logged, strict=True):
            held.append(
                HeldEvent(
                    index=logged.index,
                    recorded_at_ms=logged.recorded_at_ms,
                    recorded=logged.recorded,
                    body=parse_record(opened.record).event,
                    evidence=parse_canonical(opened.evidence) if opened.evidence is not None else None,
                    address=history.address if name != key else None,
                    corrected_by=corrections.get(logged.index),
                )
            )
    return tuple(sorted(held, key=lambda event: event.index))


def _erased(history: History) -> ErasedPart | None:
    erasure = history.erasure
    return ErasedPart(len(history.erased), erasure.recorded_at_ms) if erasure is not None else None


def _kinds(
    events: Iterable[HeldEvent], forms: Mapping[str, Form], address_kind: str
) -> dict[tuple[str, str, str], int | None]:
    """What the person was mailed, or consented to: sender, category, channel, and when it was last sent."""
    usual = "email" if address_kind == "email" else "sms"
    kinds: dict[tuple[str, str, str], int | None] = {}
    for held in events:
        event = held.recorded.event
        if isinstance(event, v.MessageSent) and event.sender is not None:
            kind = (event.sender, event.category, event.channel)
            kinds[kind] = max(kinds.get(kind) or 0, held.recorded.occurred_ms)
        elif isinstance(event, v.ConsentGranted):
            for granted in _granted(event, forms, usual):
                kinds.setdefault(granted, None)
    return kinds


def _granted(event: v.ConsentGranted, forms: Mapping[str, Form], usual: str) -> list[tuple[str, str, str]]:
    form = forms.get(event.form) if event.form is not None else None
    box = form.box(event.box) if form is not None and event.box is not None else None
    own = (event.sender,) if event.sender is not None else ()
    senders = event.senders or (box.senders if box is not None else ()) or own
    categories = event.categories or (box.categories if box is not None else ())
    channels = event.channels or (box.channels if box is not None else ()) or (usual,)
    return [
        (sender, category, channel) for sender in senders for category in categories for channel in channels
    ]
