"""The dry run: which of the ledger's current answers would be others under a rulebook that is not published.

Either given questions are asked under both rulebooks, or every subject is: about each sender, category and
channel. Subjects are read a page at a time, so memory is constant; time is bounded, and the result says how
many were looked at. A subject's key is a keyed hash: those with the smallest keys are a fair sample of all.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import product
from typing import Final, Literal, NamedTuple

from service.core.errors import QuestionError
from service.core.law.context import Standings
from service.core.law.decision import decide
from service.core.law.facts import Standing
from service.core.law.question import MessageFacts, Question, RecipientFacts
from service.core.law.rulebook import Rulebook, rulebook_hash
from service.core.law.standing import decode_standing
from service.ledger.answering.checks import Asked, gather
from service.ledger.appending.admission import Admission
from service.ledger.catalogue import Catalogue
from service.ledger.opening import Opener
from service.ledger.ports import Clock, Head, Snapshot, Store

SECONDS_MAX: Final = 20.0
SUBJECTS_DEFAULT: Final = 10_000
CHANNELS_DEFAULT: Final = ("email", "sms", "phone_live")
_PAGE: Final = 200
_SAMPLES_MAX: Final = 20
_REACHED_BY: Final = {"email": ("email", "inbox_ad"), "phone": ("sms", "phone_live", "robocall", "fax")}
_COMPLETE: Final = MessageFacts(optout=True, identity=True, postal_address=True, labelled_as_advertising=True)
# Inside the hours in which every jurisdiction permits calls that permits them at all.
_NOON: Final = "12:00"


class Outcome(NamedTuple):
    """How a question is answered, in short; "none" where a rulebook does not know the category."""

    decision: Literal["allow", "deny", "none"]
    reason_code: str


@dataclass(frozen=True, slots=True)
class Instance:
    """One question whose answer would change; `position` is its place among given questions."""

    subject_key: str
    sender: str
    category: str
    channel: str
    position: int | None = None


@dataclass(slots=True)
class Change:
    """How often one answer would become another, and some of the questions it happens to."""

    count: int = 0
    sample: list[Instance] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is asked of every subject: as whom (where the ledger knows no country), over which channels.

    `limit` is how many subjects are looked at, at most; `at_ms` the time of sending, None for now.
    """

    recipient: RecipientFacts | None = None
    channels: Sequence[str] = CHANNELS_DEFAULT
    limit: int = SUBJECTS_DEFAULT
    at_ms: int | None = None


