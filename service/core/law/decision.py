"""The answer: `decide` is a pure function of rulebook, standings, question and instant."""

from typing import Any, Final, Literal

from msgspec import Struct

from service.core.errors import QuestionError
from service.core.law.calendar import DAY_MS, date_of
from service.core.law.compiled import RuleRef
from service.core.law.context import NO, UNKNOWN, YES, Standings, Try
from service.core.law.evaluator import Verdict, evaluate
from service.core.law.question import Question
from service.core.law.rulebook import Rulebook

__all__ = ["ALLOW_CODES", "DENY_CODES", "Decision", "DecisionStep", "Standings", "decide", "decision_body"]

ALLOW_CODES: Final = frozenset(
    """CONSENT EXISTING_CUSTOMER CHARITY_SOFT_OPTIN IMPLIED_CONSENT PRESUMED_CONSENT_B2B CONTRACT_IN_PROGRESS
    B2B_DESIGNATED_ADDRESS B2B_IMPERSONAL_ADDRESS B2B_ROLE_RELATED B2B_OUT_OF_SCOPE B2B_OUTSIDE_EEA
    ESTABLISHED_BUSINESS_RELATIONSHIP OPT_OUT_REGIME EXEMPT_MESSAGE EXEMPT_REFERRAL SOLICITED_REPLY
    SERVICE_MESSAGE
    DOI_CONFIRMATION OPTOUT_CONFIRMATION""".split()
)
DENY_CODES: Final = frozenset(
    """OBJECTED WITHDRAWN SUPPRESSED_AFTER_ERASURE ON_DO_NOT_CALL_REGISTER NO_BASIS NO_SALE_CONTEXT NO_SUPPORT_CONTEXT
    NO_INFERRED_CONSENT IMPORTED_WITHOUT_PROOF B2B_ADDRESS_NOT_DESIGNATED B2B_ADDRESS_PERSONAL
    B2B_NOT_ROLE_RELATED
    NOT_FOR_LEGAL_PERSON PRESUMED_CONSENT_UNASSESSED CONSENT_NOT_ACTIVE CONSENT_IN_TERMS CONSENT_NOT_INFORMED
    CONSENT_NOT_SPECIFIC CONSENT_NOT_GRANULAR CONSENT_NOT_FREE CONSENT_NOT_BY_ADDRESSEE CONSENT_UNCONFIRMED
    CONSENT_UNPROVEN MINOR_NO_PARENTAL_CONSENT CONSENT_SCOPE_CATEGORY CONSENT_SCOPE_CHANNEL
    CONSENT_SENDER_NOT_NAMED
    ADDRESS_REPLACED NO_OPTOUT_AT_COLLECTION NOT_SIMILAR OTHER_LEGAL_ENTITY CUSTOMER_EXCEPTION_NOT_FOR_CHANNEL
    COLLECTED_BY_THIRD_PARTY COLLECTED_BEFORE_COMMENCEMENT SENDER_NOT_CHARITY PURPOSE_NOT_SOLELY_CHARITABLE
    CUSTOMER_EXCEPTION_LAPSED IMPLIED_CONSENT_EXPIRED CONSENT_EXPIRED CONSENT_STALE STALE_RELATION
    RETENTION_EXPIRED
    SERVICE_MESSAGE_IS_MARKETING CONSENT_REQUEST_IS_MARKETING MESSAGE_FORM_INCOMPLETE OUTSIDE_PERMITTED_HOURS
    FACT_MISSING""".split()
)

_RECIPIENTS: Final = ("consumer", "child", "sole_trader", "legal_person")
_RESULTS: Final = {YES: "yes", NO: "no", UNKNOWN: "unknown"}
_FLIPS_MAX: Final = 256


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
    outcomes: tuple[tuple[str, Try], ...]

    @property
    def steps(self) -> tuple[DecisionStep, ...]:
        """Every step that says something, in the order of LAW.md section 0."""
        return tuple(
            DecisionStep(name, _RESULTS[t.status], t.code, t.ref, t.events, t.missing)
            for name, t in self.outcomes
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
        outcomes=verdict.steps,
    )


def _answer(rulebook: Rulebook, standings: Standings, question: Question, at_ms: int) -> Verdict:
    """Answer under the recipient's law; where country or kind is not known, under every one that may apply."""
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
    flips = tuple(flip for verdict in verdicts for flip in verdict.flips)
    denied = [verdict for verdict in verdicts if not verdict.allow]
    if not denied:
        return verdicts[0]._replace(flips=flips)
    if len(denied) == len(verdicts):
        return denied[0]._replace(flips=flips)
    missing = ("recipient.country",) if law is None else ()
    if recipient.kind is None:
        missing = (*missing, "recipient.kind")
    return denied[0]._replace(
        code="FACT_MISSING", missing=(*missing, *denied[0].missing), flips=flips, needs_human=True
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
    codes = [verdict.decided.code] if verdict.decided.status == NO else []
    codes += [tried.code for _, tried in verdict.steps if tried.status == NO and tried.code]
    return tuple(code for code in dict.fromkeys(codes) if code != verdict.code)


def _expiry(
    rulebook: Rulebook, standings: Standings, question: Question, at_ms: int, verdict: Verdict
) -> int | None:
    """Ask again at each instant at which something ends, and return the first that changes the answer."""
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
