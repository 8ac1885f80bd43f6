"""Vectors of the decision: histories, rulebook, question and time go in, the decision document comes out.

Every worked case and every boundary case that ships with the packs; what those do not reach is asked at
random (`tests.support.vectors.chance`).
"""

import asyncio
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.core.canonical import canonical_json
from service.core.events import Form, parse_event, parse_form, participants, record_body
from service.core.history import Erasure, LoggedEvent, Part, logged_event, reach, reach_senders, standings_of
from service.core.law.decision import decide, decision_body
from service.core.law.question import parse_question, question_body
from service.core.law.rulebook import Rulebook, load_rulebook, parse_rulebook, rulebook_bytes
from service.core.records import Record
from service.ledger.packs import boundary_cases, shipped_packs, worked_cases
from service.ledger.scenarios import ScenarioLedger, Setup, read_cases, run_case
from tests.support.vectors.case import FOLDER

Json = dict[str, Any]

DECISIONS = FOLDER / "decision"
DOCUMENTS = DECISIONS / "documents.json"
ABOUT = "The decision that follows (schemas/decision.md); documents.json is at hand."


def subject(kind: str, value: str) -> str:
    """The name of a subject here, in hex; K_sub plays no part."""
    return hashlib.sha256(f"{kind}\0{value}".encode()).hexdigest()


def decided(case: Json, documents: Mapping[str, str]) -> Json:
    """What the service derives from a case, by the way a verifier takes."""
    parts = [_part(history) for history in case["histories"]]
    texts = {name: text.encode() for name, text in documents.items()}
    forms = _forms(documents)
    rulebook = load_rulebook(texts[case["rulebook"]], texts, partial=True)
    times = {"at_ms": case["at_ms"], "known_at_ms": case["known_at_ms"]}
    standings = standings_of(parts, forms, **times)
    question = parse_question(case["question"])
    return decision_body(decide(rulebook, standings, question, case["at_ms"]))


def _forms(documents: Mapping[str, str]) -> dict[str, Form]:
    read = {
        name: json.loads(text)
        for name, text in documents.items()
        if text.startswith('{"') and '"text"' in text
    }
    return {name: parse_form(value) for name, value in read.items()}


def _part(history: Json) -> Part:
    logged = tuple(_logged(*event) for event in history["events"])
    erased = history.get("erased")
    return Part(
        role=history["role"],
        subject_key=history["subject"],
        name=history.get("name"),
        exists=bool(logged) or erased is not None,
        logged=logged,
        erasure=Erasure(*erased) if erased is not None else None,
    )


def _logged(index: int, recorded_at_ms: int, body: Json) -> LoggedEvent:
    record = Record(event=body, origin="", prev=b"", seq=0, subject_key=b"", evidence=None)
    return logged_event(index, recorded_at_ms, record)


