"""Standings as of another time: the records of a subject folded again, leaving out what must not count.

Two times may be given, both in milliseconds since 1970 and both inside:

* `known_at_ms`: what the ledger recorded later was not known then, and is left out;
* `at_ms`: what is declared to have happened later had not happened then, and is left out. A correction is not
  something that happened: it says what never was so. It counts from the moment it was recorded.

With neither time, or with both at the newest, this is the standing the ledger keeps from batch to batch.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from service.core.events import Form, RecordedEvent, recorded_from_body
from service.core.events import vocabulary as v
from service.core.law.context import Standings
from service.core.law.facts import Standing
from service.core.law.standing import EMPTY, fold, links, predecessors, suppressed
from service.core.records import Record, parse_record


class LoggedEvent(Struct, frozen=True, gc=False):
    """One event of one subject at its place in the log."""

    index: int
    recorded_at_ms: int
    recorded: RecordedEvent


class Erasure(Struct, frozen=True, gc=False):
    """The notice that everything a subject's chain held before `index` was destroyed."""

    index: int
    recorded_at_ms: int


class Part(Struct, frozen=True, gc=False):
    """A subject's part in a question, with its whole history.

    `role`: the address asked about, one linked with it, or a sender, whose id is then `name`. `exists` is
    false for a subject the ledger holds nothing of. `erasure` is the newest notice about it.
    """

    role: Literal["address", "linked", "sender"]
    subject_key: str
    name: str | None
    exists: bool
    logged: tuple[LoggedEvent, ...]
    erasure: Erasure | None

    def standing(
        self, forms: Mapping[str, Form], *, at_ms: int | None = None, known_at_ms: int | None = None
    ) -> Standing:
        """The history folded as of these times."""
        return fold_as_of(self.logged, forms, at_ms=at_ms, known_at_ms=known_at_ms, erased=self.erasure)

    def through(self, position: int) -> "Part":
        """The part as it was when the log ended at `position`; what was erased since stays erased."""
        logged = tuple(event for event in self.logged if event.index <= position)
        return replace(self, logged=logged, exists=bool(logged) or self.erasure is not None)


class Reach(Struct, frozen=True):
    """The subjects (or senders) that a decision about one needs: those found, and those still to be read."""

    reached: frozenset[str]
    missing: frozenset[str]


def logged_event(index: int, recorded_at_ms: int, record: bytes | Record) -> LoggedEvent:
    """Read one record at its place in the log.

    Raises `FormatError` when it is no record and `EventError` when its event is outside the vocabulary.
    """
    parsed = parse_record(record) if isinstance(record, bytes) else record
    return LoggedEvent(index, recorded_at_ms, recorded_from_body(parsed.event))


def counts(event: LoggedEvent, *, at_ms: int | None, known_at_ms: int | None) -> bool:
    """Whether this event counts at these times."""
    if known_at_ms is not None and event.recorded_at_ms > known_at_ms:
        return False
    if at_ms is None or isinstance(event.recorded.event, v.Correction):
        return True
    return event.recorded.occurred_ms <= at_ms


def fold_as_of(
    events: Iterable[LoggedEvent],
    forms: Mapping[str, Form],
    *,
    at_ms: int | None = None,
    known_at_ms: int | None = None,
    erased: Erasure | None = None,
) -> Standing:
    """Fold a subject's events, given in the order of the log, into its standing as of these times.

    `forms` holds every form the events name (`named_forms`). `erased` is the newest notice about this
    subject: what it covers cannot be folded any more, so the suppression it left holds at any time.
    """
    standing = EMPTY
    if erased is not None:
        standing = suppressed(index=erased.index, at_ms=erased.recorded_at_ms)
    for event in events:
        if counts(event, at_ms=at_ms, known_at_ms=known_at_ms):
            standing = fold(
                standing,
                event.recorded,
                index=event.index,
                recorded_at_ms=event.recorded_at_ms,
                forms=forms,
            )
    return standing


def named_forms(events: Iterable[LoggedEvent]) -> frozenset[str]:
    """The forms, by id, that these events speak of."""
    named = (getattr(event.recorded.event, "form", None) for event in events)
    return frozenset(form for form in named if form is not None)


def reach(start: str, standings: Mapping[str, Standing | None]) -> Reach:
    """Follow the links between addresses from `start`; None stands for a subject without events.

    `standings` holds those already read, by subject key in hex. Done when nothing is missing. Links never
    depend on a form, so standings folded without forms will do.
    """
    return _follow(start, standings, lambda _name, standing: links(standing))


def reach_senders(asked: str, standings: Mapping[str, Standing | None]) -> Reach:
    """Follow the successions of senders from the one asked about; `standings` by sender id."""
    return _follow(asked, standings, lambda name, standing: predecessors(standing, name))


def standings_of(
    parts: Iterable[Part],
    forms: Mapping[str, Form],
    *,
    at_ms: int | None = None,
    known_at_ms: int | None = None,
) -> Standings:
    """What a decision is made from. Exactly one part must be the address asked about."""
    folded = [(part, part.standing(forms, at_ms=at_ms, known_at_ms=known_at_ms)) for part in parts]
    (address,) = (standing for part, standing in folded if part.role == "address")
    linked = (
        (part.subject_key, standing) for part, standing in folded if part.role == "linked" and part.exists
    )
    return Standings(
        address=address,
        linked=tuple(sorted(linked, key=itemgetter(0))),
        senders={part.name: standing for part, standing in folded if part.role == "sender" and part.name},
    )


def _follow(
    start: str,
    standings: Mapping[str, Standing | None],
    next_of: Callable[[str, Standing], Iterable[str]],
) -> Reach:
    reached: set[str] = set()
    missing: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in reached or name in missing:
            continue
        if name not in standings:
            missing.add(name)
            continue
        reached.add(name)
        waiting.extend(next_of(name, standings[name] or EMPTY))
    return Reach(frozenset(reached), frozenset(missing))
