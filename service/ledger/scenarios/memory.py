"""A ledger that only folds: for trying rules, without keys, proofs or a database."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.core.errors import QuestionError
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
from service.ledger.scenarios.preparing import Setup


class MemoryLedger:
    """A ledger that only folds: for trying rules, without keys, proofs or a database."""

    def __init__(self, packs: Mapping[str, bytes]) -> None:
        self._packs = packs
        self._submitted: list[tuple[dict[str, Any], int]] = []
        self._rulebooks: dict[str, Rulebook] = {}
        self._standings: dict[str, Standing] = {}
        self._rulebook: Rulebook | None = None
        self._index = 0

    async def begin(self, setup: Setup) -> None:
        """Forget every event; take the rulebook of `setup` over the packs."""
        self.reset(setup)

    async def submit(self, event: dict[str, Any], recorded_at_ms: int) -> None:
        """Fold one event into every chain it concerns."""
        self._submitted.append((event, recorded_at_ms))
        self.append(event, recorded_at_ms)

    async def ask(
        self, question: dict[str, Any], address: dict[str, str], at_ms: int, known_at_ms: int | None = None
    ) -> Decision:
        """Answer from the folded standings, without what happened or became known only later."""
        kept = [
            (event, recorded_at_ms)
            for event, recorded_at_ms in self._submitted
            if milliseconds(datetime.fromisoformat(event["occurred_at"])) <= at_ms
            and (known_at_ms is None or recorded_at_ms <= known_at_ms)
        ]
        if len(kept) < len(self._submitted):
            self._standings = {}
            for event, recorded_at_ms in kept:
                self.append(event, recorded_at_ms)
        return self.answer(question, address, at_ms)

    def reset(self, setup: Setup) -> None:
        """Do at once what `begin` does."""
        self._standings = {}
        self._submitted = []
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
