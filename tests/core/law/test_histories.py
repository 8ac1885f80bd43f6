"""What happens over time: noes and who lifts them, erasure, successions, forms, unknown countries."""

from typing import Any

import pytest

from service.core.events import form_id, parse_event, parse_form, record_body, recorded_from_body
from service.core.law.decision import Standings, decide, decision_body
from service.core.law.question import parse_question
from service.core.law.rulebook import default_rulebook
from service.core.law.standing import EMPTY, fold, suppressed
from tests.core.law.world import AGREED, COMPLETE, JANE, PACKS, PHONE, World, ms


def test_an_american_stop_to_one_list_stops_all_texts_only_once_revoke_all_is_law() -> None:
    told = World().tell("consent_granted", "2026-01-01", **AGREED | {"channels": ["sms"], "address": PHONE})
    told.tell("consent_withdrawn", "2026-01-02", scope="unspecified", address=PHONE, in_reply_to="offers")
    text: dict[str, Any] = {
        "country": "US",
        "channel": "sms",
        "address": PHONE,
        "automated": True,
        "local_time": "11:00",
    }
    text |= {"kind": "service", "promotional_content": "none"}
    assert told.ask("2027-01-30", **text).reason_code == "CONSENT"
    assert told.ask("2027-01-31", **text).reason_code == "WITHDRAWN"


def test_another_person_at_a_shared_address_lifts_nothing() -> None:
    told = World().tell("objection", "2026-01-01", person="ann")
    told.tell("consent_granted", "2026-01-02", **AGREED, person="bob")
    assert told.ask("2026-02-01").reason_code == "OBJECTED"
    told.tell("consent_granted", "2026-01-03", **AGREED, person="ann")
    assert told.ask("2026-02-01").reason_code == "CONSENT"


def test_a_correction_takes_back_a_yes_but_never_a_no() -> None:
    told = World().tell("consent_granted", "2026-01-01", **AGREED)
    assert told.tell("correction", "2026-01-02", corrects=1).ask("2026-02-01").reason_code == "NO_BASIS"
    told.tell("objection", "2026-01-03").tell("correction", "2026-01-04", corrects=3)
    assert told.ask("2026-02-01").reason_code == "OBJECTED"


def test_a_correction_takes_back_that_a_number_was_free_to_call_but_no_listing() -> None:
    call: dict[str, Any] = {"country": "UK", "channel": "phone_live", "address": PHONE}
    told = World().tell("register_checked", "2026-01-01", register="UK_TPS", listed=False, address=PHONE)
    assert told.ask("2026-02-01", **call).reason_code == "OPT_OUT_REGIME"
    told.tell("correction", "2026-01-02", corrects=1, address=PHONE)
    assert told.ask("2026-02-01", **call).reason_code == "FACT_MISSING"
    told.tell("register_listed", "2026-01-03", register="UK_TPS", address=PHONE)
    told.tell("correction", "2026-01-04", corrects=3, address=PHONE)
    assert told.ask("2026-02-01", **call).reason_code == "ON_DO_NOT_CALL_REGISTER"


def test_a_request_is_answered_once() -> None:
    told = World().tell("quote_requested", "2026-01-01", to="acme")
    assert told.ask("2026-01-02", in_reply=True).reason_code == "SOLICITED_REPLY"
    told.tell("message_sent", "2026-01-02", category="quote", channel="email", sender="acme")
    assert told.ask("2026-01-03", in_reply=True).reason_code == "NO_SALE_CONTEXT"


def test_an_erased_person_comes_back_only_by_themselves() -> None:
    told = World().tell("erasure_requested", "2026-01-01").tell("erasure_executed", "2026-01-02")
    told.tell("address_imported", "2026-01-03", origin="bought_list")
    assert told.ask("2026-02-01").reason_code == "SUPPRESSED_AFTER_ERASURE"
    assert told.tell("consent_granted", "2026-02-01", **AGREED).ask("2026-02-02").reason_code == "CONSENT"


def test_what_erasure_leaves_behind_still_says_no() -> None:
    question = parse_question(
        {"sender": "acme", "category": "news", "channel": "email", "kind": "commercial"}
        | {"recipient": {"country": "NL", "kind": "consumer"}, "message": COMPLETE}
    )
    left = Standings(suppressed(index=9, at_ms=ms("2026-01-01")))
    answer = decide(default_rulebook(PACKS), left, question, ms("2026-02-01"))
    assert (answer.reason_code, answer.events) == ("SUPPRESSED_AFTER_ERASURE", (9,))


def test_a_renamed_sender_keeps_its_consents_and_a_buyer_does_not() -> None:
    told = World().tell("consent_granted", "2026-01-01", **AGREED)
    told.tell("sender_renamed", "2026-01-02", **{"from": "acme", "to": "nova"}, same_legal_entity=True)
    told.tell("business_transferred", "2026-01-03", **{"from": "nova", "to": "buyer"}, deal="asset_deal")
    assert told.ask("2026-02-01", sender="nova").reason_code == "CONSENT"
    assert told.ask("2026-02-01", sender="buyer").reason_code == "CONSENT_SENDER_NOT_NAMED"


