"""Generated histories and questions: any order of any facts the vocabulary knows, about one person or two."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from service.core.law.decision import Decision
from tests.core.law.world import World, ms

LAWS = ["NL", "EU", "UK", "DE", "BE", "FR", "IE", "IT", "CA", "US", "AU"]
ASKED_ON = 3100
START_MS = ms("2018-01-01")
JOHN = {"kind": "email", "value": "john@example.org"}

Fact = tuple[str, int, dict[str, Any]]
Thing = st.SearchStrategy[tuple[str, dict[str, Any]]]

SENDERS = st.sampled_from(["acme", "acme", "other"])
CATEGORIES = st.sampled_from(["newsletter", "newsletter", "offers"])
CHANNELS = st.sampled_from(["email", "sms", "phone_live"])
MAYBE = st.sampled_from([None, True, False])
PERSONS = st.sampled_from([None, None, "a", "b"])
DAYS = st.integers(0, 3000)


def fields(**named: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some fields, without those that came out as None."""
    return st.fixed_dictionaries(named).map(lambda d: {k: v for k, v in d.items() if v is not None})


def told_as(*kinds: str, **named: st.SearchStrategy[Any]) -> Thing:
    """A fact of one of these types."""
    return st.tuples(st.sampled_from(kinds), fields(**named))


COLLECTION: dict[str, st.SearchStrategy[Any]] = {
    "notice_given": MAYBE,
    "optout_offered": MAYBE,
    "optout_means": st.sampled_from(["on_form", "on_form", "terms_only"]),
    "optout_used": st.sampled_from([False, False, False, True]),
}
GRANTS = fields(
    categories=CATEGORIES.map(lambda c: [c]),
    channels=CHANNELS.map(lambda c: [c]),
    senders=SENDERS.map(lambda s: [s]),
    method=st.sampled_from(["checkbox", "web_form", "terms_clause", "verbal", "signed_writing"]),
    checkbox_default=st.sampled_from(["unticked", "unticked", "ticked"]),
    evidence_grade=st.sampled_from(["documented", "documented", "none"]),
    evidence_items=st.sampled_from([None, ["uwg_7a_record"]]),
    double_opt_in=st.sampled_from(["not_used", "not_used", "pending"]),
    given_by=st.sampled_from(["recipient", "recipient", "third_party"]),
    request_contents_complete=MAYBE,
    request_flaws=st.sampled_from([None, None, ["duration_not_stated"], ["tied_to_service"]]),
    unnamed_senders=st.sampled_from(["none", "none", "third_parties"]),
    expires=st.sampled_from([None, None, "2022-06-30", "end_of_calendar_year_following_contract_end"]),
    indirect=st.booleans(),
    age=st.sampled_from([None, None, 12, 16]),
    parental_consent=MAYBE,
    person=PERSONS,
)
NOES = fields(
    scope=st.sampled_from(["all_marketing", "unspecified", "channel"]),
    via=st.sampled_from([None, "unsubscribe_link", "reply_stop", "phone", "letter"]),
    in_reply_to=st.sampled_from([None, "newsletter", "offers"]),
    sender=st.sampled_from([None, "acme"]),
    person=st.sampled_from([None, "a", "unknown"]),
)
SALES = fields(
    seller=SENDERS,
    product_category=st.sampled_from([None, "shoes", "bags"]),
    collected_by=st.sampled_from([None, None, "other"]),
    collected_for=st.sampled_from([None, None, "e_receipt"]),
    optin_box=st.sampled_from([None, None, "left_unticked", "ticked"]),
    free=MAYBE,
    paid_tier_exists=MAYBE,
    ongoing=MAYBE,
    **COLLECTION,
)
NEUTRAL: Thing = st.one_of(
    st.tuples(
        st.sampled_from(["purchase", "contract_started", "account_created", "membership_started"]), SALES
    ),
    told_as("info_requested", "quote_requested", to=SENDERS, negotiation=st.booleans(), **COLLECTION),
    told_as("donation", to=SENDERS, collected_by=st.sampled_from([None, "acme", "other"]), **COLLECTION),
    told_as("contract_ended", "membership_ended", seller=st.sampled_from([None, "acme", "other"])),
    told_as(
        "address_imported",
        origin=st.sampled_from(["bought_list", "partner", "own_web_research", "tell_a_friend"]),
        consent_evidence=st.sampled_from(["not_claimed", "claimed_no_record", "source_form"]),
        recipient_country=st.sampled_from([None, None, "US"]),
    ),
    told_as(
        "preference_flag_changed",
        new_value=st.just("opted_in"),
        by=st.sampled_from(["recipient", "staff", "system"]),
    ),
    told_as(
        "address_published",
        by=st.sampled_from([None, "recipient", "third_party"]),
        designated_for=st.sampled_from([None, ["newsletter"]]),
        impersonal=MAYBE,
        no_cem_statement=MAYBE,
    ),
    told_as("address_disclosed", to=SENDERS, by=st.just("recipient"), no_cem_statement=MAYBE),
    told_as(
        "address_collected", context=st.sampled_from(["event", "professional", "unknown"]), sender=SENDERS
    ),
    told_as(
        "register_checked", register=st.sampled_from(["US_DNC", "UK_TPS", "BE_DNCM"]), listed=st.booleans()
    ),
    told_as("register_listed", register=st.sampled_from(["US_DNC", "UK_TPS", "BE_DNCM"])),
    told_as("message_sent", category=CATEGORIES, channel=CHANNELS, sender=SENDERS),
    told_as(
        "referral",
        referrer=st.just("R"),
        sender=st.just("acme"),
        relationship_to_sender=st.sampled_from([None, "existing_business"]),
        relationship_to_recipient=st.sampled_from([None, "family"]),
    ),
    told_as(
        "human_assessment",
        subject=st.just("presumed_consent"),
        outcome=st.sampled_from(["present", "absent"]),
        ground=st.just("x"),
    ),
    told_as("contact_by_recipient", "consent_requested", "address_bounced"),
)
"""Everything that is no act of saying yes or no."""

