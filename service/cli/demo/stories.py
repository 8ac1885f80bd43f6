"""What is told, as data: events with the days they lie back, and questions with the answer the law gives."""

from dataclasses import dataclass
from typing import Any

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Happens:
    """An event, `days` ago. `says` tells it to a person."""

    days: int
    says: str
    event: Fields


@dataclass(frozen=True, slots=True)
class Ask:
    """A message somebody wants to send today, and the answer that is right."""

    says: str
    address: str
    expected: str
    question: Fields


@dataclass(frozen=True, slots=True)
class Story:
    """One story."""

    title: str
    steps: tuple[Happens | Ask, ...]


FORM = {
    "language": "en",
    "title": "Newsletter sign-up",
    "text": "Yes, Acme may send me its newsletter by e-mail, about once a month. I can stop it at any time.",
    "kind": "web_form",
    "boxes": [
        {
            "name": "newsletter",
            "label": "Send me the Acme newsletter by e-mail",
            "default": "unticked",
            "categories": ["newsletter"],
            "channels": ["email"],
            "senders": ["acme"],
        }
    ],
}
PARTNER_FORM = {
    "language": "en",
    "title": "Prize draw",
    "text": "I agree to receive offers from Acme and its partners.",
    "kind": "web_form",
    "boxes": [
        {
            "name": "offers",
            "label": "Offers from us and our partners",
            "default": "unticked",
            "categories": ["newsletter"],
            "channels": ["email"],
            "senders": ["acme"],
            "unnamed_senders": "partners",
            "bundled_purposes": ["own_marketing", "partner_sharing"],
        }
    ],
}
SENDERS = (
    {"id": "acme", "legal_name": "Acme B.V.", "country": "NL", "kind": "business"},
    {"id": "partner", "legal_name": "Partner Offers B.V.", "country": "NL", "kind": "business"},
)


def at(address: str) -> Fields:
    """An e-mail address as the interface takes it."""
    return {"kind": "email", "value": address}


def newsletter(sender: str = "acme", **more: object) -> Fields:
    """A question about a newsletter to a consumer in the Netherlands, in good form."""
    return {
        "sender": sender,
        "category": "newsletter",
        "channel": "email",
        "kind": "commercial",
        "recipient": {"country": "NL", "kind": "consumer"},
        "message": {"optout": True, "identity": True},
        **more,
    }


def purchase(address: str, *, offered: bool, product: str = "shoes") -> Fields:
    """A sale, with or without a way to refuse marketing where the address was taken."""
    return {
        "type": "purchase",
        "seller": "acme",
        "address": at(address),
        "product_category": product,
        "notice_given": True,
        "optout_offered": offered,
    }


def tick(address: str, form: str, box: str = "newsletter") -> Fields:
    """A ticked box. `form` stands for the published form's id."""
    return {"type": "consent_granted", "address": at(address), "form": form, "box": box, "method": "ticked"}


