"""Decisions asked at random: whatever the published schemas allow, of a few names, so that much of it meets.

The same ones for the same seed. What is told is not likely, only possible: that is where two readers of one
procedure come apart.
"""

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from service.core.errors import EventError, InputError
from service.core.events import form_bytes, parse_form
from tests.support.vectors.decisions import Json, TellingLedger, decided

_SCHEMAS: Final = Path(__file__).resolve().parents[3] / "schemas"
_SENDERS: Final = ("acme", "acme", "acme", "other", "third", "fourth")
_CATEGORIES: Final = ("newsletter", "newsletter", "offers", "news", "energy_renovation")
_PRODUCTS: Final = ("shoes", "shoes", "bags", "none", "energy_renovation")
_COUNTRIES: Final = ("NL", "UK", "DE", "BE", "FR", "IE", "IT", "CA", "US", "AU", "EU", "ES", "JP")
_DAYS: Final = (
    "2024-12-31",
    "2025-06-30",
    "2026-02-29",
    "none",
    "end_of_calendar_year_following_contract_end",
)
_BEGIN: Final = 1_420_070_400_000  # 2015-01-01
_DAY: Final = 86_400_000
_ADDRESSES: Final = tuple({"kind": "email", "value": f"{name}@example.org"} for name in ("a", "b", "c", "d"))
_UNTOLD: Final = ("source", "evidence", "external_id", "other_addresses", "wording", "reason", "ground")
_TELLING: Final = (
    *("consent_granted",) * 6,
    *("purchase", "contract_started", "account_created", "address_changed", "message_sent") * 2,
    *("consent_withdrawn", "objection", "correction", "business_transferred", "sender_renamed"),
)
_FINAL: Final = (
    "erasure_requested",
    "erasure_executed",
    "objection",
    "objection_attempted",
    "consent_refused",
)
_FLAWED: Final = (
    "given_by",
    "filled_by",
    "bundled_purposes",
    "request_flaws",
    "double_opt_in",
    "age",
    "optin_box",
)
_CLEAN: Final[dict[str, Json]] = {
    "consent_granted": {
        "categories": ["newsletter"],
        "channels": ["email", "sms", "phone_live"],
        "senders": ["acme"],
        "method": "web_form",
        "evidence_grade": "documented",
    },
    "purchase": {"seller": "acme", "product_category": "shoes", "notice_given": True, "optout_offered": True},
    "account_created": {"seller": "acme", "product_category": "shoes", "collected_by": "acme", "free": False},
    "contract_started": {"seller": "acme", "ongoing": True},
    "address_changed": {"by": "recipient", "verified": True},
}
_POOLS: Final[dict[str, Callable[[random.Random], Any]]] = {
    "age": lambda chance: chance.choice((12, 15, 17, 40)),
    "expires": lambda chance: chance.choice(_DAYS),
    "person": lambda chance: chance.choice(("p1", "p2", "unknown")),
    "box": lambda chance: chance.choice(("one", "two")),
    "local_time": lambda chance: chance.choice(("07:59", "08:00", "11:00", "20:00", "22:30")),
    "minutes_after_withdrawal": lambda chance: chance.choice((0, 5, 6)),
}


def _schema(name: str) -> Json:
    read: Json = json.loads((_SCHEMAS / f"{name}.v1.json").read_text(encoding="utf-8"))
    return read


