"""From a case as it is written to what a ledger is told and asked, validated before anything runs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from service.core.errors import AddressError, EventError, InputError, QuestionError
from service.core.events import milliseconds, parse_event, participants
from service.core.law.question import parse_question
from service.ledger.addresses import canonical_address
from service.ledger.scenarios.reading import ScenarioError

_CASE_FIELDS: Final = {
    "id",
    "jurisdiction",
    "title",
    "source",
    "recipient",
    "similar_products",
    "facts",
    "question",
    "expected",
    "confidence",
}
_MESSAGE_FIELDS: Final = {
    "identity_in_message": "identity",
    "optout_in_message": "optout",
    "postal_address_in_message": "postal_address",
    "labelled_as_advertising": "labelled_as_advertising",
}
_ABOUT_SENDERS: Final = ("business_transferred", "sender_renamed")
_PARTIES: Final = ("sender", "seller", "to", "from", "collected_by", "received_by", "promotes")
# Fields that are called otherwise in a case than over HTTP, by the pointer of the refusal.
_WRITTEN: Final = {
    "/evidence_grade": "/evidence",
    "/occurred_at": "/date",
    "/address/value": "/address",
    "/from/value": "/from",
    "/to/value": "/to",
    "/recipient/country": "/jurisdiction",
    "/recipient/kind": "/recipient",
    **{f"/message/{new}": f"/{old}" for old, new in _MESSAGE_FIELDS.items()},
}


@dataclass(frozen=True, slots=True)
class Setup:
    """What must be settled before a case begins: the rulebook's own part, the senders and their kinds."""

    rulebook: dict[str, Any]
    senders: Mapping[str, str]
    country: str = "EU"
    begins_ms: int = 0
    """Before the first fact, in milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class PreparedFact:
    """A fact as the event it is, and when the ledger hears of it (milliseconds since 1970)."""

    place: str
    event: dict[str, Any]
    recorded_at_ms: int


@dataclass(frozen=True, slots=True)
class PreparedCase:
    """A case in the ledger's own terms. `at_ms`: the time of sending; `known_at_ms`: as known then."""

    id: str
    title: str
    jurisdiction: str
    expected: tuple[str, str]
    setup: Setup
    facts: tuple[PreparedFact, ...]
    question: dict[str, Any]
    address: dict[str, str]
    at_ms: int
    known_at_ms: int | None


def case_name(case: Mapping[str, Any]) -> str:
    """The id by which a case is called."""
    return str(case.get("id", "?"))


def prepare(case: Mapping[str, Any]) -> PreparedCase:
    """Understand a case. Raises `ScenarioError` naming case, fact and field."""
    name = case_name(case)
    _require(case, name)
    facts = tuple(_facts(case, name))
    question, address, at_ms, known_at_ms = _question(case, name)
    expected = case["expected"]
    return PreparedCase(
        id=name,
        title=str(case.get("title", "")),
        jurisdiction=case["jurisdiction"],
        expected=(str(expected["answer"]), str(expected["reason_code"])),
        setup=_setup(case, name, min([at_ms, *(_occurred(fact) for fact in facts)])),
        facts=facts,
        question=question,
        address=address,
        at_ms=at_ms,
        known_at_ms=known_at_ms,
    )


def refused(name: str, where: str, error: InputError) -> ScenarioError:
    """The refusal of an event or a question, in one line: which case, what of it, which field."""
    field = _WRITTEN.get(error.pointer, error.pointer) or "/"
    return ScenarioError(f"{name}: {where}, field {field}: {error}", pointer=error.pointer, code=error.code)


def _require(case: Mapping[str, Any], name: str) -> None:
    for field in case:
        if field not in _CASE_FIELDS:
            raise ScenarioError(f"{name}: field {str(field)[:64]!r} is not known", code="unknown_field")
    for field, kind in (("jurisdiction", str), ("question", dict), ("expected", dict)):
        if not isinstance(case.get(field), kind):
            raise ScenarioError(f"{name}: field {field!r} is missing or of the wrong kind", code="missing")
    if not isinstance(case.get("facts", []), list | None):
        raise ScenarioError(f"{name}: field 'facts' is a list", code="type")
    for field in ("answer", "reason_code"):
        if not isinstance(case["expected"].get(field), str):
            raise ScenarioError(f"{name}: expected.{field} is missing", code="missing")