def test_an_objection_follows_the_business_to_its_buyer() -> None:
    told = World().tell("objection", "2026-01-01", sender="acme")
    told.tell("business_transferred", "2026-01-03", **{"from": "acme", "to": "buyer"}, deal="asset_deal")
    assert told.ask("2026-02-01", sender="buyer").reason_code == "OBJECTED"


def test_a_period_for_carrying_out_a_no_counts_business_days_and_holidays() -> None:
    grace = {
        "parameters": [{"name": "stop.grace_business_days", "value": 2}],
        "holidays": {"AU": ["2026-01-06"]},
    }
    told = World(**grace).tell("consent_granted", "2026-01-01", **AGREED)
    told.tell("consent_withdrawn", "2026-01-02", scope="all_marketing")  # a Friday
    assert told.ask("2026-01-07", country="AU").reason_code == "CONSENT"
    assert told.ask("2026-01-08", country="AU").reason_code == "WITHDRAWN"


@pytest.mark.parametrize(
    ("law", "days"), [("NL", 0), ("UK", 0), ("DE", 0), ("AU", 5), ("CA", 10), ("US", 10)]
)
def test_no_house_takes_longer_to_carry_out_a_no_than_the_law_gives(law: str, days: int) -> None:
    told = World(parameters=[{"name": "stop.grace_business_days", "value": 10}])
    told.tell("consent_granted", "2026-01-01", **AGREED, request_contents_complete=True)
    told.tell("consent_withdrawn", "2026-03-02", scope="all_marketing")  # a Monday
    weeks, rest = divmod(days, 5)
    last = 2 + 7 * weeks + rest
    before = [told.ask(f"2026-03-{day:02}", country=law).reason_code for day in range(2, last + (days > 0))]
    assert set(before) <= {"CONSENT"}
    assert told.ask(f"2026-03-{last + (days > 0):02}", country=law).reason_code == "WITHDRAWN"


FORM = parse_form(
    {
        "language": "en",
        "title": "t",
        "text": "t",
        "collector": "acme",
        "boxes": [
            {
                "name": name,
                "label": "l",
                "default": default,
                "categories": ["newsletter"],
                "channels": ["email"],
            }
            for name, default in (("empty", "unticked"), ("full", "ticked"))
        ],
    }
)


@pytest.mark.parametrize(
    ("box", "known", "code"),
    [
        ("empty", True, "CONSENT"),
        ("full", True, "CONSENT_NOT_ACTIVE"),
        ("none", True, "CONSENT_UNPROVEN"),
        ("empty", False, "CONSENT_UNPROVEN"),
    ],
)
def test_how_a_box_stood_is_read_from_the_form_and_not_from_the_caller(
    box: str, code: str, *, known: bool
) -> None:
    event = {"type": "consent_granted", "source_event_id": "x", "occurred_at": "2026-01-01T00:00:00Z"}
    event |= {"sender": "acme", "method": "ticked", "form": form_id(FORM), "box": box}
    event |= {"checkbox_default": "unticked"}
    body = record_body(parse_event(event | {"address": JANE}), "address", None)
    forms = {form_id(FORM): FORM} if known else {}
    standing = fold(EMPTY, recorded_from_body(body), index=1, recorded_at_ms=0, forms=forms)
    question = parse_question(
        {"sender": "acme", "category": "newsletter", "channel": "email", "kind": "commercial"}
        | {"recipient": {"country": "NL", "kind": "consumer"}, "message": COMPLETE}
    )
    answer = decide(default_rulebook(PACKS), Standings(standing), question, ms("2026-02-01"))
    assert answer.reason_code == code


def test_an_unknown_country_is_judged_by_the_strictest_candidate() -> None:
    told = World(default_jurisdiction="US").tell("consent_granted", "2026-01-01", **AGREED)
    assert told.ask("2026-02-01", country=None).decision == "allow"
    strict = World(default_jurisdiction="US", senders={"acme": {"country": "NL"}})
    answer = strict.ask("2026-02-01", country=None, recipient="consumer")
    assert (answer.reason_code, answer.missing_facts) == ("FACT_MISSING", ("recipient.country",))


def test_a_decision_is_plain_json_with_times_in_words() -> None:
    told = World().tell("consent_granted", "2026-01-01", **AGREED)
    body = decision_body(told.ask("2026-02-01"))
    assert body["evaluated_at"] == "2026-02-01T00:00:00.000Z"
    assert body["expires_at"] == "2028-01-02T00:00:00.000Z"
    assert body["rule"]["id"] == "nl.consent"
