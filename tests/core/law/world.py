"""A small world for law tests: tell it what happened on which day, ask it whether a message may be sent."""

from datetime import UTC, datetime
from typing import Any

from service.core.events import milliseconds
from service.core.law.decision import Decision
from service.ledger.packs import shipped_packs
from service.ledger.scenarios import MemoryLedger, Setup

PACKS = shipped_packs()
JANE = {"kind": "email", "value": "jane@example.org"}
PHONE = {"kind": "phone", "value": "+31201234567"}
AGREED: dict[str, Any] = {
    "categories": ["newsletter"],
    "channels": ["email"],
    "senders": ["acme"],
    "method": "checkbox",
    "checkbox_default": "unticked",
    "evidence_grade": "documented",
}
BOUGHT: dict[str, Any] = {
    "seller": "acme",
    "product_category": "shoes",
    "notice_given": True,
    "optout_offered": True,
}
COMPLETE = {"optout": True, "identity": True, "postal_address": True, "labelled_as_advertising": True}


def ms(day: str) -> int:
    """Midnight UTC of a day, or an instant, in milliseconds."""
    moment = datetime.fromisoformat(day)
    return milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


class World:
    """A ledger in memory with a fluent way to fill it."""

    def __init__(self, **rulebook: Any) -> None:  # noqa: ANN401 - a rulebook's JSON
        self.ledger = MemoryLedger(PACKS)
        self.ledger.reset(Setup({"schema": 1} | rulebook, {}))
        self._told = 0

    def tell(self, kind: str, day: str, **fields: Any) -> "World":  # noqa: ANN401 - an event's JSON
        """Append an event of `kind` that happened on `day`; without an address it concerns Jane's."""
        event = {
            "type": kind,
            "source_event_id": f"told-{self._told}",
            "occurred_at": datetime.fromtimestamp(ms(day) / 1000, UTC).isoformat(),
        } | fields
        if kind not in ("address_changed", "business_transferred", "sender_renamed", "sender_registered"):
            event.setdefault("address", JANE)
        self._told += 1
        self.ledger.append(event, ms(day))
        return self

    def ask(
        self,
        day: str | int,
        address: dict[str, str] = JANE,
        **fields: Any,  # noqa: ANN401 - a question's JSON
    ) -> Decision:
        """Ask for a complete commercial mail of acme about shoes to a Dutch consumer, but for `fields`."""
        country = fields.pop("country", "NL")
        recipient = {"country": country, "kind": fields.pop("recipient", "consumer")}
        question = {
            "sender": "acme",
            "category": "newsletter",
            "channel": "email",
            "kind": "commercial",
            "product_category": "shoes",
            "message": COMPLETE,
            "recipient": {name: value for name, value in recipient.items() if value is not None},
        } | fields
        question = {name: value for name, value in question.items() if value is not None}
        return self.ledger.answer(question, address, day if isinstance(day, int) else ms(day))
