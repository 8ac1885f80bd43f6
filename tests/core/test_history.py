"""Folding as of a time: the standing the ledger keeps, minus what was not known or had not happened."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.canonical import canonical_json
from service.core.errors import EventError, FormatError
from service.core.events import milliseconds, parse_event, record_body, recorded_from_body
from service.core.history import (
    Erasure,
    LoggedEvent,
    Part,
    Reach,
    fold_as_of,
    logged_event,
    named_forms,
    reach,
    reach_senders,
    standings_of,
)
from service.core.law.facts import Standing
from service.core.law.standing import EMPTY, fold
from service.core.records import ZERO_HASH, record_bytes

START = datetime(2026, 1, 1, tzinfo=UTC)
START_MS = milliseconds(START)
HOUR_MS = 3_600_000
OTHER, THIRD = "ab" * 32, "cd" * 32

GRANT: dict[str, Any] = {
    "type": "consent_granted",
    "sender": "acme",
    "categories": ["newsletter"],
    "channels": ["email"],
    "senders": ["acme"],
    "method": "checkbox",
    "checkbox_default": "unticked",
    "evidence_grade": "documented",
}
FACTS: list[dict[str, Any]] = [
    GRANT,
    GRANT | {"categories": ["offers"]},
    {"type": "consent_withdrawn", "sender": "acme", "scope": "all_marketing"},
    {"type": "objection", "scope": "category", "categories": ["offers"]},
    {"type": "purchase", "sender": "acme", "product_category": "shoes"},
    {"type": "contract_ended", "seller": "acme"},
    {"type": "message_sent", "sender": "acme", "category": "newsletter", "channel": "email"},
    {"type": "address_bounced"},
    {"type": "contact_by_recipient", "sender": "acme"},
    {"type": "correction", "corrects": 1},
    {"type": "correction", "corrects": 4},
    {"type": "erasure_requested"},
]


def logged(place: int, fact: dict[str, Any], happened: float, recorded: int, **marks: str) -> LoggedEvent:
    """The event at log index 2 x place + 1; both times in hours since the start of 2026."""
    moment = (START + timedelta(hours=happened)).isoformat()
    address = {"kind": "email", "value": "jane@example.org"}
    changed = fact["type"] == "address_changed"
    where: dict[str, Any] = {} if changed or fact["type"].startswith("sender") else {"address": address}
    event = parse_event({"source_event_id": "x", "occurred_at": moment} | where | fact)
    body = record_body(event, marks.get("role", "address"), marks.get("counterpart"))
    return LoggedEvent(2 * place + 1, START_MS + recorded * HOUR_MS, recorded_from_body(body))


def moved(place: int, role: str, counterpart: str) -> LoggedEvent:
    addresses = {"from": {"kind": "email", "value": "a@x.nl"}, "to": {"kind": "email", "value": "b@x.nl"}}
    fact = {"type": "address_changed", "by": "recipient", "verified": True} | addresses
    return logged(place, fact, place, place, role=role, counterpart=counterpart)


def succeeded(place: int, before: str, after: str) -> LoggedEvent:
    fact = {"type": "sender_renamed", "from": before, "to": after, "same_legal_entity": True}
    return logged(place, fact, place, place, role="from", counterpart=OTHER)


def incremental(events: list[LoggedEvent]) -> Standing:
    """What the ledger keeps: one event after the other as they come in."""
    standing = EMPTY
    for event in events:
        standing = fold(
            standing, event.recorded, index=event.index, recorded_at_ms=event.recorded_at_ms, forms={}
        )
    return standing


def part(role: str, key: str, name: str | None = None, *events: LoggedEvent, exists: bool = True) -> Part:
    assert role in ("address", "linked", "sender")
    return Part(role, key, name, exists, events, None)  # type: ignore[arg-type] # narrowed by the line above


@st.composite
def histories(draw: st.DrawFn) -> list[LoggedEvent]:
    """Events in the order of the log, each recorded when it happened or up to 50 hours later."""
    events = []
    recorded = 0
    for place, fact in enumerate(draw(st.lists(st.sampled_from(FACTS), max_size=12))):
        recorded += draw(st.integers(0, 20))
        events.append(logged(place, fact, recorded - draw(st.integers(0, 50)), recorded))
    return events


@given(histories())
def test_without_a_time_it_is_the_standing_the_ledger_keeps(events: list[LoggedEvent]) -> None:
    assert fold_as_of(events, {}) == incremental(events)


@given(histories())
def test_as_of_now_it_is_the_standing_the_ledger_keeps(events: list[LoggedEvent]) -> None:
    now = max((event.recorded_at_ms for event in events), default=START_MS)
    assert fold_as_of(events, {}, at_ms=now, known_at_ms=now) == incremental(events)


@given(histories(), st.integers(0, 200))
def test_as_known_at_a_time_it_is_what_the_ledger_held_then(events: list[LoggedEvent], hour: int) -> None:
    known_at_ms = START_MS + hour * HOUR_MS
    held = [event for event in events if event.recorded_at_ms <= known_at_ms]
    assert fold_as_of(events, {}, known_at_ms=known_at_ms) == incremental(held)


@given(histories(), st.integers(0, 200))
def test_what_had_not_happened_yet_does_not_count(events: list[LoggedEvent], hour: int) -> None:
    at_ms = START_MS + hour * HOUR_MS
    happened = [
        event
        for event in events
        if event.recorded.type == "correction" or event.recorded.occurred_ms <= at_ms
    ]
    assert fold_as_of(events, {}, at_ms=at_ms) == incremental(happened)


def test_a_withdrawal_recorded_late_counts_from_the_day_it_was_declared_for() -> None:
    late = logged(0, FACTS[2], happened=1, recorded=90)
    assert fold_as_of([late], {}, at_ms=START_MS + 2 * HOUR_MS).nos


def test_a_withdrawal_recorded_late_was_not_known_before() -> None:
    late = logged(0, FACTS[2], happened=1, recorded=90)
    assert fold_as_of([late], {}, known_at_ms=START_MS + 89 * HOUR_MS) == EMPTY


def test_both_times_are_inside() -> None:
    event = logged(0, GRANT, happened=1, recorded=5)
    at_ms, known_at_ms = START_MS + HOUR_MS, START_MS + 5 * HOUR_MS
    assert fold_as_of([event], {}, at_ms=at_ms, known_at_ms=known_at_ms).grants


def test_a_correction_says_what_never_was_so_whatever_time_is_asked_about() -> None:
    wrong = logged(0, GRANT, happened=1, recorded=1)
    corrected = logged(1, {"type": "correction", "corrects": wrong.index}, happened=50, recorded=50)
    assert not fold_as_of([wrong, corrected], {}, at_ms=START_MS + 2 * HOUR_MS).grants


def test_a_correction_was_not_known_before_it_was_recorded() -> None:
    wrong = logged(0, GRANT, happened=1, recorded=1)
    corrected = logged(1, {"type": "correction", "corrects": wrong.index}, happened=50, recorded=50)
    assert fold_as_of([wrong, corrected], {}, known_at_ms=START_MS + 49 * HOUR_MS).grants


def test_an_erased_history_leaves_a_no_at_any_time_that_is_asked_about() -> None:
    erased = Erasure(index=7, recorded_at_ms=START_MS + 60 * HOUR_MS)
    standing = fold_as_of([], {}, at_ms=START_MS, known_at_ms=START_MS, erased=erased)
    assert standing.erased is not None
    assert standing.nos


def test_what_comes_after_an_erasure_is_folded_upon_the_suppression() -> None:
    erased = Erasure(index=7, recorded_at_ms=START_MS)
    standing = fold_as_of([logged(9, GRANT, happened=9, recorded=9)], {}, erased=erased)
    assert standing.grants
    assert standing.nos


def test_the_forms_that_events_name_are_found() -> None:
    with_form = GRANT | {"form": OTHER, "box": "newsletter", "method": "ticked"}
    events = [logged(0, with_form, 0, 0), logged(1, FACTS[2], 1, 1), logged(2, with_form, 2, 2)]
    assert named_forms(events) == {OTHER}


def test_links_between_addresses_are_followed_to_the_end_and_round_in_circles() -> None:
    start = "ee" * 32
    standings: dict[str, Standing | None] = {start: fold_as_of([moved(1, "new", OTHER)], {})}
    assert reach(start, standings).missing == {OTHER}
    standings[OTHER] = fold_as_of([moved(2, "new", THIRD), moved(3, "new", start)], {})
    assert reach(start, standings).missing == {THIRD}
    standings[THIRD] = None
    assert reach(start, standings).reached == {start, OTHER, THIRD}


def test_an_address_nobody_knows_leads_nowhere() -> None:
    assert reach(OTHER, {OTHER: None}).reached == {OTHER}


def test_successions_of_senders_are_followed_by_name() -> None:
    standings: dict[str, Standing | None] = {"new": fold_as_of([succeeded(1, "old", "new")], {})}
    found = reach_senders("new", standings)
    assert found == Reach(frozenset({"new"}), frozenset({"old"}))


def test_a_decision_is_made_from_linked_addresses_that_exist_in_the_order_of_their_keys() -> None:
    parts = [
        part("linked", THIRD),
        part("address", "ee" * 32),
        part("linked", OTHER, None, logged(0, GRANT, 0, 0)),
        part("linked", "00" * 32, exists=False),
        part("sender", "11" * 32, "acme"),
    ]
    standings = standings_of(parts, {})
    assert [key for key, _ in standings.linked] == [OTHER, THIRD]
    assert standings.senders == {"acme": EMPTY}


def test_a_record_is_read_back_at_its_place() -> None:
    event = parse_event(
        GRANT
        | {
            "source_event_id": "x",
            "occurred_at": "2026-01-01T00:00:00Z",
            "address": {"kind": "email", "value": "jane@example.org"},
        }
    )
    body = canonical_json(record_body(event, "address", None))
    raw = record_bytes(body, origin="l/a/1", subject_key=ZERO_HASH, seq=0, prev=ZERO_HASH, evidence=None)
    found = logged_event(5, START_MS, raw)
    assert (found.index, found.recorded.occurred_ms) == (5, START_MS)


@pytest.mark.parametrize(
    ("raw", "error"),
    [(b"{}", FormatError), (b"not JSON", FormatError), (b'{"event":{}}', FormatError)],
)
def test_what_is_no_record_is_refused(raw: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        logged_event(0, 0, raw)


def test_an_event_outside_the_vocabulary_is_refused() -> None:
    body = b'{"occurred_at":"2026-01-01T00:00:00.000Z","type":"wished"}'
    raw = record_bytes(body, origin="l/a/1", subject_key=ZERO_HASH, seq=0, prev=ZERO_HASH, evidence=None)
    with pytest.raises(EventError):
        logged_event(0, 0, raw)