ANYTHING: Thing = st.one_of(
    NEUTRAL,
    NEUTRAL,
    st.tuples(st.just("consent_granted"), GRANTS),
    st.tuples(st.sampled_from(["consent_withdrawn", "objection", "objection_attempted"]), NOES),
    told_as("consent_confirmed", "consent_refused", "erasure_requested", "erasure_executed"),
)


def dated(things: Thing) -> st.SearchStrategy[Fact]:
    """A fact on some day."""
    return st.tuples(things, DAYS).map(lambda pair: (pair[0][0], pair[1], pair[0][1]))


HISTORIES = st.lists(dated(ANYTHING), max_size=8)
MESSAGES = fields(
    country=st.sampled_from(LAWS),
    recipient=st.sampled_from(["consumer", "child", "sole_trader", "legal_person"]),
    category=CATEGORIES,
    channel=CHANNELS,
    kind=st.sampled_from(["commercial", "commercial", "ideal", "charitable", "service", "consent_request"]),
    promotional_content=st.sampled_from(["none", "minor", "substantial"]),
    relates_to_role=st.booleans(),
    relates_to_contract=st.booleans(),
    product_for=st.sampled_from(["legal_person", "consumer"]),
    discloses_referrer=st.booleans(),
    automated=st.booleans(),
    phone_type=st.sampled_from(["mobile", "fixed"]),
    local_time=st.sampled_from(["11:00", "11:00", "22:00"]),
    stricter_state_rule=st.sampled_from(["none", "stricter"]),
    person=PERSONS,
)
QUESTIONS = st.tuples(
    MESSAGES,
    fields(
        sender_type=st.sampled_from([None, "charity", "newspaper_magazine_publisher"]),
        sender_registered=MAYBE,
        in_reply=MAYBE,
        kind=st.sampled_from([None, None, None, "doi_confirmation", "optout_confirmation"]),
    ),
).map(lambda parts: parts[0] | parts[1])
"""Questions of every shape; MESSAGES are those that no exit but that for service can be for."""


def at(day: int) -> int:
    """The instant of a day of the generated calendar."""
    return START_MS + day * 86_400_000


def world(history: list[Fact]) -> World:
    """A world in which all of this happened."""
    told = World()
    for kind, day, named in history:
        tell(told, kind, day, named)
    return told


def tell(told: World, kind: str, day: int, named: dict[str, Any]) -> None:
    """Append one generated fact."""
    told.tell(kind, datetime.fromtimestamp(at(day) / 1000, UTC).isoformat(), **named)


def ask(told: World, question: dict[str, Any], day: int = ASKED_ON) -> Decision:
    """Ask on a day of the generated calendar."""
    return told.ask(at(day), **question)
