"""The answer: `decide` is a pure function of rulebook, standings, question and instant."""

from functools import lru_cache
from typing import Any, Final, Literal

from msgspec import Struct

from service.core.errors import QuestionError
from service.core.law.calendar import DAY_MS, date_of
from service.core.law.codes import ALLOW_CODES, DENY_CODES
from service.core.law.compiled import RuleRef
from service.core.law.context import NO, UNKNOWN, YES, Standings
from service.core.law.evaluator import Outcomes, Verdict, evaluate
from service.core.law.question import Question
from service.core.law.rulebook import Rulebook

__all__ = ["ALLOW_CODES", "DENY_CODES", "Decision", "DecisionStep", "Standings", "decide", "decision_body"]


_RECIPIENTS: Final = ("consumer", "child", "sole_trader", "legal_person")
_RESULTS: Final = {YES: "yes", NO: "no", UNKNOWN: "unknown"}
_STOPS: Final = ("erasure", "refusal", "address")
_GATES: Final = ("form", "hours")
_FLIPS_MAX: Final = 256
_STAMPS_KEPT: Final = 4_096


class DecisionStep(Struct, frozen=True, gc=False):
    """One step of the way: its `name`, how it came out (yes, no, unknown) and what it rests on."""

    name: str
    result: str
    code: str
    rule: RuleRef | None
    events: tuple[int, ...]
    missing_facts: tuple[str, ...]


class Decision(Struct, frozen=True):
    """May it be sent? `reason_code` says why, `events` on which entries of the log the answer rests.

    `expires_at_ms` is the first instant at which the answer is another although nothing was recorded; None
    is never.
    `needs_human` stands beside a deny only.
    """

    decision: Literal["allow", "deny"]
    reason_code: str
    further_codes: tuple[str, ...]
    basis: str
    rule: RuleRef | None
    events: tuple[int, ...]
    missing_facts: tuple[str, ...]
    needs_human: bool
    jurisdiction: str | None
    evaluated_at_ms: int
    expires_at_ms: int | None
    outcomes: Outcomes

    @property
    def steps(self) -> tuple[DecisionStep, ...]:
        """Every step that says something, in the order of LAW.md section 0."""
        exits, stops, bases, gates = self.outcomes
        named = [("exit", tried) for tried in exits]
        named += zip(_STOPS, stops, strict=True)
        named += [("basis", tried) for tried in bases]
        named += zip(_GATES, gates, strict=True)
        return tuple(
            DecisionStep(name, _RESULTS[t.status], t.code, t.ref, t.events, t.missing)
            for name, t in named
            if t.code or t.events or t.missing
        )


def decide(rulebook: Rulebook, standings: Standings, question: Question, at_ms: int) -> Decision:
    """Answer `question` at `at_ms` (milliseconds since 1970, UTC).

    Raises QuestionError where the rulebook lists categories and does not know the one asked for.
    """
    ancestors = rulebook.compiled.settings.ancestors
    if ancestors and question.category not in ancestors:
        raise QuestionError("no such category", pointer="/category", code="unknown_category")
    verdict = _answer(rulebook, standings, question, at_ms)
    return Decision(
        decision="allow" if verdict.allow else "deny",
        reason_code=verdict.code,
        further_codes=_further(verdict),
        basis=verdict.decided.basis if verdict.allow else "none",
        rule=verdict.decided.ref,
        events=verdict.decided.events,
        missing_facts=verdict.missing,
        needs_human=verdict.needs_human,
        jurisdiction=verdict.jurisdiction or None,
        evaluated_at_ms=at_ms,
        expires_at_ms=_expiry(rulebook, standings, question, at_ms, verdict),
        outcomes=verdict.outcomes,
    )


