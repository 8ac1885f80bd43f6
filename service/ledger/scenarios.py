"""Worked cases: facts become events, through the same validation as everybody's; the answer is compared.

A case is one entry of a YAML list in the schema of the shipped `scenarios.yaml` (value sets: LAW.md 4.7).
Dates are
calendar days, taken at midnight UTC; facts are events of that moment, in the order of the file. A fact
without an
address concerns every address of the case known so far. The runner knows the ledger by a port of three
calls, so the
same cases run against a fold in memory and against the real thing.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, Protocol

import yaml

from service.core.errors import EventError, InputError, QuestionError
from service.core.events import (
    milliseconds,
    parse_event,
    participants,
    record_body,
    recorded_from_body,
)
from service.core.law.context import Standings
from service.core.law.decision import Decision, decide
from service.core.law.question import parse_question
from service.core.law.rulebook import Rulebook, parse_rulebook
from service.core.law.standing import EMPTY, Standing, fold, links, predecessors

CASES_BYTES_MAX: Final = 8 * 1024 * 1024
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
_PARTIES: Final = ("sender", "seller", "to", "from", "collected_by", "promotes")


class ScenarioError(InputError):
    """A case says something the runner does not know. The message names the case, the fact and the field."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What must be settled before a case begins: the rulebook's own part, the senders and their kinds."""

    rulebook: dict[str, Any]
    senders: Mapping[str, str]


class ScenarioLedger(Protocol):
    """What the runner needs of a ledger. Times are milliseconds since 1970."""

    async def begin(self, setup: Setup) -> None:
        """Forget the case before, and settle rulebook and senders."""

    async def submit(self, event: dict[str, Any], recorded_at_ms: int) -> None:
        """Append one event, in the shape of the API."""

    async def ask(self, question: dict[str, Any], address: dict[str, str], at_ms: int) -> Decision:
        """Answer one question about one address."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How a case came out."""

    id: str
    title: str
    expected: tuple[str, str]
    actual: tuple[str, str]
    decision: Decision

    @property
    def as_expected(self) -> bool:
        """Whether answer and reason code are both those expected."""
        return self.expected == self.actual


def read_cases(data: bytes) -> list[dict[str, Any]]:
    """Read a file of cases. Raises ScenarioError where it is not a list of them."""
    if len(data) > CASES_BYTES_MAX:
        raise ScenarioError("a file of cases is at most 8 MiB", code="too_large")
    try:
        cases = yaml.safe_load(data)
    except yaml.YAMLError:
        raise ScenarioError("this is not YAML", code="yaml") from None
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        raise ScenarioError("a file of cases is a list of them", code="type")
    return cases


async def run_cases(cases: Iterable[Mapping[str, Any]], ledger: ScenarioLedger) -> AsyncIterator[CaseResult]:
    """Run each case on a fresh ledger. Raises ScenarioError at the first that cannot be understood."""
    for case in cases:
        yield await run_case(case, ledger)


async def run_case(case: Mapping[str, Any], ledger: ScenarioLedger) -> CaseResult:
    """Run one case."""
    name = str(case.get("id", "?"))
    _require(case, name)
    events = list(_events(case, name))
    question, address, at_ms = _question(case, name)
    await ledger.begin(_setup(case))
    where = "setting up"
    try:
        for place, event in enumerate(events):
            where = f"fact {place + 1} ({event['type']})"
            await ledger.submit(event, milliseconds(datetime.fromisoformat(event["occurred_at"])))
        where = "question"
        decision = await ledger.ask(question, address, at_ms)
    except (EventError, QuestionError) as error:
        field = error.pointer.replace("evidence_grade", "evidence") or "/"
        raise ScenarioError(
            f"{name}: {where}, field {field}: {error}", pointer=error.pointer, code=error.code
        ) from error
    expected = case["expected"]
    return CaseResult(
        id=name,
        title=str(case.get("title", "")),
        expected=(str(expected["answer"]), str(expected["reason_code"])),
        actual=(decision.decision, decision.reason_code),
        decision=decision,
    )


def _require(case: Mapping[str, Any], name: str) -> None:
    for field in case:
        if field not in _CASE_FIELDS:
            raise ScenarioError(f"{name}: field {field!r} is not known", code="unknown_field")
    for field, kind in (("jurisdiction", str), ("facts", list), ("question", dict), ("expected", dict)):
        if not isinstance(case.get(field), kind):
            raise ScenarioError(f"{name}: field {field!r} is missing or of the wrong kind", code="missing")
    for field in ("answer", "reason_code"):
        if field not in case["expected"]:
            raise ScenarioError(f"{name}: expected.{field} is missing", code="missing")


def _events(case: Mapping[str, Any], name: str) -> Iterable[dict[str, Any]]:
    known: list[str] = []
    for place, fact in enumerate(case["facts"], 1):
        if not isinstance(fact, dict) or "type" not in fact or "date" not in fact:
            raise ScenarioError(f"{name}: fact {place} needs a type and a date", code="missing")
        yield _event(fact, known, str(case["question"].get("address", "")), f"{name}:{place}")


def _event(fact: dict[str, Any], known: list[str], asked: str, event_id: str) -> dict[str, Any]:
    """Turn a fact into an event; `known` collects the addresses of the case."""
    event = {key: _plain(value) for key, value in fact.items() if key not in ("date", "address")}
    event["source_event_id"] = event_id
    event["occurred_at"] = _moment(fact["date"]).isoformat()
    if "evidence" in event:
        event["evidence_grade"] = event.pop("evidence")
    if event["type"] == "address_changed":
        _learn(known, [event.get("from"), event.get("to")])
        event |= {side: _address(event[side]) for side in ("from", "to") if side in event}
        return event
    if event["type"] in _ABOUT_SENDERS:
        return event
    others = list(event.pop("other_addresses", ()))
    if "address" in fact:
        own = [str(fact["address"]), *others]
        _learn(known, own)
    else:
        own = known or [asked]
    event["address"] = _address(own[0])
    if own[1:]:
        event["other_addresses"] = [_address(other) for other in own[1:]]
    return event


