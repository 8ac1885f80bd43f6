"""The answers to one group of a campaign's lines: a pure function of what was read for it, and the time."""

from collections import Counter
from dataclasses import dataclass

from service.core.campaign import DecisionWriter, answer_leaf, decision_bytes
from service.core.errors import QuestionError
from service.core.law.context import Standings
from service.core.law.decision import decide, decision_body
from service.core.law.rulebook import Rulebook
from service.core.law.standing import EMPTY
from service.ledger.answering.checks import UNEXPLAINED
from service.ledger.campaigns.lines import Asking, Group
from service.ledger.campaigns.reads import Found, Read

Told = tuple[str, str]
"""Decision and reason code of an answer."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A group whose addresses have become keys, and what was read for them."""

    group: Group
    keys: list[bytes | Exception]
    read: Read
    rulebook: Rulebook
    moved_rulebook: Rulebook | None


class GroupAnswers:
    """Answers the lines of one group. What does not depend on the address is decided and written once."""

    def __init__(self, prepared: Prepared, now_ms: int, writer: DecisionWriter, *, with_detail: bool) -> None:
        self.counts: Counter[Told] = Counter()
        self._read = prepared.read
        self._rulebook = prepared.rulebook
        self._moved_rulebook = prepared.moved_rulebook or prepared.rulebook
        self._with_detail = with_detail
        found, moved = prepared.read.found, prepared.read.moved
        self._at_ms = max(now_ms, found.state.recorded_at_ms, moved.state.recorded_at_ms if moved else 0)
        self._unseen: dict[Asking, tuple[bytes, bytes, Told]] = {}
        self._writer = writer
        self._unexplained: dict[str | None, bytes] = {}

    def of(self, key: bytes, asking: Asking) -> tuple[Found, int, bytes, bytes, str]:
        """What it was answered from, for which time, the answer as this caller may see it, leaf and decision.

        Raises `QuestionError` when it cannot be decided as asked.
        """
        found = self._read.found
        standing = found.standings.get(key)
        if standing is None:
            known = self._unseen.get(asking)
            if known is None:
                standings = Standings(address=EMPTY, senders=found.senders)
                known = self._unseen[asking] = self._decide(self._rulebook, standings, asking)
            decision, shown, told = known
        elif standing.origins and self._read.moved is not None:
            found = self._read.moved
            decision, shown, told = self._decide_moved(key, asking, found)
        else:
            standings = Standings(address=standing, senders=found.senders)
            decision, shown, told = self._decide(self._rulebook, standings, asking)
        self.counts[told] += 1
        leaf = answer_leaf(key, asking.digest, self._at_ms, found.state.position, decision)
        return found, self._at_ms, shown, leaf, told[0]

    def _decide_moved(self, key: bytes, asking: Asking, found: Found) -> tuple[bytes, bytes, Told]:
        if key in self._read.too_many:
            raise QuestionError("more linked addresses than are followed", code="too_many_links")
        standings = Standings(
            address=found.standings.get(key, EMPTY),
            linked=tuple(self._read.linked.get(key, ())),
            senders=found.senders,
        )
        return self._decide(self._moved_rulebook, standings, asking)

    def _decide(self, rulebook: Rulebook, standings: Standings, asking: Asking) -> tuple[bytes, bytes, Told]:
        """The decision in canonical JSON, the same as this caller may see it, and what it says in short."""
        decided = decide(rulebook, standings, asking.question, self._at_ms)
        decision = self._writer.write(decided)
        told = decided.decision, decided.reason_code
        if decided.decision == "allow" or self._with_detail:
            return decision, decision, told
        country = asking.question.recipient.country
        shown = self._unexplained.get(country)
        if shown is None:
            body = decision_body(decided) | UNEXPLAINED | {"jurisdiction": country}
            shown = self._unexplained[country] = decision_bytes(body)
        return decision, shown, told