class Chance:
    """Tells a ledger things, and asks it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - to be the same at every run
        self.ledger = TellingLedger()
        self.era = _BEGIN
        events = _schema("event")["$defs"].values()
        self.kinds = {
            each["properties"]["type"]["enum"][0]: each for each in events if "type" in each["properties"]
        }
        for name in (
            "campaign_checked",
            "export_created",
            "export_downloaded",
            "rulebook_published",
            "key_rotated",
        ):
            del self.kinds[name]
        self.question = _schema("question")
        self.forms = [self._form() for _ in range(12)]

    def cases(self, count: int) -> Iterator[Json]:
        """So many cases, each with what the service derives."""
        made = 0
        while made < count:
            self._settle()
            self.era = _BEGIN + self.random.randrange(3300) * _DAY
            for _ in range(self.random.choice((0, 1, 2, 4, 8, 16, 40))):
                self._tell()
            for _ in range(4):
                try:
                    case = self._case()
                    out = decided(case, self.ledger.documents)
                except InputError:
                    continue
                made += 1
                yield {"in": json.loads(json.dumps(case)), "out": out}

    def _settle(self) -> None:
        chance = self.random
        given: Json = {"schema": 1, "default_jurisdiction": chance.choice(("EU", "NL", "US"))}
        if chance.random() < 0.5:
            tree: dict[str, Json] = {name: {} for name in dict.fromkeys(_CATEGORIES)}
            tree["offers"] = {"parent": "newsletter"}
            tree["news"] = {"parent": "offers", "product": "bags"}
            given |= {
                "categories": tree,
                "products": ["shoes", "bags"],
                "similar_products": [["shoes", "bags"]],
            }
        if chance.random() < 0.6:
            figures = {
                "stop.grace_business_days": (0, 1, 3, 10),
                "consent.max_idle_months": (1, 12, 48),
                "consent.refresh_months": (0, 6, 24),
                "nl.customer.max_age_months": (0, 12, 36),
                "nl.email.donation_is_sale": (0, 1),
            }
            given["parameters"] = [
                {"name": name, "value": chance.choice(values)}
                | ({"valid_from": "2019-03-01"} if chance.random() < 0.4 else {})
                | ({"valid_to": "2023-10-31"} if chance.random() < 0.4 else {})
                for name, values in figures.items()
                if chance.random() < 0.5
            ]
        if chance.random() < 0.4:
            given["senders"] = {
                name: {"country": chance.choice(_COUNTRIES), "kind": chance.choice(self._kinds())}
                | ({"registered": chance.choice((True, False))} if chance.random() < 0.5 else {})
                for name in dict.fromkeys(_SENDERS)
                if chance.random() < 0.6
            }
        if chance.random() < 0.2:
            given["holidays"] = {"FR": ["2025-12-25", "2026-04-06"], "CA": ["2024-07-01"]}
        self.ledger.settle(given)

    def _kinds(self) -> list[str]:
        kinds: list[str] = self.kinds["sender_registered"]["properties"]["kind"]["enum"]
        return kinds

    def _form(self) -> str:
        schema = _schema("form")
        value = self._filled(schema, schema, 0.7)
        value["boxes"] = [
            self._filled(schema["$defs"]["Box"], schema, 0.6) | {"name": name, "label": "A box"}
            for name in ("one", "two")
        ]
        for name in ("html_sha256", "screenshot_sha256", "privacy_notice_url"):
            value.pop(name, None)
        value |= {"language": "en", "title": "A form", "text": "Yes"}
        return self.ledger.publish(form_bytes(parse_form(value)).decode())

    def _tell(self) -> None:
        chance = self.random
        name = chance.choice((*_TELLING, *self.kinds))
        if name in _FINAL and chance.random() < 0.8:
            return
        happened = self.era + chance.randrange(1000) * _DAY + chance.choice((0, 0, chance.randrange(_DAY)))
        if chance.random() < 0.01:
            self.ledger.erase(chance.choice(_ADDRESSES), happened)
        try:
            self.ledger.tell(self._event(name, happened), happened + chance.choice((0, 0, 400 * _DAY)))
        except EventError:
            return

    def _event(self, name: str, happened: int) -> Json:
        chance = self.random
        event = self._filled(self.kinds[name], {}, chance.choice((0.3, 0.6, 0.9)))
        rare = () if chance.random() < 0.1 else ("optout_used",)
        event = {key: value for key, value in event.items() if key not in (*_UNTOLD, *rare)}
        if name in _CLEAN and chance.random() < 0.7:
            event = {key: value for key, value in event.items() if key not in _FLAWED} | _CLEAN[name]
        stamp = datetime.fromtimestamp(happened / 1000, UTC).isoformat()
        event |= {"type": name, "source_event_id": "told", "occurred_at": stamp}
        event |= {"source": "import"} if chance.random() < 0.1 else {}
        if "address" in event:
            event["address"] = chance.choice((_ADDRESSES[0], _ADDRESSES[0], *_ADDRESSES))
        if name == "address_changed":
            event["from"], event["to"] = chance.sample(_ADDRESSES, 2)
        if name == "correction":
            event["corrects"] = chance.randrange(self.ledger.index + 2)
        return event

    def _case(self) -> Json:
        chance = self.random
        asked = self._filled(self.question, self.question, chance.choice((0.3, 0.7, 1.0)))
        for name in ("address", "at", "known_at", "proof", "explain", "unsubscribe", "id", "as_of"):
            asked.pop(name, None)
        asked = {name: value for name, value in asked.items() if name in _QUESTION_FIELDS}
        asked["sender"], asked["category"] = chance.choice(_SENDERS), chance.choice(_CATEGORIES)
        asked["kind"] = chance.choice(("commercial", "commercial", "commercial", asked["kind"]))
        asked["channel"] = chance.choice(("email", "email", asked["channel"]))
        if chance.random() < 0.7:
            asked["message"] = dict.fromkeys(
                ("optout", "identity", "postal_address", "labelled_as_advertising"), True
            )
        if chance.random() < 0.8:
            asked["promotional_content"] = "none"
            asked.pop("contains_consent_request", None)
        recipient = {"country": chance.choice(_COUNTRIES), "kind": chance.choice(_RECIPIENTS)}
        asked["recipient"] = {name: value for name, value in recipient.items() if chance.random() < 0.9}
        at_ms = (
            self.era
            + chance.choice((chance.randrange(500, 1500), chance.randrange(4600))) * _DAY
            + chance.choice((0, chance.randrange(_DAY)))
        )
        known = chance.choice((None, None, at_ms, at_ms - 200 * _DAY))
        return self.ledger.case(asked, _ADDRESSES[0], at_ms, known)

    def _filled(self, schema: Json, whole: Json, share: float) -> Json:
        required = schema.get("required", [])
        return {
            name: self._value(name, each, whole)
            for name, each in schema["properties"].items()
            if name in required or self.random.random() < share
        }

    def _value(self, name: str, schema: Json, whole: Json) -> Any:  # noqa: ANN401, PLR0911 - JSON of each kind
        chance = self.random
        if name in _POOLS:
            return _POOLS[name](chance)
        if "anyOf" in schema:
            return self._value(name, schema["anyOf"][0], whole)
        if "$ref" in schema:
            target = whole.get("$defs", {}).get(schema["$ref"].rpartition("/")[2])
            return self._filled(target, whole, 0.8) if target is not None and name in _NESTED else {}
        if "enum" in schema:
            return chance.choice(schema["enum"])
        kind = schema["type"]
        if kind == "array":
            items = [self._value(name, schema["items"], whole) for _ in range(chance.choice((0, 1, 1, 2, 3)))]
            return [] if items and isinstance(items[0], dict) else list(dict.fromkeys(items))
        if kind == "boolean":
            return chance.random() < 0.5
        if kind == "integer":
            return chance.randrange(20)
        return self._text(name)

    def _text(self, name: str) -> str:
        chance = self.random
        if name == "form":
            return chance.choice(self.forms)
        if name in ("categories", "category", "designated_for", "in_reply_to"):
            return chance.choice(_CATEGORIES)
        if name == "product_category":
            return chance.choice(_PRODUCTS)
        return chance.choice(_COUNTRIES) if "country" in name else chance.choice(_SENDERS)


_RECIPIENTS: Final = ("consumer", "consumer", "child", "sole_trader", "legal_person")
_NESTED: Final = ("message", "recipient")
_QUESTION_FIELDS: Final = frozenset(
    {
        *("sender", "category", "channel", "kind", "message", "product_category", "promotional_content"),
        *("contains_consent_request", "promotes", "sender_type", "sender_registered", "person", "style"),
        *(
            "relates_to_role",
            "relates_to_contract",
            "in_reply",
            "automated",
            "discloses_referrer",
            "one_to_one",
        ),
        *(
            "product_for",
            "phone_type",
            "local_time",
            "sequence",
            "stricter_state_rule",
            "minutes_after_withdrawal",
        ),
    }
)