@dataclass
class TellingLedger:
    """A ledger that keeps what it is told as histories, answers from them, and can say what it was asked."""

    packs: Mapping[str, bytes] = field(default_factory=shipped_packs)
    documents: dict[str, str] = field(default_factory=dict)
    histories: dict[str, list[list[Any]]] = field(default_factory=dict)
    erased: dict[str, list[int]] = field(default_factory=dict)
    asked: Json = field(default_factory=dict)
    rulebook: str = ""
    index: int = 0

    def __post_init__(self) -> None:
        self.documents |= {name: body.decode() for name, body in self.packs.items()}

    async def begin(self, setup: Setup) -> None:
        """Forget every event; take the rulebook of `setup` over the packs."""
        self.settle(setup.rulebook)

    async def submit(self, event: Json, recorded_at_ms: int) -> None:
        """Append one event to every chain it concerns."""
        self.tell(event, recorded_at_ms)

    async def ask(
        self, question: Json, address: dict[str, str], at_ms: int, known_at_ms: int | None = None
    ) -> Any:  # noqa: ANN401 - a decision
        """Answer as a verifier would, and keep the case."""
        self.case(question, address, at_ms, known_at_ms)
        return _Answered(decided(self.asked, self.documents))

    def settle(self, given: Json) -> None:
        """Begin anew under a rulebook."""
        self.histories, self.erased, self.index = {}, {}, 0
        book: Rulebook = parse_rulebook(given, self.packs)
        self.rulebook = self.publish(rulebook_bytes(book).decode())

    def publish(self, text: str) -> str:
        """Keep a document under its hash."""
        name = hashlib.sha256(text.encode()).hexdigest()
        self.documents[name] = text
        return name

    def tell(self, event: Json, recorded_at_ms: int) -> int:
        """Append one event to every chain it concerns; the index of the last."""
        parsed = parse_event(event)
        subjects = [subject(p.kind, p.value) for p in participants(parsed)]
        for place, participant in enumerate(participants(parsed)):
            other = subjects[1 - place] if participant.role in ("old", "new") else None
            self.index += 1
            body = json.loads(canonical_json(record_body(parsed, participant.role, other)))
            self.histories.setdefault(subjects[place], []).append([self.index, recorded_at_ms, body])
        return self.index

    def erase(self, address: dict[str, str], recorded_at_ms: int) -> None:
        """Destroy what was told of an address, leaving a notice."""
        self.index += 1
        name = subject(address["kind"], address["value"])
        self.histories[name] = []
        self.erased[name] = [self.index, recorded_at_ms]

    def case(self, question: Json, address: dict[str, str], at_ms: int, known_at_ms: int | None) -> Json:
        """What goes in: everybody whose history the answer needs, and the question in its only form."""
        asked = parse_question(question)
        times = {"at_ms": at_ms, "known_at_ms": known_at_ms}
        own = subject(address["kind"], address["value"])
        standings = {
            name: _part(self._history("linked", name)).standing({}, **times)
            for name in {*self.histories, *self.erased}
        }
        linked = reach(own, standings | {own: standings.get(own)}).reached - {own}
        names = {subject("sender", name): name for name in self._senders()}
        by_name = {name: standings.get(key) for key, name in names.items()}
        senders = reach_senders(asked.sender, by_name | {asked.sender: by_name.get(asked.sender)}).reached
        histories = [self._history("address", own)]
        histories += [self._history("linked", name) for name in sorted(linked)]
        histories += [
            self._history("sender", subject("sender", name)) | {"name": name} for name in sorted(senders)
        ]
        self.asked = {
            "histories": histories,
            "rulebook": self.rulebook,
            "question": question_body(asked),
            **times,
        }
        return self.asked

    def _senders(self) -> set[str]:
        events = [event[2] for chain in self.histories.values() for event in chain]
        sides = [event.get(side) for event in events for side in ("from", "to", "sender")]
        return {name for name in sides if isinstance(name, str)}

    def _history(self, role: str, name: str) -> Json:
        history = {"role": role, "subject": name, "events": self.histories.get(name, [])}
        return history | ({"erased": self.erased[name]} if name in self.erased else {})


@dataclass(frozen=True)
class _Answered:
    """A decision document, read as the runner of cases reads a decision."""

    document: Json

    @property
    def decision(self) -> str:
        return str(self.document["decision"])

    @property
    def reason_code(self) -> str:
        return str(self.document["reason_code"])


def shipped_cases(source: bytes, ledger: TellingLedger) -> Iterator[Json]:
    """Each case of a file, as a vector."""
    runner: ScenarioLedger = ledger
    for case in read_cases(source):
        result = asyncio.run(run_case(case, runner))
        if not result.as_expected:
            raise AssertionError(result.id)
        answered: Any = result.decision
        yield {"name": result.id, "in": ledger.asked, "out": answered.document}


def decision_files() -> dict[Path, str]:
    """What stands in each file of vectors."""
    ledger = TellingLedger()
    files = {
        name: [*shipped_cases(source, ledger)]
        for name, source in (("worked", worked_cases()), ("boundary", boundary_cases()))
    }
    texts = {DECISIONS / f"{name}.json": _text(cases) for name, cases in files.items()}
    return texts | {
        DOCUMENTS: json.dumps(ledger.documents, ensure_ascii=True, indent=1, sort_keys=True) + "\n"
    }


def _text(cases: list[Json]) -> str:
    """A case to a line."""
    lines = ",\n".join(
        json.dumps(case, ensure_ascii=True, separators=(",", ":"), sort_keys=True) for case in cases
    )
    return f'{{"about":{json.dumps(ABOUT)},"cases":[\n{lines}\n]}}\n'