def _answer(rulebook: Rulebook, standings: Standings, question: Question, at_ms: int) -> Verdict:
    """Answer under the recipient's law; where country or kind is unknown, under all that may apply."""
    compiled = rulebook.compiled
    recipient = question.recipient
    law = compiled.law_of(recipient.country)
    if law is not None and recipient.kind is not None:
        return evaluate(compiled, standings, question, (law.jurisdiction, recipient.kind), at_ms)
    kinds = (recipient.kind,) if recipient.kind is not None else _RECIPIENTS
    laws = (law.jurisdiction,) if law is not None else _candidates(rulebook, standings, question)
    verdicts = [
        evaluate(compiled, standings, question, (name, kind), at_ms) for name in laws for kind in kinds
    ]
    flips = [flip for verdict in verdicts for flip in verdict.flips]
    denied = [verdict for verdict in verdicts if not verdict.allow]
    if not denied:
        return verdicts[0]._replace(flips=flips, certain=False)
    if len(denied) == len(verdicts):
        return denied[0]._replace(flips=flips, certain=False)
    missing = ("recipient.country",) if law is None else ()
    if recipient.kind is None:
        missing = (*missing, "recipient.kind")
    return denied[0]._replace(
        code="FACT_MISSING",
        missing=(*missing, *denied[0].missing),
        flips=flips,
        needs_human=True,
        certain=False,
    )


def _candidates(rulebook: Rulebook, standings: Standings, question: Question) -> tuple[str, ...]:
    """Return the laws of the sender's country and of the house's default: the strictest of them decides."""
    compiled = rulebook.compiled
    known = compiled.settings.senders.get(question.sender)
    registered = standings.senders.get(question.sender)
    countries = [standings.address.country, known[0] if known is not None else None]
    if registered is not None and registered.registration is not None:
        countries.append(registered.registration.country)
    laws = [law.jurisdiction for law in map(compiled.law_of, countries) if law is not None]
    return tuple(dict.fromkeys((*laws, compiled.settings.default_jurisdiction)))


def _further(verdict: Verdict) -> tuple[str, ...]:
    """Return the other codes that speak for a deny, in the order in which the steps found them."""
    found = [t.code for part in verdict.outcomes for t in part if t.status == NO and t.code]
    if verdict.decided.status == NO:
        found.insert(0, verdict.decided.code)
    if not found:
        return ()
    return tuple(code for code in dict.fromkeys(found) if code != verdict.code)


def _expiry(
    rulebook: Rulebook, standings: Standings, question: Question, at_ms: int, verdict: Verdict
) -> int | None:
    """Ask again at each instant at which something ends, and return the first that changes the answer."""
    if verdict.certain and verdict.flips[0] > at_ms:
        return verdict.flips[0]
    waiting = {flip for flip in verdict.flips if flip > at_ms}
    asked = 0
    while waiting and asked < _FLIPS_MAX:
        asked += 1
        next_ms = min(waiting)
        then = _answer(rulebook, standings, question, next_ms)
        if then.code != verdict.code or then.allow != verdict.allow:
            return next_ms
        waiting.discard(next_ms)
        waiting.update(flip for flip in then.flips if flip > next_ms)
    # Asked too often without a change: the answer is only vouched for as far as it was looked at.
    return min(waiting) if waiting else None


@lru_cache(maxsize=_STAMPS_KEPT)
def stamp_ms(ms: int) -> str:
    """Return "YYYY-MM-DDTHH:MM:SS.mmmZ"."""
    day, rest = divmod(ms, DAY_MS)
    seconds, millis = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{date_of(day).isoformat()}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"


def decision_body(decision: Decision) -> dict[str, Any]:
    """Return the decision as plain JSON values; equal decisions give equal canonical bytes."""
    expires = decision.expires_at_ms
    return {
        "decision": decision.decision,
        "reason_code": decision.reason_code,
        "further_codes": list(decision.further_codes),
        "basis": decision.basis,
        "rule": _rule_body(decision.rule),
        "events": list(decision.events),
        "missing_facts": list(decision.missing_facts),
        "needs_human": decision.needs_human,
        "jurisdiction": decision.jurisdiction,
        "evaluated_at": stamp_ms(decision.evaluated_at_ms),
        "expires_at": None if expires is None else stamp_ms(expires),
    }


def _rule_body(rule: RuleRef | None) -> dict[str, Any] | None:
    if rule is None:
        return None
    return {
        "id": rule.id,
        "citation": rule.citation,
        "valid_from": rule.valid_from,
        "valid_to": rule.valid_to,
        "nature": rule.nature,
        "verified": rule.verified,
    }
