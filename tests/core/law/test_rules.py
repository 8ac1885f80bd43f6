"""The law's rules, case by case: what LAW.md says beyond the worked cases."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.core.law.world import AGREED, BOUGHT, JANE, PHONE, World

JOHN = {"kind": "email", "value": "john@example.org"}
CALL: dict[str, Any] = {"channel": "phone_live", "address": PHONE, "local_time": "11:00"}
AGREED_CALL = AGREED | {"channels": ["phone_live"], "address": PHONE}
CHARITY = {"kind": "charitable", "sender_type": "charity", "promotional_content": "none"}

Story = Callable[[World], World]
TABLE: dict[str, tuple[Story, str, dict[str, Any], str]] = {
    "a Dutch customer is called the day before the exception for businesses ended": (
        lambda w: w.tell("purchase", "2026-01-01", address=PHONE, **BOUGHT),
        "2026-06-30",
        CALL,
        "EXISTING_CUSTOMER",
    ),
    "and the day after": (
        lambda w: w.tell("purchase", "2026-01-01", address=PHONE, **BOUGHT),
        "2026-07-01",
        CALL,
        "CUSTOMER_EXCEPTION_NOT_FOR_CHANNEL",
    ),
    "a publisher keeps it": (
        lambda w: w.tell("purchase", "2026-01-01", address=PHONE, **BOUGHT),
        "2026-07-01",
        CALL | {"sender_type": "newspaper_magazine_publisher"},
        "EXISTING_CUSTOMER",
    ),
    "a cold call to a Dutch company": (
        lambda w: w,
        "2026-07-01",
        CALL | {"recipient": "legal_person"},
        "B2B_OUT_OF_SCOPE",
    ),
    "a cold call to a Dutch consumer before 2021": (lambda w: w, "2021-06-30", CALL, "OPT_OUT_REGIME"),
    "a cold call to a Dutch consumer since": (lambda w: w, "2021-07-01", CALL, "NO_BASIS"),
    "a tick for us and partners": (
        lambda w: w.tell(
            "consent_granted", "2026-01-01", **AGREED, bundled_purposes=["own_marketing", "partner_sharing"]
        ),
        "2026-02-01",
        {},
        "CONSENT_NOT_GRANULAR",
    ),
    "a game taken for consent": (
        lambda w: w.tell("consent_granted", "2026-01-01", **AGREED | {"method": "participation"}),
        "2026-02-01",
        {},
        "CONSENT_NOT_ACTIVE",
    ),
    "a consent on its last day": (
        lambda w: w.tell("consent_granted", "2026-01-01", **AGREED, expires="2026-02-01"),
        "2026-02-01",
        {},
        "CONSENT",
    ),
    "a consent the day after its last": (
        lambda w: w.tell("consent_granted", "2026-01-01", **AGREED, expires="2026-02-01"),
        "2026-02-02",
        {},
        "CONSENT_EXPIRED",
    ),
    "a consent for the e-mail of a sister company": (
        lambda w: w.tell("consent_granted", "2026-01-01", **AGREED | {"senders": ["sister"]}),
        "2026-02-01",
        {},
        "CONSENT_SENDER_NOT_NAMED",
    ),
    "a pending double opt-in that was confirmed": (
        lambda w: w.tell("consent_granted", "2026-01-01", **AGREED, double_opt_in="pending").tell(
            "consent_confirmed", "2026-01-02"
        ),
        "2026-02-01",
        {},
        "CONSENT",
    ),
    "a second check message": (
        lambda w: w.tell("consent_granted", "2026-01-01", **AGREED, double_opt_in="pending").tell(
            "message_sent", "2026-01-02", category="doi_check", channel="email"
        ),
        "2026-01-03",
        {"kind": "doi_confirmation", "category": "doi_check", "promotional_content": "none"},
        "CONSENT_UNCONFIRMED",
    ),
    "an objection follows the person to a new address": (
        lambda w: w.tell("objection", "2026-01-01", scope="all_marketing", address=JOHN).tell(
            "address_changed", "2026-01-02", **{"from": JOHN, "to": JANE}, by="recipient", verified=True
        ),
        "2026-02-01",
        {},
        "OBJECTED",
    ),
    "a consent does not follow to an address that was not verified": (
        lambda w: w.tell("consent_granted", "2026-01-01", **AGREED, address=JOHN).tell(
            "address_changed", "2026-01-02", **{"from": JOHN, "to": JANE}, by="recipient"
        ),
        "2026-02-01",
        {},
        "CONSENT_UNCONFIRMED",
    ),
    "a broker's change moves nothing": (
        lambda w: w.tell("consent_granted", "2026-01-01", **AGREED, address=JOHN).tell(
            "address_changed", "2026-01-02", **{"from": JOHN, "to": JANE}, by="broker", verified=True
        ),
        "2026-02-01",
        {},
        "IMPORTED_WITHOUT_PROOF",
    ),
    "an address that bounced": (
        lambda w: w.tell("consent_granted", "2026-01-01", **AGREED).tell("address_bounced", "2026-01-02"),
        "2026-02-01",
        {},
        "ADDRESS_REPLACED",
    ),
    "a free account without a paid tier": (
        lambda w: w.tell("account_created", "2026-01-01", **BOUGHT, free=True, paid_tier_exists=False),
        "2026-02-01",
        {},
        "NO_SALE_CONTEXT",
    ),
    "refusal only in the terms": (
        lambda w: w.tell("purchase", "2026-01-01", **BOUGHT, optout_means="terms_only"),
        "2026-02-01",
        {},
        "NO_OPTOUT_AT_COLLECTION",
    ),
    "refusal used at collection": (
        lambda w: w.tell("purchase", "2026-01-01", **BOUGHT, optout_used=True),
        "2026-02-01",
        {},
        "OBJECTED",
    ),
    "a sale nobody recorded an opt-out for": (
        lambda w: w.tell("purchase", "2026-01-01", **BOUGHT | {"optout_offered": None}),
        "2026-02-01",
        {},
        "FACT_MISSING",
    ),
    "a new sale after an objection": (
        lambda w: w.tell("objection", "2026-01-01").tell("purchase", "2026-01-02", **BOUGHT),
        "2026-02-01",
        {},
        "OBJECTED",
    ),
    "a request for consent to a customer": (
        lambda w: w.tell("purchase", "2026-01-01", **BOUGHT),
        "2026-02-01",
        {"kind": "consent_request"},
        "EXISTING_CUSTOMER",
    ),
    "a member of another club in the EU pack": (lambda w: w, "2026-02-01", {"country": "ES"}, "NO_BASIS"),
    "an Irish chain of mails that broke is gone": (
        lambda w: (
            w.tell("purchase", "2024-01-10", **BOUGHT)
            .tell("message_sent", "2024-06-01", category="newsletter", channel="email")
            .tell("message_sent", "2026-01-01", category="newsletter", channel="email")
        ),
        "2026-02-01",
        {"country": "IE"},
        "CUSTOMER_EXCEPTION_LAPSED",
    ),
    "an Irish landline": (
        lambda w: w,
        "2026-02-01",
        CALL | {"country": "IE", "phone_type": "fixed"},
        "OPT_OUT_REGIME",
    ),
    "a British donor who renewed support after commencement": (
        lambda w: w.tell(
            "donation", "2025-10-01", to="acme", collected_by="acme", notice_given=True, optout_offered=True
        ).tell(
            "donation", "2026-03-01", to="acme", collected_by="acme", notice_given=True, optout_offered=True
        ),
        "2026-05-01",
        CHARITY | {"country": "UK"},
        "CHARITY_SOFT_OPTIN",
    ),
    "a British company on the corporate register": (
        lambda w: w.tell("register_listed", "2026-01-01", register="UK_CTPS", address=PHONE),
        "2026-02-01",
        CALL | {"country": "UK", "recipient": "legal_person"},
        "ON_DO_NOT_CALL_REGISTER",
    ),
    "a British number nobody looked up": (
        lambda w: w,
        "2026-02-01",
        CALL | {"country": "UK"},
        "FACT_MISSING",
    ),
    "a listed British number with consent": (
        lambda w: w.tell("register_listed", "2026-01-01", register="UK_TPS", address=PHONE).tell(
            "consent_granted", "2026-01-02", **AGREED_CALL
        ),
        "2026-02-01",
        CALL | {"country": "UK"},
        "CONSENT",
    ),
    "a German customer by text message": (
        lambda w: w.tell("purchase", "2026-01-01", **BOUGHT, address=PHONE),
        "2026-02-01",
        {"country": "DE", "channel": "sms", "address": PHONE},
        "CUSTOMER_EXCEPTION_NOT_FOR_CHANNEL",
    ),
    "a German call with consent but without the record of par. 7a": (
        lambda w: w.tell("consent_granted", "2026-01-01", **AGREED_CALL),
        "2026-02-01",
        CALL | {"country": "DE"},
        "CONSENT_UNPROVEN",
    ),
    "a French call on a Saturday": (
        lambda w: w.tell("consent_granted", "2026-01-01", **AGREED_CALL),
        "2026-01-03",
        CALL | {"country": "FR"},
        "OUTSIDE_PERMITTED_HOURS",
    ),
    "a French generic address": (
        lambda w: w.tell("address_published", "2026-01-01", by="recipient", impersonal=True),
        "2026-02-01",
        {"country": "FR", "recipient": "legal_person"},
        "B2B_OUT_OF_SCOPE",
    ),
    "a French newspaper calls": (
        lambda w: w,
        "2026-09-01",
        CALL | {"country": "FR", "sender_type": "newspaper_magazine_publisher"},
        "EXEMPT_MESSAGE",
    ),
    "an Italian free account with a paid tier": (
        lambda w: w.tell("account_created", "2026-01-01", **BOUGHT, free=True, paid_tier_exists=True),
        "2026-02-01",
        {"country": "IT"},
        "EXISTING_CUSTOMER",
    ),
    "a Canadian purchase of the same day": (
        lambda w: w.tell("purchase", "2026-02-01", **BOUGHT),
        "2026-02-01",
        {"country": "CA"},
        "NO_BASIS",
    ),
    "a Canadian appeal of a registered charity": (
        lambda w: w,
        "2026-02-01",
        CHARITY | {"country": "CA", "sender_registered": True},
        "EXEMPT_MESSAGE",
    ),
    "a Canadian third party that was not named": (
        lambda w: w.tell(
            "consent_granted",
            "2026-01-01",
            **AGREED | {"senders": ["collector"]},
            unnamed_senders="third_parties",
            request_contents_complete=True,
        ),
        "2026-02-01",
        {"country": "CA"},
        "CONSENT",
    ),
    "an American automated service text without consent": (
        lambda w: w,
        "2026-02-01",
        {
            "country": "US",
            "channel": "sms",
            "kind": "service",
            "automated": True,
            "promotional_content": "none",
            "local_time": "11:00",
        },
        "NO_BASIS",
    ),
    "an American opt-out text confirmed too late": (
        lambda w: w.tell("consent_withdrawn", "2026-02-01", scope="all_marketing"),
        "2026-02-01",
        {
            "country": "US",
            "channel": "sms",
            "kind": "optout_confirmation",
            "automated": True,
            "promotional_content": "none",
            "minutes_after_withdrawal": 6,
        },
        "WITHDRAWN",
    ),
    "an Australian charity that is not registered": (
        lambda w: w,
        "2026-02-01",
        CHARITY | {"country": "AU", "sender_registered": False},
        "NO_BASIS",
    ),
    "an Australian account that was closed": (
        lambda w: w.tell("account_created", "2025-01-01", seller="acme", product_category="shoes").tell(
            "contract_ended", "2026-01-01"
        ),
        "2026-02-01",
        {"country": "AU"},
        "NO_INFERRED_CONSENT",
    ),
}


@pytest.mark.parametrize(("story", "day", "asked", "code"), TABLE.values(), ids=TABLE)
def test_the_rule_is_the_laws(story: Story, day: str, asked: dict[str, Any], code: str) -> None:
    assert story(World()).ask(day, **asked).reason_code == code


TREE: dict[str, Any] = {
    "categories": {
        "newsletter": {},
        "offers": {"parent": "newsletter"},
        "pensions": {},
        "retirement": {"parent": "pensions"},
        "advice": {"product": "pensions"},
    },
    "products": ["pensions", "shoes"],
}
UK_CALL = CALL | {"country": "UK", "product_category": None}


@pytest.mark.parametrize("category", ["pensions", "retirement", "advice"])
def test_a_call_about_what_a_rule_excepts_needs_consent_however_the_house_files_it(category: str) -> None:
    told = World(**TREE).tell(
        "register_checked", "2026-01-01", address=PHONE, register="UK_TPS", listed=False
    )
    assert told.ask("2026-01-02", **UK_CALL, category="newsletter").reason_code == "OPT_OUT_REGIME"
    assert told.ask("2026-01-02", **UK_CALL, category=category).reason_code == "NO_BASIS"


def test_a_consent_is_used_by_mail_in_a_category_below_the_one_it_names() -> None:
    told = World(**TREE).tell("consent_granted", "2024-01-01", **AGREED)
    told.tell("message_sent", "2025-06-01", sender="acme", category="offers", channel="email")
    assert told.ask("2026-06-01").reason_code == "CONSENT"


def test_an_erasure_at_a_former_address_counts_beside_one_at_the_new() -> None:
    told = World().tell("erasure_executed", "2026-01-01", sender="acme", address=JOHN)
    told.tell("erasure_executed", "2026-01-02", sender="beta")
    told.tell("address_changed", "2026-01-03", **{"from": JOHN, "to": JANE}, by="recipient", verified=True)
    assert told.ask("2026-02-01").reason_code == "OBJECTED"
