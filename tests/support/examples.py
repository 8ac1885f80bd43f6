"""Documents that are wrong in one way each, which a schema and a reader of the service must refuse."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from service.api.checks import AskedBody, read_asked
from service.core.events import parse_event, parse_form
from service.core.law.question import parse_question
from service.core.law.rulebook import parse_rulebook
from service.ledger.addresses import canonical_address
from service.ledger.packs import shipped_packs

Json = dict[str, Any]

README: Final = Path(__file__).resolve().parents[2] / "README.md"
HASH: Final = "0" * 64
JANE: Final = {"kind": "email", "value": "jane@example.org"}
GRANT: Final[Json] = {
    "type": "consent_granted",
    "source_event_id": "crm-1",
    "occurred_at": "2026-11-23T10:15:00Z",
    "sender": "acme",
    "address": JANE,
    "categories": ["newsletter"],
    "channels": ["email"],
    "method": "written_message",
}
MOVED: Final[Json] = {
    "type": "address_changed",
    "source_event_id": "crm-2",
    "occurred_at": "2026-11-23T10:15:00Z",
    "from": JANE,
    "to": {"kind": "email", "value": "jane@example.com"},
    "by": "recipient",
}
CHECK: Final[Json] = {
    "sender": "acme",
    "category": "newsletter",
    "channel": "email",
    "kind": "commercial",
    "address": JANE,
    "recipient": {"country": "NL", "kind": "consumer"},
}
BOX: Final[Json] = {"name": "newsletter", "label": "Send it", "default": "unticked"}
FORM: Final[Json] = {"language": "en", "title": "Newsletter", "text": "May we?", "boxes": [BOX]}
RULEBOOK: Final[Json] = {
    "schema": 1,
    "label": "2026-11",
    "senders": {"acme": {"country": "NL"}},
    "categories": {"shoes": {"product": "shoes"}, "boots": {"parent": "shoes"}},
    "holidays": {"NL": ["2026-12-25"]},
}


def without(document: Json, *names: str) -> Json:
    """The document with fields left out."""
    return {name: value for name, value in document.items() if name not in names}


def readme_calls() -> list[Json]:
    """The bodies of the calls in the README, in their order."""
    text = README.read_text(encoding="utf-8")
    return [msgspec.json.decode(body) for body in re.findall(r"-d '(\{.*?\})'", text, re.DOTALL)]


def read_check(document: object) -> None:
    """Read a check as the route does."""
    own, question = read_asked(document, AskedBody)
    parse_question(question)
    canonical_address(own.address.kind, own.address.value)


READERS: Final[Mapping[str, Callable[[object], object]]] = {
    "event": parse_event,
    "form": parse_form,
    "question": read_check,
    "rulebook": lambda document: parse_rulebook(document, shipped_packs()),
}
"""The service's own readers, by schema."""

WRONG: Final[Mapping[str, tuple[str, Any]]] = {
    "an event of no known type": ("event", GRANT | {"type": "horoscope"}),
    "an event without a type": ("event", without(GRANT, "type")),
    "an event without an id": ("event", without(GRANT, "source_event_id")),
    "an event with an empty id": ("event", GRANT | {"source_event_id": ""}),
    "an event without its address": ("event", without(GRANT, "address")),
    "an event with a bare address": ("event", GRANT | {"address": "jane@example.org"}),
    "an event at a time without an offset": ("event", GRANT | {"occurred_at": "2026-11-23T10:15:00"}),
    "an event on a day": ("event", GRANT | {"occurred_at": "2026-11-23"}),
    "an event with a field of another type": ("event", GRANT | {"register": "UK_TPS"}),
    "an event with a field that nobody knows": ("event", GRANT | {"colour": "red"}),
    "an event with a sender in upper case": ("event", GRANT | {"sender": "ACME"}),
    "an event with a line feed in an id": ("event", GRANT | {"sender": "acme\n"}),
    "an event over a channel that is none": ("event", GRANT | {"channels": ["pigeon"]}),
    "an event with evidence that is a text": ("event", GRANT | {"evidence": "yes"}),
    "an event with a number for a text": ("event", GRANT | {"person": 7}),
    "an event with 21 further addresses": ("event", GRANT | {"other_addresses": [JANE] * 21}),
    "a grant without a method": ("event", without(GRANT, "method")),
    "a change without the new address": ("event", without(MOVED, "to")),
    "a change with an address beside its two": ("event", MOVED | {"address": JANE}),
    "a list instead of an event": ("event", [GRANT]),
    "a check without an address": ("question", without(CHECK, "address")),
    "a check without a sender": ("question", without(CHECK, "sender")),
    "a check over a channel that is none": ("question", CHECK | {"channel": "pigeon"}),
    "a check of a kind that is none": ("question", CHECK | {"kind": "spam"}),
    "a check of an address of another kind": ("question", CHECK | {"address": JANE | {"kind": "postal"}}),
    "a check with a field that nobody knows": ("question", CHECK | {"colour": "red"}),
    "a check with a fact that nobody knows": ("question", CHECK | {"recipient": {"mood": "good"}}),
    "a check at a time without an offset": ("question", CHECK | {"at": "2026-11-23T10:15:00"}),
    "a check at a position below zero": ("question", CHECK | {"min_position": -1}),
    "a check explained in a tongue unknown": ("question", CHECK | {"explain": "la"}),
    "a check with a text for a truth": ("question", CHECK | {"message": {"optout": "yes"}}),
    "a form without a text": ("form", without(FORM, "text")),
    "a form with an empty text": ("form", FORM | {"text": ""}),
    "a form with a field that nobody knows": ("form", FORM | {"colour": "red"}),
    "a form in no language": ("form", FORM | {"language": "English"}),
    "a form with a box that is half ticked": ("form", FORM | {"boxes": [BOX | {"default": "maybe"}]}),
    "a form with a box without a label": ("form", FORM | {"boxes": [without(BOX, "label")]}),
    "a form with a screenshot that is no hash": ("form", FORM | {"screenshot_sha256": "abc"}),
    "a rulebook of another version": ("rulebook", RULEBOOK | {"schema": 2}),
    "a rulebook with a field that nobody knows": ("rulebook", RULEBOOK | {"colour": "red"}),
    "a rulebook with a sender without a country": ("rulebook", RULEBOOK | {"senders": {"acme": {}}}),
    "a rulebook with a sender in upper case": (
        "rulebook",
        RULEBOOK | {"senders": {"ACME": {"country": "NL"}}},
    ),
    "a rulebook with a holiday in words": ("rulebook", RULEBOOK | {"holidays": {"NL": ["Christmas"]}}),
    "a rulebook with a figure that is a text": (
        "rulebook",
        RULEBOOK | {"parameters": [{"name": "x", "value": "1"}]},
    ),
}
