"""What must hold over any history: a no is final until the person says yes, and unknown means no."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.core.events import parse_event, record_body, recorded_from_body
from service.core.law.decision import ALLOW_CODES, DENY_CODES, Decision
from service.core.law.standing import EMPTY, Standing, decode_standing, encode_standing, fold
from tests.core.law.world import AGREED, BOUGHT, JANE, World, ms

LAWS = ["NL", "EU", "UK", "DE", "BE", "FR", "IE", "IT", "CA", "US", "AU"]
SENDERS = st.sampled_from(["acme", "acme", "other"])
CATEGORIES = st.sampled_from(["newsletter", "newsletter", "offers"])
CHANNELS = st.sampled_from(["email", "sms", "phone_live"])
MAYBE = st.sampled_from([None, True, False])
DAYS = st.integers(0, 3000)
EASY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

Fact = tuple[str, int, dict[str, Any]]


def _given(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(fields).map(lambda d: {k: v for k, v in d.items() if v is not None})


GRANTS = _given(
    categories=CATEGORIES.map(lambda c: [c]),
    channels=CHANNELS.map(lambda c: [c]),
    senders=SENDERS.map(lambda s: [s]),
    method=st.sampled_from(["checkbox", "web_form", "terms_clause", "verbal", "signed_writing"]),
    checkbox_default=st.sampled_from(["unticked", "unticked", "ticked"]),
    evidence_grade=st.sampled_from(["documented", "documented", "none"]),
    double_opt_in=st.sampled_from(["not_used", "not_used", "pending"]),
    request_contents_complete=MAYBE,
    person=st.sampled_from([None, None, "a", "b"]),
)
NOES = _given(
    scope=st.sampled_from(["all_marketing", "unspecified", "channel"]),
    sender=st.sampled_from([None, "acme"]),
    person=st.sampled_from([None, "a", "unknown"]),
)
SALES = _given(
    seller=SENDERS,
    product_category=st.sampled_from([None, "shoes", "bags"]),
    notice_given=MAYBE,
    optout_offered=MAYBE,
    free=MAYBE,
    ongoing=MAYBE,
)
REQUESTS = _given(to=SENDERS, negotiation=st.booleans(), notice_given=MAYBE, optout_offered=MAYBE)
NEUTRAL = st.one_of(
    st.tuples(
        st.sampled_from(["purchase", "contract_started", "account_created", "membership_started"]), SALES
    ),
    st.tuples(st.sampled_from(["info_requested", "quote_requested"]), REQUESTS),
    st.tuples(st.just("contract_ended"), st.just({})),
    st.tuples(
        st.just("address_imported"),
        _given(
            origin=st.sampled_from(["bought_list", "partner", "own_web_research"]),
            consent_evidence=st.sampled_from(["not_claimed", "claimed_no_record", "source_form"]),
        ),
    ),
    st.tuples(
        st.just("preference_flag_changed"),
        _given(new_value=st.just("opted_in"), by=st.sampled_from(["recipient", "staff", "system"])),
    ),
    st.tuples(
        st.just("address_published"),
        _given(
            by=st.sampled_from([None, "recipient", "third_party"]), impersonal=MAYBE, no_cem_statement=MAYBE
        ),
    ),
    st.tuples(st.just("register_checked"), _given(register=st.just("US_DNC"), listed=st.booleans())),
    st.tuples(st.just("message_sent"), _given(category=CATEGORIES, channel=CHANNELS, sender=SENDERS)),
    st.tuples(st.just("contact_by_recipient"), st.just({})),
)
ANYTHING: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.one_of(
    NEUTRAL,
    st.tuples(st.just("consent_granted"), GRANTS),
    st.tuples(st.sampled_from(["consent_withdrawn", "objection"]), NOES),
    st.tuples(st.just("consent_confirmed"), st.just({})),
)


def _dated(things: st.SearchStrategy[tuple[str, dict[str, Any]]]) -> st.SearchStrategy[Fact]:
    return st.tuples(things, DAYS).map(lambda pair: (pair[0][0], pair[1], pair[0][1]))


HISTORIES = st.lists(_dated(ANYTHING), max_size=8)
QUESTIONS = _given(
    country=st.sampled_from(LAWS),
    recipient=st.sampled_from(["consumer", "child", "sole_trader", "legal_person"]),
    category=CATEGORIES,
    channel=CHANNELS,
    kind=st.sampled_from(["commercial", "commercial", "charitable", "service", "consent_request"]),
    promotional_content=st.sampled_from(["none", "minor", "substantial"]),
    relates_to_role=st.booleans(),
    relates_to_contract=st.booleans(),
    automated=st.booleans(),
    phone_type=st.sampled_from(["mobile", "fixed"]),
    local_time=st.just("11:00"),
    stricter_state_rule=st.just("none"),
)
ASKED_ON = 3100
START_MS = ms("2018-01-01")


def at(day: int) -> int:
    """The instant of a day of the generated calendar."""
    return START_MS + day * 86_400_000


def world(history: list[Fact]) -> World:
    """A world in which all of this happened."""
    told = World()
    for kind, day, fields in history:
        tell(told, kind, day, fields)
    return told


def tell(told: World, kind: str, day: int, fields: dict[str, Any]) -> None:
    """Append one generated fact."""
    told.tell(kind, datetime.fromtimestamp(at(day) / 1000, UTC).isoformat(), **fields)


def ask(told: World, question: dict[str, Any], day: int = ASKED_ON) -> Decision:
    """Ask on a day of the generated calendar."""
    return told.ask(at(day), **question)


@EASY
@given(HISTORIES, QUESTIONS, st.sampled_from(["consent_withdrawn", "objection"]), NOES, DAYS)
def test_a_no_never_turns_a_deny_into_an_allow(
    history: list[Fact], question: dict[str, Any], kind: str, no: dict[str, Any], day: int
) -> None:
    told = world(history)
    before = ask(told, question)
    tell(told, kind, day, no)
    if before.decision == "deny":
        assert ask(told, question).decision == "deny"


@EASY
@given(HISTORIES, QUESTIONS, st.lists(_dated(NEUTRAL), min_size=1, max_size=5))
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
@given(HISTORIES, QUESTIONS)
def test_an_older_or_imported_grant_lifts_nothing(history: list[Fact], question: dict[str, Any]) -> None:
    told = world([*history, ("objection", 3000, {"scope": "all_marketing"})])
    question |= {"kind": "commercial"}
    granted = AGREED | {"categories": [question["category"]], "channels": [question["channel"]]}
    tell(told, "consent_granted", 2999, granted)
    tell(told, "consent_granted", 3050, granted | {"source": "import-crm"})
    assert ask(told, question).decision == "deny"


@EASY
@given(HISTORIES, QUESTIONS, st.lists(_dated(ANYTHING), min_size=1, max_size=4))
def test_events_of_another_sender_and_category_never_change_the_answer(
    history: list[Fact], question: dict[str, Any], others: list[Fact]
) -> None:
    told = world(history)
    before = ask(told, question)
    for kind, day, fields in others:
        _tell_about_another(told, kind, day, fields)
    assert ask(told, question).decision == before.decision


def _tell_about_another(told: World, kind: str, day: int, fields: dict[str, Any]) -> None:
    theirs = {"seller": "third", "to": "third", "senders": ["third"], "categories": ["zebra"]}
    mine = {"sender": "third"} | {name: value for name, value in theirs.items() if name in fields}
    if kind not in ("address_imported", "register_checked", "address_published"):
        tell(told, kind, day, fields | mine)


UNKNOWABLE = [
    "recipient",
    "country",
    "message",
    "product_category",
    "promotional_content",
    "relates_to_role",
    "relates_to_contract",
    "automated",
    "phone_type",
    "local_time",
    "stricter_state_rule",
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
@given(HISTORIES, QUESTIONS)
def test_every_answer_has_a_code_of_its_own_side(history: list[Fact], question: dict[str, Any]) -> None:
    answer = ask(world(history), question)
    assert answer.reason_code in (ALLOW_CODES if answer.decision == "allow" else DENY_CODES)
    assert not (answer.needs_human and answer.decision == "allow")


@EASY
@given(HISTORIES, QUESTIONS, st.integers(0, 3100))
def test_an_answer_changes_at_the_instant_it_says_and_not_before(
    history: list[Fact], question: dict[str, Any], day: int
) -> None:
    told = world(history)
    answer = ask(told, question, day)
    if answer.expires_at_ms is None:
        later = ask(told, question, day + 20_000)
        assert later.reason_code == answer.reason_code
        return
    before = told.ask(answer.expires_at_ms - 1, **question)
    after = told.ask(answer.expires_at_ms, **question)
    assert before.reason_code == answer.reason_code
    assert after.reason_code != answer.reason_code


def _fold_all(history: list[Fact], cut: int) -> Standing:
    standing = EMPTY
    for index, (kind, day, fields) in enumerate(history):
        if index == cut:
            standing = decode_standing(encode_standing(standing))
        event = {"type": kind, "source_event_id": "x", "occurred_at": "2020-01-01T00:00:00Z", "address": JANE}
        body = record_body(parse_event(event | fields), "address", None)
        body["occurred_at"] = f"2020-01-{1 + day % 28:02}T00:00:00.000Z"
        recorded = recorded_from_body(body)
        standing = fold(standing, recorded, index=index, recorded_at_ms=at(day), forms={})
    return standing


@EASY
@given(HISTORIES, st.integers(0, 8))
def test_folding_in_any_batch_split_gives_the_same_standing(history: list[Fact], cut: int) -> None:
    assert encode_standing(_fold_all(history, cut)) == encode_standing(_fold_all(history, -1))


@pytest.mark.parametrize("law", LAWS)
def test_a_standing_stays_small_however_many_events_there_were(law: str) -> None:
    told = World()
    for number in range(300):
        tell(told, "purchase", number, BOUGHT)
        tell(told, "consent_granted", number, AGREED)
        tell(told, "consent_withdrawn", number, {"scope": "all_marketing"})
    standing = told.ledger.standings(JANE, "acme").address
    assert (len(standing.nos), len(standing.grants), len(standing.relations)) == (1, 1, 1)
    assert told.ask(at(400), country=law).reason_code == "WITHDRAWN"