@dataclass(slots=True)
class Rehearsed:
    """What a dry run found."""

    in_force: bytes
    tried: bytes
    at_ms: int
    subjects: int
    looked_at: int = 0
    questions: int = 0
    changes: dict[tuple[Outcome, Outcome], Change] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every subject was looked at."""
        return self.looked_at >= self.subjects

    @property
    def changed(self) -> int:
        """How many answers would be others."""
        return sum(change.count for change in self.changes.values())

    def note(self, outcomes: Sequence[Outcome], instance: Instance) -> None:
        """Count one question: how it is answered now, and how it would be."""
        old, new = outcomes
        self.questions += 1
        if old == new:
            return
        change = self.changes.setdefault((old, new), Change())
        change.count += 1
        if len(change.sample) < _SAMPLES_MAX:
            change.sample.append(instance)


class Rehearsal:
    """Tries rulebooks. Nothing is written."""

    def __init__(
        self,
        store: Store,
        admission: Admission,
        catalogue: Catalogue,
        opener: Opener,
        *,
        clock: Clock,
        stopwatch: Callable[[], float],
    ) -> None:
        self._store = store
        self._admission = admission
        self._catalogue = catalogue
        self._opener = opener
        self._clock = clock
        self._stopwatch = stopwatch

    async def ask(self, tried: Rulebook, asked: Sequence[Asked], at_ms: int | None = None) -> Rehearsed:
        """Answer these questions under the rulebook in force and under `tried`.

        Raises `QuestionError` for an unknown sender or a time in the past.
        """
        current, found = await self._begin(tried, at_ms)
        found.subjects = found.looked_at = len({one.address for one in asked})
        for position, one in enumerate(asked):
            if not await self._catalogue.is_sender(one.question.sender):
                pointer = f"/questions/{position}/sender"
                raise QuestionError("no such sender is registered", pointer=pointer, code="unknown_sender")
            key = self._admission.subject_of(one.address)
            async with self._store.snapshot() as snapshot:
                read = _Reader(snapshot)
                _, standings = await gather(read, self._admission, key, one.question.sender)
            outcomes = [_outcome(book, standings, one.question, found.at_ms) for book in (current, tried)]
            found.note(outcomes, _instance(key, one.question, position))
        return found

    async def ask_everybody(self, tried: Rulebook, scope: Scope) -> Rehearsed:
        """Ask about every subject, as far as `scope.limit` and the time allow.

        Raises `QuestionError` for a time in the past.
        """
        current, found = await self._begin(tried, scope.at_ms)
        books = (current, tried)
        senders = sorted(await self._catalogue.senders())
        ends = self._stopwatch() + SECONDS_MAX
        async with aclosing(self._subjects(scope.limit)) as subjects:
            async for subject in subjects:
                found.looked_at += 1
                for sender in senders if subject.kind in _REACHED_BY else ():
                    _, standings = await gather(subject.read, self._admission, subject.key, sender)
                    for question in _questions(books, subject, sender, scope):
                        outcomes = [_outcome(book, standings, question, found.at_ms) for book in books]
                        found.note(outcomes, _instance(subject.key, question))
                await asyncio.sleep(0)  # others are served meanwhile
                if self._stopwatch() > ends:
                    break
        return found

    async def _begin(self, tried: Rulebook, at_ms: int | None) -> tuple[Rulebook, Rehearsed]:
        async with self._store.snapshot() as snapshot:
            head = await snapshot.head()
        now_ms = max(self._clock(), head.recorded_at_ms)
        if at_ms is not None and at_ms < now_ms:
            raise QuestionError("a dry run is about now or later", pointer="/at", code="too_old")
        in_force = await self._catalogue.rulebook(head.rulebook_hash)
        found = Rehearsed(in_force.digest, rulebook_hash(tried), at_ms or now_ms, head.subject_count)
        return in_force.rulebook, found

    async def _subjects(self, limit: int) -> AsyncGenerator["_Subject", None]:
        """Subjects by key, a page at a time."""
        after, left = b"", limit
        while left > 0:
            async with self._store.snapshot() as snapshot:
                page = await snapshot.subjects_after(after, min(_PAGE, left))
                secrets = await snapshot.secrets([key for key, _ in page])
                read = _Reader(snapshot)
                read.known = {key: decode_standing(row.standing) for key, row in page}
                for key, standing in list(read.known.items()):
                    address = self._opener.address(key, secrets.get(key))
                    yield _Subject(key, standing, address.kind if address is not None else "", read)
            if not page:
                return
            after, left = page[-1][0], left - len(page)


@dataclass(frozen=True, slots=True)
class _Subject:
    """A subject, and what reads those it is linked with. `kind` is of its address, "" where it was erased."""

    key: bytes
    standing: Standing
    kind: str
    read: "_Reader"


class _Reader:
    """Reads standings in one snapshot, each once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._head: Head | None = None
        self.known: dict[bytes, Standing] = {}
        self._absent: set[bytes] = set()

    async def __call__(self, keys: Sequence[bytes]) -> tuple[Head, dict[bytes, Standing]]:
        """The head and those standings that exist."""
        unread = [key for key in keys if key not in self.known and key not in self._absent]
        if unread:
            rows = await self._snapshot.subjects(unread)
            self.known |= {key: decode_standing(row.standing) for key, (row, _) in rows.items()}
            self._absent.update(key for key in unread if key not in rows)
        if self._head is None:
            self._head = await self._snapshot.head()
        return self._head, {key: self.known[key] for key in keys if key in self.known}


def _questions(books: Sequence[Rulebook], subject: _Subject, sender: str, scope: Scope) -> Iterator[Question]:
    """What is asked of one subject for one sender: a complete commercial message of each category."""
    named = sorted({name for book in books for name in book.document.categories})
    categories = named or sorted(_categories_of(subject.standing))
    channels = [channel for channel in scope.channels if channel in _REACHED_BY[subject.kind]]
    country = subject.standing.country or books[1].document.default_jurisdiction
    recipient = scope.recipient or RecipientFacts(country=country, kind="consumer")
    for category, channel in product(categories, channels):
        if all(_concerns(book, category, sender) for book in books):
            yield Question(
                sender=sender,
                category=category,
                channel=channel,  # type: ignore[arg-type]  # one of the channels of `_REACHED_BY`
                kind="commercial",
                recipient=recipient,
                message=_COMPLETE,
                local_time=_NOON,
            )


def _concerns(book: Rulebook, category: str, sender: str) -> bool:
    """Whether this sender uses the category, as far as the rulebook says."""
    known = book.document.categories.get(category)
    return known is None or not known.senders or sender in known.senders


def _categories_of(standing: Standing) -> set[str]:
    """The categories of a house whose rulebook lists none: those its subject's events speak of."""
    named = {category for grant in standing.grants for category in grant.categories}
    named |= {mailing.category for mailing in standing.mailings}
    named |= {category for no in standing.nos for category in no.categories}
    return named or {"marketing"}


def _outcome(book: Rulebook, standings: Standings, question: Question, at_ms: int) -> Outcome:
    try:
        decision = decide(book, standings, question, at_ms)
    except QuestionError as error:
        return Outcome("none", error.code)
    return Outcome(decision.decision, decision.reason_code)


def _instance(key: bytes, question: Question, position: int | None = None) -> Instance:
    return Instance(key.hex(), question.sender, question.category, question.channel, position)