STORIES = (
    Story(
        "Somebody asked for information, and got a newsletter two months later",
        (
            Happens(
                60,
                "Ingrid fills in Acme's web form to ask about delivery times.",
                {
                    "type": "info_requested",
                    "to": "acme",
                    "via": "web_form",
                    "address": at("ingrid@example.com"),
                },
            ),
            Ask(
                "Acme calls her a 'customer relation' and wants to mail its newsletter.",
                "ingrid@example.com",
                "deny",
                newsletter(product_category="shoes"),
            ),
        ),
    ),
    Story(
        "An opt-out that was refused 'because of the contract'",
        (
            Happens(
                400,
                "Karim takes out a broadband contract; refusing marketing is offered, he does not use it.",
                {
                    "type": "contract_started",
                    "seller": "acme",
                    "address": at("karim@example.com"),
                    "product_category": "broadband",
                    "notice_given": True,
                    "optout_offered": True,
                },
            ),
            Happens(
                18,
                "He tries to opt out; the portal says contract customers cannot.",
                {
                    "type": "objection_attempted",
                    "sender": "acme",
                    "address": at("karim@example.com"),
                    "via": "portal",
                    "scope": "all_marketing",
                    "outcome": "blocked_by_sender",
                },
            ),
            Ask(
                "Acme wants to mail him an offer.",
                "karim@example.com",
                "deny",
                newsletter(product_category="broadband"),
            ),
            Ask(
                "Acme wants to mail him his invoice: nothing promotional in it.",
                "karim@example.com",
                "allow",
                newsletter() | {"kind": "service", "category": "invoice", "promotional_content": "none"},
            ),
        ),
    ),
    Story(
        "A purchase, with and without a way to refuse",
        (
            Happens(
                30,
                "Lena buys shoes; the order form lets her refuse marketing, she does not.",
                purchase("lena@example.com", offered=True),
            ),
            Ask(
                "A newsletter about shoes.", "lena@example.com", "allow", newsletter(product_category="shoes")
            ),
            Ask(
                "A newsletter about insurance, which nobody would expect.",
                "lena@example.com",
                "deny",
                newsletter(product_category="insurance"),
            ),
            Happens(
                30,
                "Milan buys shoes too; his order form offers no way to refuse.",
                purchase("milan@example.com", offered=False),
            ),
            Ask(
                "The newsletter about shoes, with an opt-out link in it.",
                "milan@example.com",
                "deny",
                newsletter(product_category="shoes"),
            ),
        ),
    ),
    Story(
        "'We may mail for two years after the relation ended'",
        (
            Happens(
                1000,
                "Nora starts a gym contract; no way to refuse marketing is offered.",
                {
                    "type": "contract_started",
                    "seller": "acme",
                    "address": at("nora@example.com"),
                    "product_category": "gym",
                    "optout_offered": False,
                },
            ),
            Happens(
                270,
                "She ends it.",
                {"type": "contract_ended", "seller": "acme", "address": at("nora@example.com")},
            ),
            Ask(
                "Nine months later Acme invokes its two years.",
                "nora@example.com",
                "deny",
                newsletter(product_category="gym"),
            ),
        ),
    ),
    Story(
        "An address that was replaced, and was mailed on",
        (
            Happens(
                300,
                "Omar ticks the newsletter box on Acme's form.",
                tick("omar.old@example.com", "NEWSLETTER FORM"),
            ),
            Happens(
                40,
                "He gives Acme his new address and confirms it.",
                {
                    "type": "address_changed",
                    "sender": "acme",
                    "from": at("omar.old@example.com"),
                    "to": at("omar.new@example.com"),
                    "by": "recipient",
                    "verified": True,
                },
            ),
            Ask("The newsletter to the old address.", "omar.old@example.com", "deny", newsletter()),
            Ask("The newsletter to the new address.", "omar.new@example.com", "allow", newsletter()),
        ),
    ),
    Story(
        "A bought list",
        (
            Happens(
                5,
                "Acme buys a list; Petra's address is on it, with nothing to show for it.",
                {
                    "type": "address_imported",
                    "sender": "acme",
                    "address": at("petra@example.com"),
                    "origin": "bought_list",
                    "consent_evidence": "seller_warranty_only",
                },
            ),
            Ask("'Everybody on it has agreed', says the seller.", "petra@example.com", "deny", newsletter()),
        ),
    ),
    Story(
        "'For us and our partners'",
        (
            Happens(
                20,
                "Quinn joins a prize draw and ticks 'offers from us and our partners'.",
                tick("quinn@example.com", "PARTNER FORM", "offers"),
            ),
            Ask(
                "A partner, who was never named, wants to mail.",
                "quinn@example.com",
                "deny",
                newsletter("partner"),
            ),
        ),
    ),
    Story(
        "Yes, no, a purchase, and yes again",
        (
            Happens(200, "Rosa ticks the newsletter box.", tick("rosa@example.com", "NEWSLETTER FORM")),
            Ask("The newsletter.", "rosa@example.com", "allow", newsletter(product_category="shoes")),
            Happens(
                90,
                "She unsubscribes.",
                {
                    "type": "consent_withdrawn",
                    "sender": "acme",
                    "address": at("rosa@example.com"),
                    "scope": "all_marketing",
                    "via": "unsubscribe_link",
                },
            ),
            Happens(
                30,
                "She buys shoes; refusing marketing is offered.",
                purchase("rosa@example.com", offered=True),
            ),
            Ask(
                "'She is a customer again.' A purchase is no yes.",
                "rosa@example.com",
                "deny",
                newsletter(product_category="shoes"),
            ),
            Happens(1, "She ticks the box again.", tick("rosa@example.com", "NEWSLETTER FORM")),
            Ask("The newsletter, today.", "rosa@example.com", "allow", newsletter(product_category="shoes")),
        ),
    ),
)