def _learn(known: list[str], addresses: Iterable[Any]) -> None:
    known.extend(dict.fromkeys(str(a) for a in addresses if a is not None and str(a) not in known))


def _question(case: Mapping[str, Any], name: str) -> tuple[dict[str, Any], dict[str, str], int]:
    asked = {key: _plain(value) for key, value in case["question"].items()}
    for field in ("at", "address"):
        if field not in asked:
            raise ScenarioError(f"{name}: question.{field} is missing", code="missing")
    at_ms = milliseconds(_moment(case["question"]["at"]))
    address = _address(asked["address"])
    message = {new: asked.pop(old) for old, new in _MESSAGE_FIELDS.items() if old in asked}
    question = {key: value for key, value in asked.items() if key not in ("at", "address")}
    recipient = {"country": case["jurisdiction"]}
    if case.get("recipient") is not None:
        recipient["kind"] = case["recipient"]
    return question | {"recipient": recipient, "message": message}, address, at_ms


def _setup(case: Mapping[str, Any]) -> Setup:
    pairs = [[str(one), str(other)] for one, other in case.get("similar_products") or ()]
    rulebook: dict[str, Any] = {"schema": 1}
    if pairs:
        products = sorted({product for pair in pairs for product in pair})
        rulebook |= {"products": products, "similar_products": pairs}
    senders: dict[str, str] = {}
    for fact in case["facts"]:
        if fact.get("type") != "address_changed":
            named = [fact.get(field) for field in _PARTIES]
            senders |= {str(s): "business" for s in (*named, *fact.get("senders", ())) if s is not None}
    question = case["question"]
    senders |= {str(question[field]): "business" for field in ("sender", "promotes") if field in question}
    if "sender_type" in question:
        senders[str(question["sender"])] = str(question["sender_type"])
    return Setup(rulebook, dict(sorted(senders.items())))


def _address(value: object) -> dict[str, str]:
    text = str(value)
    return {"kind": "email" if "@" in text else "phone", "value": text}


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise ScenarioError("a date is written YYYY-MM-DD", code="not_a_date") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    if isinstance(value, date):
        return value.isoformat()
    return [_plain(item) for item in value] if isinstance(value, list) else value


class MemoryLedger:
    """A ledger that only folds: for trying rules, without keys, proofs or a database."""

    def __init__(self, packs: Mapping[str, bytes]) -> None:
        self._packs = packs
        self._rulebooks: dict[str, Rulebook] = {}
        self._standings: dict[str, Standing] = {}
        self._rulebook: Rulebook | None = None
        self._index = 0

    async def begin(self, setup: Setup) -> None:
        """Forget every event; take the rulebook of `setup` over the packs."""
        self.reset(setup)

    async def submit(self, event: dict[str, Any], recorded_at_ms: int) -> None:
        """Fold one event into every chain it concerns."""
        self.append(event, recorded_at_ms)

    async def ask(self, question: dict[str, Any], address: dict[str, str], at_ms: int) -> Decision:
        """Answer from the folded standings."""
        return self.answer(question, address, at_ms)

    def reset(self, setup: Setup) -> None:
        """Do at once what `begin` does."""
        self._standings = {}
        self._index = 0
        key = repr(setup.rulebook)
        self._rulebook = self._rulebooks.get(key) or parse_rulebook(setup.rulebook, self._packs)
        self._rulebooks[key] = self._rulebook

    def append(self, event: dict[str, Any], recorded_at_ms: int) -> None:
        """Do at once what `submit` does, by way of the body that would be hashed."""
        parsed = parse_event(event)
        subjects = [_subject(p.kind, p.value) for p in participants(parsed)]
        for place, participant in enumerate(participants(parsed)):
            other = subjects[1 - place] if participant.role in ("old", "new") else None
            recorded = recorded_from_body(record_body(parsed, participant.role, other))
            subject = subjects[place]
            self._index += 1
            self._standings[subject] = fold(
                self._standings.get(subject, EMPTY),
                recorded,
                index=self._index,
                recorded_at_ms=recorded_at_ms,
                forms={},
            )

    def answer(self, question: dict[str, Any], address: dict[str, str], at_ms: int) -> Decision:
        """Do at once what `ask` does."""
        if self._rulebook is None:
            raise QuestionError("no case has begun", code="missing")
        asked = parse_question(question)
        return decide(self._rulebook, self.standings(address, asked.sender), asked, at_ms)

    def standings(self, address: dict[str, str], sender: str) -> Standings:
        """Return the standings a question about `address` by `sender` needs."""
        own = self._standings.get(_subject(address["kind"], address["value"]), EMPTY)
        return Standings(own, self._linked(own), self._senders(sender))

    def _linked(self, own: Standing) -> tuple[tuple[str, Standing], ...]:
        found: dict[str, Standing] = {}
        waiting = list(links(own))
        while waiting:
            subject = waiting.pop()
            if subject not in found:
                found[subject] = self._standings.get(subject, EMPTY)
                waiting += links(found[subject])
        return tuple(sorted(found.items()))

    def _senders(self, sender: str) -> dict[str, Standing]:
        found: dict[str, Standing] = {}
        waiting = [sender]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = self._standings.get(_subject("sender", name), EMPTY)
                waiting += predecessors(found[name], name)
        return found


def _subject(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}\0{value}".encode()).hexdigest()
