"""The evaluator: one walk in the order of LAW.md section 0. Jurisdictions are data; this knows none of them.

Every step is evaluated, whatever an earlier one said, so that the answer can explain itself. What decides:

1. an exit that holds; 2. suppression; 3. a no that nothing lifted; 4. an address that is no longer theirs;
5. a class that is not protected; 6. a basis; 7. form and hours, once a basis holds; 8. a missing fact that
alone
decides; 9. otherwise the failing attempt that says most (LAW 0.1.5).
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from service.core.law.calendar import DAY_MS
from service.core.law.compiled import Compiled, PlannedRule
from service.core.law.consent import Weighed, conclude, weigh
from service.core.law.context import GROUP_RELATION, NO, UNKNOWN, YES, Context, Standings, Try
from service.core.law.exits import EXITS, mislabelled
from service.core.law.gates import current, form, hours, refusal, suppression
from service.core.law.question import Question
from service.core.law.relations import charity, customer, ongoing_relation, relationship, running_contract
from service.core.law.sources import (
    address_relevance,
    designated_address,
    exempt_sender,
    impersonal_address,
    opt_out,
    origin,
    out_of_scope,
    presumed_consent,
    referral,
    role_related,
)

BasisMove = Callable[[Context, PlannedRule], Try | None]
_NO_BASIS: Final = Try(NO, "NO_BASIS", "none", None)


class Verdict(NamedTuple):
    """What came out under one law: the deciding outcome, the code it has, and every step on the way."""

    allow: bool
    code: str
    decided: Try
    steps: tuple[tuple[str, Try], ...]
    missing: tuple[str, ...]
    flips: tuple[int, ...]
    jurisdiction: str
    needs_human: bool


def evaluate(
    compiled: Compiled,
    standings: Standings,
    question: Question,
    place: tuple[str, str],
    at_ms: int,
) -> Verdict:
    """Answer under the law of `place[0]` for a recipient of the kind `place[1]`, at one instant."""
    law = compiled.laws[place[0]]
    plan = law.plan(at_ms // DAY_MS, question.channel, place[1], question.kind)
    context = Context(compiled, standings, question, plan, place[1], at_ms)
    if plan.next_change_ms is not None:
        context.flips.append(plan.next_change_ms)
    weighed = weigh(context, plan.consent) if plan.consent is not None else []
    steps: list[tuple[str, Try]] = [("exit", EXITS[item.rule.does](context, item)) for item in plan.exits]
    exits = len(steps)
    stops = (suppression(context, weighed), refusal(context, weighed), current(context))
    steps += zip(("suppression", "refusal", "address"), stops, strict=True)
    bases = _bases(context, weighed)
    steps += [("basis", tried) for tried in bases]
    gates = (form(context), hours(context))
    steps += zip(("form", "hours"), gates, strict=True)
    decided, code, missing = _resolve([t for _, t in steps[:exits]], stops, bases, gates)
    allow = decided.status == YES
    if not allow:
        label = mislabelled(context)
        if label and code != "SUPPRESSED_AFTER_ERASURE":
            code = label
    return Verdict(
        allow,
        code,
        decided,
        tuple(steps),
        missing,
        tuple(context.flips),
        plan.jurisdiction,
        not allow and code in plan.needs_human,
    )


def _bases(context: Context, weighed: list[Weighed]) -> list[Try]:
    plan = context.plan
    found = [out_of_scope(context, item) for item in plan.scope]
    found.append(conclude(context, plan.consent, weighed))
    found += [BASES[item.rule.does](context, item) for item in plan.bases]
    found.append(origin(context))
    return [tried for tried in found if tried is not None]


def _resolve(
    exits: list[Try], stops: tuple[Try, ...], bases: list[Try], gates: tuple[Try, ...]
) -> tuple[Try, str, tuple[str, ...]]:
    for tried in exits:
        if tried.status == YES:
            return tried, tried.code, ()
    for stop in stops:
        if stop.status == NO:
            return stop, stop.code, ()
    held = next((tried for tried in bases if tried.status == YES), None)
    unsure = next((tried for tried in bases if tried.status == UNKNOWN), None)
    if held is not None or unsure is not None:
        for gate in gates:
            if gate.status == NO:
                return gate, gate.code, ()
    missing = tuple(name for gate in gates for name in gate.missing)
    if held is not None:
        if not missing:
            return held, held.code, ()
        gate = next(gate for gate in gates if gate.missing)
        return gate, "FACT_MISSING", missing
    unsure = unsure or next((tried for tried in exits if tried.status == UNKNOWN), None)
    if unsure is not None:
        return unsure, "FACT_MISSING", (*unsure.missing, *missing)
    failed = [tried for tried in bases if tried.code]
    worst = min(failed, key=lambda tried: tried.group) if failed else _NO_BASIS
    return worst, worst.code, ()


def outside_area(context: Context, planned: PlannedRule) -> Try | None:
    """Business users established outside an area: allowed where the law of their own country is met."""
    country = context.standing.country or context.question.recipient.country
    if country is None or country in planned.rule.area:
        return None
    law = context.compiled.law_of(country)
    if law is None or law.jurisdiction == context.plan.jurisdiction:
        return None
    standings = Standings(address=context.standing)
    local = evaluate(
        context.compiled,
        standings,
        context.question,
        (law.jurisdiction, context.recipient),
        context.at_ms,
    )
    context.flips.extend(local.flips)
    if local.allow:
        return Try(YES, "B2B_OUTSIDE_EEA", "corporate_subscriber", planned.ref, local.decided.events)
    if local.missing:
        return Try(UNKNOWN, "B2B_OUTSIDE_EEA", "corporate_subscriber", planned.ref, (), local.missing)
    code = local.code if local.code == "MESSAGE_FORM_INCOMPLETE" else ""
    return Try(NO, code, "none", local.decided.ref, group=GROUP_RELATION)


BASES: Final[dict[str, BasisMove]] = {
    "charity": charity,
    "customer": customer,
    "relationship": relationship,
    "ongoing_relation": ongoing_relation,
    "presumed_consent": presumed_consent,
    "running_contract": running_contract,
    "designated_address": designated_address,
    "impersonal_address": impersonal_address,
    "role_related": role_related,
    "address_relevance": address_relevance,
    "outside_area": outside_area,
    "outside_area": outside_area,
    "referral": referral,
    "exempt_sender": exempt_sender,
    "opt_out": opt_out,
}
