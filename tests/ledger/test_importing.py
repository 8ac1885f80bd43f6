"""What a row of an old list is worth, and what becomes of it: pure, without a service."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from service.core.errors import InputError
from service.core.events import parse_event
from service.ledger.importing.mapping import MEANINGS, ColumnMap
from service.ledger.importing.rows import About, Plan, Rows
from service.ledger.importing.times import read_moment, read_zone

NOW_MS = 1_795_564_800_000  # 2026-11-25T00:00:00Z
EXPORTED = datetime(2026, 11, 20, 9, tzinfo=UTC)
FORM = "ab" * 32
COLUMNS = {meaning: (meaning,) for meaning in MEANINGS}
ABOUT = About(
    sender="acme",
    categories=("newsletter",),
    channels=("email",),
    exported_at=EXPORTED,
    timezone="Europe/Amsterdam",
)
YES = {"opted_in_at": "2023-05-01 10:15:00", "opted_in_ip": "192.0.2.7"}


def read(about: About = ABOUT, /, **cells: str) -> Plan:
    """A row whose headings are what its columns mean."""
    words = {"subscribed": "subscribed", "pending": "pending", "unsubscribed": "unsubscribed"}
    words |= {"cleaned": "bounced", "spam": "complained", "other": "nothing"}
    mapping = ColumnMap(name="list", columns=COLUMNS, status=words)  # type: ignore[arg-type]  # of a Literal
    return Rows(mapping, about, NOW_MS).read({"address": "jane@example.org", **cells})


def types(plan: Plan) -> list[str]:
    return [event["type"] for event in plan.events]


def with_form(**changes: Any) -> About:  # noqa: ANN401 - fields
    return replace(ABOUT, **{"form": FORM, **changes})


# What a row shows: the importer's word, the row; the grade and the events.
WORTH: dict[str, tuple[About, dict[str, str], str, list[str]]] = {
    "form, time, act and origin": (with_form(), {"status": "subscribed", **YES}, "A", ["consent_granted"]),
    "the form in a column": (ABOUT, {**YES, "form": FORM}, "A", ["consent_granted"]),
    "no text": (ABOUT, {"status": "subscribed", **YES}, "B", ["consent_granted"]),
    "a page instead of an IP, and an act": (
        ABOUT,
        {"opted_in_at": "2023-05-01T10:15:00Z", "source": "https://a.example/form", "method": "web form"},
        "B",
        ["consent_granted"],
    ),
    "a page, but no act": (
        ABOUT,
        {"opted_in_at": "2023-05-01T10:15:00Z", "source": "https://a.example/form"},
        "C",
        ["address_imported"],
    ),
    "a form, but no origin": (with_form(), {"opted_in_at": "2023-05-01"}, "C", ["address_imported"]),
    "a confirmation alone, as uploads have": (
        with_form(),
        {"confirmed_at": "2023-05-01", "confirmed_ip": "192.0.2.7"},
        "C",
        ["address_imported"],
    ),
    "only a flag": (with_form(), {"status": "subscribed"}, "D", ["address_imported"]),
    "only an address": (with_form(), {}, "D", ["address_imported"]),
    "both steps of a double opt-in": (
        ABOUT,
        {**YES, "confirmed_at": "2023-05-01 10:20:00", "confirmed_ip": "192.0.2.7"},
        "B",
        ["consent_granted", "consent_confirmed"],
    ),
    "one step that is told twice": (
        ABOUT,
        {**YES, "confirmed_at": "2023-05-01 10:15:00"},
        "B",
        ["consent_granted"],
    ),
    "asked, and not confirmed": (ABOUT, {"status": "pending"}, "D", ["consent_requested"]),
    "a no": (ABOUT, {"status": "unsubscribed"}, "no", ["consent_withdrawn"]),
    "a no by a flag": (ABOUT, {"status": "subscribed", "opt_out": "TRUE"}, "no", ["consent_withdrawn"]),
    "a no by its time alone": (ABOUT, {"opted_out_at": "2024-01-01"}, "no", ["consent_withdrawn"]),
    "a yes before the no": (
        ABOUT,
        {"status": "unsubscribed", **YES},
        "no",
        ["consent_granted", "consent_withdrawn"],
    ),
    "an earlier no of somebody who came back": (
        ABOUT,
        {"status": "subscribed", "opted_out_at": "2022-01-01", **YES},
        "B",
        ["consent_granted", "consent_withdrawn"],
    ),
    "a complaint": (ABOUT, {"status": "spam"}, "no", ["objection"]),
    "a complaint by a flag": (ABOUT, {"complaint": "yes"}, "no", ["objection"]),
    "a dead address": (ABOUT, {"status": "cleaned"}, "bounced", ["address_bounced"]),
    "a bounce by its reason": (
        ABOUT,
        {"bounce": "UNKNOWN_USER"},
        "bounced",
        ["address_imported", "address_bounced"],
    ),
    "no bounce": (ABOUT, {"bounce": "false"}, "D", ["address_imported"]),
}


@pytest.mark.parametrize(("about", "cells", "verdict", "events"), WORTH.values(), ids=WORTH)
def test_a_row_is_worth_what_it_shows(
    about: About, cells: dict[str, str], verdict: str, events: list[str]
) -> None:
    plan = read(about, **cells)
    assert (plan.verdict, types(plan)) == (verdict, events)


def test_the_grade_is_in_the_event_that_the_rules_read() -> None:
    (proved,) = read(with_form(box="newsletter"), **YES).events
    assert (proved["evidence_grade"], proved["method"]) == ("documented", "ticked")
    assert {*proved["evidence_items"]} == {"timestamp", "ip", "wording_version"}
    (unproved,) = read(**YES).events
    assert (unproved["evidence_grade"], unproved["method"]) == ("none", "web_form")
    (claimed,) = read(opted_in_at="2023-05-01").events
    assert claimed["consent_evidence"] == "claimed_no_record"
    (flag,), (bare,) = read(status="subscribed").events, read(status="other").events
    assert (flag["consent_evidence"], bare["consent_evidence"]) == ("claimed_no_record", "not_claimed")


def test_the_row_is_kept_as_evidence_and_marked_as_taken_over() -> None:
    for event in read(status="unsubscribed", **YES).events:
        assert event["evidence"] == {"row": {"address": "jane@example.org", "status": "unsubscribed", **YES}}
        assert event["source"].startswith("import")


# What cannot be read: the cells, and a word of the reason.
REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "no address": ({"address": " "}, "no address"),
    "a broken address": ({"address": "jane at example.org"}, "@"),
    "a formula": ({"address": '=HYPERLINK("http://evil.example";"jane@example.org")'}, "formula"),
    "a formula in another guise": ({"address": "@SUM(1+1)*cmd|' /C calc'!A0"}, "formula"),
    "a status nobody knows": ({"status": "wonky"}, "status"),
    "a flag that is none": ({"opt_out": "perhaps"}, "opt_out"),
    "a time that is none": ({"opted_in_at": "last week"}, "opted_in_at"),
    "a day that does not exist": ({"opted_in_at": "2023-02-30"}, "opted_in_at"),
    "a time that has not come": ({"opted_in_at": "2031-01-01", "opted_in_ip": "192.0.2.7"}, "future"),
    "a time before there was any": ({"opted_in_at": "1970-01-01", "opted_in_ip": "192.0.2.7"}, "1990"),
    "an IP that is none": ({**YES, "opted_in_ip": "300.1.1.1"}, "IP"),
    "an act nobody knows": ({**YES, "method": "telepathy"}, "method"),
    "a form that is none": ({**YES, "form": "spring"}, "allowed"),
    "bytes that are no text": ({"address": "jane@example.org", "box": "Zo\udce9"}, "encoding"),
    "a NUL": ({"box": "a\0b"}, "NUL"),
    "a row without end": ({"box": "x" * 20_000}, "too long"),
}


@pytest.mark.parametrize(("cells", "word"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_and_not_repeated(cells: dict[str, str], word: str) -> None:
    with pytest.raises(InputError, match=word) as refused:
        read(**cells)
    assert "jane" not in str(refused.value)


def test_times_need_a_zone_and_rows_without_one_the_time_of_the_export() -> None:
    unzoned = About(sender="acme", categories=("newsletter",), channels=("email",))
    with pytest.raises(InputError, match="zone"):
        read(unzoned, **YES)
    with pytest.raises(InputError, match="exported"):
        read(unzoned, status="subscribed")
    assert read(unzoned, opted_in_at="2023-05-01T10:15:00+02:00", opted_in_ip="192.0.2.7").verdict == "B"


@pytest.mark.parametrize(
    ("text", "formats", "expected"),
    [
        ("2023-05-01 10:15:00", (), "2023-05-01T08:15:00+00:00"),
        ("2023-12-01 10:15", (), "2023-12-01T09:15:00+00:00"),
        ("2023-05-01T10:15:00Z", (), "2023-05-01T10:15:00+00:00"),
        ("2023-05-01T10:15:00.123+0200", (), "2023-05-01T08:15:00.123000+00:00"),
        ("2023-05-01 10:15:00.123456789 +0000 UTC", (), "2023-05-01T10:15:00.123456+00:00"),
        ("2023-05-01 10:15:00 +0200 CEST", (), "2023-05-01T08:15:00+00:00"),
        ("2023-05-01 10:15:00 -0300 -03", (), "2023-05-01T13:15:00+00:00"),
        ("2023-05-01", (), "2023-04-30T22:00:00+00:00"),
        ("01/05/2023 10:15", ("%d/%m/%Y %H:%M",), "2023-05-01T08:15:00+00:00"),
        ("5/1/23", ("%Y-%m-%d", "%m/%d/%y"), "2023-04-30T22:00:00+00:00"),
    ],
)
def test_times_are_read_as_lists_write_them(text: str, formats: tuple[str, ...], expected: str) -> None:
    assert read_moment(text, read_zone("Europe/Amsterdam"), formats).first.isoformat() == expected


@pytest.mark.parametrize(
    "text", ["01/05/2023", "1682935200", "2023-05-01 25:00", "tomorrow", "2023-5-1", "9999-12-31x"]
)
def test_a_time_that_could_be_read_in_two_ways_is_read_in_none(text: str) -> None:
    with pytest.raises(InputError):
        read_moment(text, UTC)


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_times(text: str) -> None:
    with suppress(InputError):
        read_moment(text, UTC)


def test_a_day_counts_for_a_yes_from_its_beginning_and_for_a_no_from_its_end() -> None:
    (yes,) = read(opted_in_at="2023-05-01", opted_in_ip="192.0.2.7").events
    (no,) = read(opted_out_at="2023-05-01").events
    assert (yes["occurred_at"], no["occurred_at"]) == (
        "2023-04-30T22:00:00.000+00:00",
        "2023-05-01T21:59:59.999+00:00",
    )
    (today,) = read(with_form(timezone="UTC"), opted_out_at="2026-11-25").events
    assert today["occurred_at"] == "2026-11-25T00:00:00.000+00:00"


def test_the_same_fact_has_the_same_id_in_every_file_and_another_fact_another() -> None:
    def ids(**cells: str) -> list[str]:
        return [event["source_event_id"] for event in read(**cells).events]

    assert ids(**YES) == ids(**YES, box="whatever else the list tells", address=" JANE@example.org ")
    assert ids(**YES) != ids(**{**YES, "opted_in_at": "2023-05-01 10:15:01"})
    assert ids(**YES) != ids(**YES, address="joe@example.org")
    later = with_form(form=None, exported_at=datetime(2026, 11, 21, tzinfo=UTC))
    flag, no = {"status": "subscribed"}, {"status": "unsubscribed"}
    assert ids(**flag) == [event["source_event_id"] for event in read(later, **flag).events]
    # A no that comes with each new export is said each time: it is never the yes in between that lasts.
    assert ids(**no) != [event["source_event_id"] for event in read(later, **no).events]


def test_a_confirmation_belongs_to_its_consent() -> None:
    twice = {**YES, "confirmed_at": "2023-05-02"}
    without, proved = read(**twice).events, read(with_form(), **twice).events
    assert [event["type"] for event in proved] == ["consent_granted", "consent_confirmed"]
    assert without[1]["source_event_id"] != proved[1]["source_event_id"]


@given(
    st.dictionaries(
        st.sampled_from([*MEANINGS]),
        st.sampled_from(["", "subscribed", "yes", "no", "2023-05-01T10:15:00Z", "192.0.2.7", "x"]),
    )
)
def test_every_row_is_refused_or_becomes_events_that_the_ledger_takes(cells: dict[str, str]) -> None:
    try:
        plan = read(**{**cells, "address": "jane@example.org"})
    except InputError:
        return
    assert plan.events
    for event in plan.events:
        parse_event(event)
    claims = [event for event in plan.events if event.get("evidence_grade") == "documented"]
    assert bool(claims) <= (plan.verdict in ("A", "no", "bounced"))