def _facts(case: Mapping[str, Any], name: str) -> Iterator[PreparedFact]:
    known: list[str] = []
    for place, fact in enumerate(case.get("facts") or (), 1):
        if not isinstance(fact, dict) or not isinstance(fact.get("type"), str) or "date" not in fact:
            raise ScenarioError(f"{name}: fact {place} needs a type and a date", code="missing")
        where = f"fact {place} ({fact['type'][:64]})"
        occurred = _moment(fact["date"], f"{name}: {where}, field /date")
        recorded = _moment(fact.get("recorded", fact["date"]), f"{name}: {where}, field /recorded")
        if recorded < occurred:
            raise ScenarioError(
                f"{name}: {where}, field /recorded: it is recorded before it happens", code="order"
            )
        event = _event(fact, known, str(case["question"].get("address", "")))
        event |= {"source_event_id": f"{name}:{place}"[-128:], "occurred_at": occurred.isoformat()}
        try:
            for participant in participants(parse_event(event)):
                if participant.kind != "sender":
                    canonical_address(participant.kind, participant.value)
        except (EventError, AddressError) as error:
            raise refused(name, where, error) from error
        yield PreparedFact(where, event, milliseconds(recorded))


def _event(fact: dict[str, Any], known: list[str], asked: str) -> dict[str, Any]:
    """Turn a fact into an event; `known` collects the addresses of the case."""
    event = {
        str(key): _plain(value) for key, value in fact.items() if key not in ("date", "recorded", "address")
    }
    if "evidence" in event:
        event["evidence_grade"] = event.pop("evidence")
    if event["type"] == "address_changed":
        _learn(known, [event.get("from"), event.get("to")])
        event |= {side: _address(event[side]) for side in ("from", "to") if side in event}
        return event
    if event["type"] in _ABOUT_SENDERS:
        return event
    others = event.pop("other_addresses", None) or []
    others = others if isinstance(others, list) else [others]
    if "address" in fact:
        own = [str(fact["address"]), *map(str, others)]
        _learn(known, own)
    else:
        own = known or [asked]
    event["address"] = _address(own[0])
    if own[1:]:
        event["other_addresses"] = [_address(other) for other in own[1:]]
    return event


def _learn(known: list[str], addresses: Iterable[Any]) -> None:
    known.extend(dict.fromkeys(str(a) for a in addresses if a is not None and str(a) not in known))


def _question(case: Mapping[str, Any], name: str) -> tuple[dict[str, Any], dict[str, str], int, int | None]:
    asked = {str(key): _plain(value) for key, value in case["question"].items()}
    for field in ("at", "address"):
        if field not in asked:
            raise ScenarioError(f"{name}: question.{field} is missing", code="missing")
    at_ms = milliseconds(_moment(case["question"]["at"], f"{name}: question, field /at"))
    known_at = case["question"].get("known_at")
    known_at_ms = None
    if known_at is not None:
        known_at_ms = milliseconds(_moment(known_at, f"{name}: question, field /known_at"))
    address = _address(asked["address"])
    message = {new: asked.pop(old) for old, new in _MESSAGE_FIELDS.items() if old in asked}
    question = {key: value for key, value in asked.items() if key not in ("at", "known_at", "address")}
    recipient = {"country": case["jurisdiction"]}
    if case.get("recipient") is not None:
        recipient["kind"] = case["recipient"]
    question |= {"recipient": recipient, "message": message}
    try:
        parse_question(question)
        canonical_address(**address)
    except (QuestionError, AddressError) as error:
        raise refused(name, "question", error) from error
    return question, address, at_ms, known_at_ms


def _setup(case: Mapping[str, Any], name: str, begins_ms: int) -> Setup:
    pairs = [[str(product) for product in pair] for pair in _pairs(case, name)]
    rulebook: dict[str, Any] = {"schema": 1}
    if pairs:
        products = sorted({product for pair in pairs for product in pair})
        rulebook |= {"products": products, "similar_products": pairs}
    senders: dict[str, str] = {}
    for fact in case.get("facts") or ():
        if fact.get("type") != "address_changed":
            named = [fact.get(field) for field in _PARTIES]
            senders |= {str(s): "business" for s in (*named, *(fact.get("senders") or ())) if s is not None}
    question = case["question"]
    senders |= {str(question[field]): "business" for field in ("sender", "promotes") if field in question}
    if "sender_type" in question:
        senders[str(question["sender"])] = str(question["sender_type"])
    return Setup(rulebook, dict(sorted(senders.items())), case["jurisdiction"], begins_ms)


def _pairs(case: Mapping[str, Any], name: str) -> list[list[Any]]:
    pairs = case.get("similar_products") or []
    if not isinstance(pairs, list) or not all(isinstance(p, list) and len(p) == 2 for p in pairs):  # noqa: PLR2004 - a pair
        raise ScenarioError(f"{name}: field 'similar_products' is a list of pairs", code="type")
    return pairs


def _address(value: object) -> dict[str, str]:
    text = str(value)
    return {"kind": "email" if "@" in text else "phone", "value": text}


def _occurred(fact: PreparedFact) -> int:
    return milliseconds(datetime.fromisoformat(fact.event["occurred_at"]))


def _moment(value: object, where: str) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise ScenarioError(f"{where}: a date is written YYYY-MM-DD", code="not_a_date") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    if isinstance(value, date):
        return value.isoformat()
    return [_plain(item) for item in value] if isinstance(value, list) else value
