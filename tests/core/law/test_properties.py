"""What must hold over any history: a no is final until the person says yes, and unknown means no."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.core.events import parse_event, record_body, recorded_from_body
from service.core.law.decision import ALLOW_CODES, DENY_CODES
from service.core.law.standing import EMPTY, Standing, decode_standing, encode_standing, fold
from tests.core.law.generated import (
    ANYTHING,
    ASKED_ON,
    DAYS,
    HISTORIES,
    JOHN,
    LAWS,
    MESSAGES,
    NEUTRAL,
    NOES,
    QUESTIONS,
    Fact,
    ask,
    at,
    dated,
    tell,
    world,
)
from tests.core.law.world import AGREED, BOUGHT, COMPLETE, JANE, World

EASY = settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MOVED = {"from": JOHN, "to": JANE, "by": "recipient", "verified": True}


@EASY
@given(HISTORIES, QUESTIONS, st.sampled_from(["consent_withdrawn", "objection"]), NOES, DAYS)
def test_a_no_never_turns_a_deny_into_an_allow(
    history: list[Fact], question: dict[str, Any], kind: str, no: dict[str, Any], day: int
) -> None:
    told = world(history)
    before = ask(told, question)
    tell(told, kind, day, no)
    after = ask(told, question)
    # A no is what a confirmation of it waits for; nothing else ever needs one.
    if before.decision == "deny" and question["kind"] != "optout_confirmation":
        assert after.decision == "deny"


@EASY
@given(HISTORIES, MESSAGES, st.lists(dated(NEUTRAL), min_size=1, max_size=5))
def test_nothing_but_a_positive_act_of_the_person_lifts_a_no(
    history: list[Fact], question: dict[str, Any], later: list[Fact]
) -> None:
    told = world([*history, ("objection", 3000, {"scope": "all_marketing"})])
    question |= {"kind": "commercial"}
    assert ask(told, question).decision == "deny"
    for fact in later:
        tell(told, fact[0], 3050, fact[2])
    assert ask(told, question).decision == "deny"


@EASY
@given(
    history=HISTORIES,
    question=MESSAGES,
    by=st.sampled_from(["recipient", "staff"]),
    verified=st.booleans(),
)
def test_a_change_of_address_lifts_no_no(
    history: list[Fact], question: dict[str, Any], by: str, *, verified: bool
) -> None:
    told = world([])
    for kind, day, named in [*history, ("objection", 3000, {"scope": "all_marketing"})]:
        tell(told, kind, day, named | {"address": JOHN})
    tell(told, "address_changed", 3050, MOVED | {"by": by, "verified": verified})
    assert ask(told, question | {"kind": "commercial"}).decision == "deny"


@EASY
@given(HISTORIES, MESSAGES)
def test_a_broker_moves_no_yes(history: list[Fact], question: dict[str, Any]) -> None:
    question |= {"kind": "commercial"}
    before = ask(world([]), question)
    told = world([])
    for kind, day, named in history:
        tell(told, kind, day, named | {"address": JOHN})
    tell(told, "address_changed", 3050, MOVED | {"by": "broker"})
    assert ask(told, question).decision == before.decision


@EASY
@given(HISTORIES, MESSAGES)
def test_an_older_or_imported_grant_lifts_nothing(history: list[Fact], question: dict[str, Any]) -> None:
    told = world([*history, ("objection", 3000, {"scope": "all_marketing"})])
    question |= {"kind": "commercial"}
    granted = AGREED | {"categories": [question["category"]], "channels": [question["channel"]]}
    tell(told, "consent_granted", 2999, granted)
    tell(told, "consent_granted", 3050, granted | {"source": "import-crm"})
    assert ask(told, question).decision == "deny"


@EASY
@given(HISTORIES, QUESTIONS, st.lists(dated(ANYTHING), min_size=1, max_size=4))
def test_events_of_another_sender_and_category_never_change_the_answer(
    history: list[Fact], question: dict[str, Any], others: list[Fact]
) -> None:
    told = world(history)
    before = ask(told, question)
    for kind, day, named in others:
        _tell_about_another(told, kind, day, named)
    assert ask(told, question).decision == before.decision


_ABOUT_THE_ADDRESS = (
    "address_imported",
    "register_checked",
    "register_listed",
    "address_published",
    "address_bounced",
)


def _tell_about_another(told: World, kind: str, day: int, named: dict[str, Any]) -> None:
    theirs = {"seller": "third", "to": "third", "senders": ["third"], "categories": ["zebra"]}
    mine = {"sender": "third"} | {name: value for name, value in theirs.items() if name in named}
    if kind in ("contract_ended", "membership_ended"):
        mine["seller"] = "third"
    if kind not in _ABOUT_THE_ADDRESS:
        tell(told, kind, day, named | mine)


@EASY
@given(HISTORIES, QUESTIONS, st.lists(dated(ANYTHING), min_size=1, max_size=4))
def test_events_of_another_subject_never_change_the_answer(
    history: list[Fact], question: dict[str, Any], others: list[Fact]
) -> None:
    told = world(history)
    before = ask(told, question)
    for kind, day, named in others:
        tell(told, kind, day, named | {"address": JOHN})
    after = ask(told, question)
    assert (after.reason_code, after.events, after.expires_at_ms) == (
        before.reason_code,
        before.events,
        before.expires_at_ms,
    )


UNKNOWABLE = [
    "recipient",
    "country",
    "message",
    "product_category",
    "promotional_content",
    "product_for",
    "discloses_referrer",
    "sender_registered",
    "relates_to_role",
    "relates_to_contract",
    "automated",
    "phone_type",
    "local_time",
    "stricter_state_rule",
    "in_reply",
]


@EASY
@given(HISTORIES, QUESTIONS, st.sampled_from(UNKNOWABLE))
def test_not_knowing_a_fact_never_produces_an_allow(
    history: list[Fact], question: dict[str, Any], hidden: str
) -> None:
    told = world(history)
    known = ask(told, question)
    unknown = ask(told, question | {hidden: None})
    if known.decision == "deny" and hidden not in ("country", "recipient"):
        assert unknown.decision == "deny"
    if unknown.decision == "allow":
        assert unknown.missing_facts == ()


@EASY
@given(HISTORIES, QUESTIONS, st.sampled_from(sorted(COMPLETE)))
def test_what_the_message_shows_must_be_known(
    history: list[Fact], question: dict[str, Any], hidden: str
) -> None:
    told = world(history)
    shown = {name: True for name in COMPLETE if name != hidden}
    known = ask(told, question | {"message": shown | {hidden: False}})
    unknown = ask(told, question | {"message": shown})
    assert (unknown.decision == "allow") == (known.decision == "allow")


_YES_NO = (True, False)
_TOLD_OF: list[tuple[str, str, tuple[Any, Any]]] = [
    ("purchase", "optout_offered", _YES_NO),
    ("purchase", "notice_given", _YES_NO),
    ("purchase", "product_category", ("shoes", "bags")),
    ("account_created", "free", _YES_NO),
    ("account_created", "paid_tier_exists", _YES_NO),
    ("donation", "collected_by", ("acme", "other")),
    ("address_published", "by", ("recipient", "third_party")),
    ("address_published", "no_cem_statement", _YES_NO),
    ("address_published", "impersonal", _YES_NO),
    ("referral", "relationship_to_sender", ("existing_business", "family")),
    ("consent_granted", "request_contents_complete", _YES_NO),
    ("consent_granted", "parental_consent", _YES_NO),
]


def _with_field(history: list[Fact], kind: str, changes: dict[str, Any]) -> World:
    """The history with some fields of every fact of one type changed, or forgotten where None."""
    told = World()
    for told_kind, day, named in history:
        fields = named | (changes if told_kind == kind else {})
        tell(told, told_kind, day, {name: value for name, value in fields.items() if value is not None})
    return told


@EASY
@given(HISTORIES, QUESTIONS, st.sampled_from(_TOLD_OF))
def test_a_fact_of_the_past_that_is_not_known_never_produces_an_allow(
    history: list[Fact], question: dict[str, Any], told_of: tuple[str, str, tuple[Any, Any]]
) -> None:
    kind, field, values = told_of
    forgotten = ask(_with_field(history, kind, {field: None}), question)
    known = [ask(_with_field(history, kind, {field: value}), question).decision for value in values]
    if "deny" in known:
        assert forgotten.decision == "deny"


@EASY
@given(HISTORIES, QUESTIONS)
def test_every_answer_has_a_code_of_its_own_side(history: list[Fact], question: dict[str, Any]) -> None:
    answer = ask(world(history), question)
    assert answer.reason_code in (ALLOW_CODES if answer.decision == "allow" else DENY_CODES)
    assert not (answer.needs_human and answer.decision == "allow")


@EASY
@given(HISTORIES, QUESTIONS, st.integers(0, 3100), st.integers(0, 10**6))
def test_an_answer_changes_at_the_instant_it_says_and_not_before(
    history: list[Fact], question: dict[str, Any], day: int, share: int
) -> None:
    told = world(history)
    answer = ask(told, question, day)
    if answer.expires_at_ms is None:
        later = ask(told, question, day + share % 20_001)
        assert later.reason_code == answer.reason_code
        return
    ahead = answer.expires_at_ms - at(day)
    for instant in (at(day) + ahead * share // 10**6, answer.expires_at_ms - 1):
        assert told.ask(min(instant, answer.expires_at_ms - 1), **question).reason_code == answer.reason_code
    after = told.ask(answer.expires_at_ms, **question)
    assert after.reason_code != answer.reason_code


def _fold_all(history: list[Fact], cuts: frozenset[int]) -> Standing:
    standing = EMPTY
    for index, (kind, day, named) in enumerate(history):
        if index in cuts:
            standing = decode_standing(encode_standing(standing))
        event = {"type": kind, "source_event_id": "x", "occurred_at": "2020-01-01T00:00:00Z", "address": JANE}
        body = record_body(parse_event(event | named), "address", None)
        body["occurred_at"] = f"2020-01-{1 + day % 28:02}T00:00:00.000Z"
        recorded = recorded_from_body(body)
        standing = fold(standing, recorded, index=index, recorded_at_ms=at(day), forms={})
    return standing


@EASY
@given(HISTORIES, st.frozensets(st.integers(0, 8)))
def test_folding_in_any_batch_split_gives_the_same_standing(
    history: list[Fact], cuts: frozenset[int]
) -> None:
    assert encode_standing(_fold_all(history, cuts)) == encode_standing(_fold_all(history, frozenset()))


@pytest.mark.parametrize("law", LAWS)
def test_a_standing_stays_small_however_many_events_there_were(law: str) -> None:
    told = World()
    for number in range(300):
        tell(told, "purchase", number, BOUGHT)
        tell(told, "consent_granted", number, AGREED)
        tell(told, "consent_withdrawn", number, {"scope": "all_marketing"})
    standing = told.ledger.standings(JANE, "acme").address
    assert (len(standing.nos), len(standing.grants), len(standing.relations)) == (1, 1, 1)
    assert ask(told, {"country": law}, ASKED_ON - 2700).reason_code == "WITHDRAWN"
