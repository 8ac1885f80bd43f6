"""The evaluator: one walk in the order of LAW.md section 0. Jurisdictions are data; this knows none of them.

Every step is evaluated, whatever an earlier one said, so that the answer can explain itself. What decides:

1. an exit that holds; 2. suppression; 3. a no that nothing lifted; 4. an address that is no longer theirs;
5. a class that is not protected; 6. a basis; 7. form and hours, once a basis holds; 8. a missing fact that
alone
decides; 9. otherwise the failing attempt that says most (LAW 0.1.5).
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from service.core.law.calendar import DAY_MS
from service.core.law.compiled import Compiled, PlannedRule
from service.core.law.consent import Weighed, conclude, weigh
from service.core.law.context import GROUP_EXIT, GROUP_RELATION, NO, UNKNOWN, YES, Context, Standings, Try
from service.core.law.exits import EXITS, mislabelled
from service.core.law.gates import current, form, hours, refusal, shows, suppression
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


Outcomes = tuple[Sequence[Try], Sequence[Try], Sequence[Try], Sequence[Try]]
"""What came out: exits, the three stops (erasure, refusal, address), bases, gates (form, hours)."""


class Verdict(NamedTuple):
    """What came out under one law: the deciding outcome, the code it has, and every step on the way."""

    allow: bool
    code: str
    decided: Try
    outcomes: Outcomes
    missing: tuple[str, ...]
    flips: list[int]
    jurisdiction: str
    needs_human: bool
    certain: bool


def evaluate(
    compiled: Compiled,
    standings: Standings,
    question: Question,
    place: tuple[str, str],
    at_ms: int,
) -> Verdict:
    """Answer under the law of `place[0]` for a recipient of the kind `place[1]`, at one instant."""
    plan = compiled.law(place[0]).plan(at_ms // DAY_MS, question.channel, place[1], question.kind)
    context = Context(compiled, standings, question, plan, place[1], at_ms)
    flips = context.flips
    exits = _exits(context)
    after_exits = len(flips)
    weighed = weigh(context, plan.consent) if plan.consent is not None and standings.address.events else []
    stops = (suppression(context, weighed), refusal(context, weighed), current(context))
    after_stops = len(flips)
    bases, ends = _bases(context, weighed)
    after_bases = len(flips)
    gates = (form(context), hours(context))
    decided, code, missing = _resolve(exits, stops, bases, gates)
    allow = decided.status == YES
    label = "" if allow else mislabelled(context)
    # What comes after the outcome that decides cannot change the answer before that outcome itself changes.
    if decided in stops:
        del flips[after_stops:]
    elif not allow:
        if not _gates_matter(bases, gates, label):
            del flips[after_bases:]
    elif decided in exits:
        del flips[after_exits:]
    else:
        del flips[ends[bases.index(decided)] : after_bases]
    if label and code != "SUPPRESSED_AFTER_ERASURE":
        code = label
    # One consent and one ending: what follows has another code, so nobody needs to ask again.
    certain = code == "CONSENT" and len(flips) == 1 and len(weighed) == 1
    human = not allow and (code in plan.needs_human or (not label and _open_point(decided, question)))
    return Verdict(
        allow, code, decided, (exits, stops, bases, gates), missing, flips, plan.jurisdiction, human, certain
    )


def _open_point(decided: Try, question: Question) -> bool:
    """Tell whether the deny rests on a point LAW section 3 calls open; news written for the press is one."""
    return decided.human or (decided.code == "NO_BASIS" and question.style == "press_release")


def _exits(context: Context) -> list[Try]:
    """Try every exit."""
    plan = context.plan
    exits = [EXITS[item.rule.does](context, item) for item in plan.exits]
    if plan.exits_ask_form:
        exits = [_formed(context, *pair) for pair in zip(plan.exits, exits, strict=True)]
    return exits


def _formed(context: Context, planned: PlannedRule, tried: Try) -> Try:
    """Close an exit that asks for a message form (its `fields`) to a message without it."""
    if not planned.rule.fields or tried.status == NO:
        return tried
    shape = shows(context, planned)
    if shape.status == NO:
        return shape._replace(group=GROUP_EXIT)
    if shape.missing:
        return tried._replace(status=UNKNOWN, missing=(*tried.missing, *shape.missing))
    return tried


def _gates_matter(bases: list[Try], gates: tuple[Try, ...], label: str) -> bool:
    """Tell whether the hours, the only gate that time opens and closes, can change a deny."""
    shape, _ = gates
    if shape.status == NO:
        return False
    if label:  # the label's code stands whatever the hours say, unless they alone keep a basis shut
        return shape.status == YES and any(tried.status == YES for tried in bases)
    return any(tried.status != NO for tried in bases)


def _bases(context: Context, weighed: list[Weighed]) -> tuple[list[Try], list[int]]:
    """Try every basis; beside each, how many instants of change had been noted by then."""
    plan, flips = context.plan, context.flips
    found: list[Try] = []
    ends: list[int] = []
    for item in plan.scope:
        _add(found, ends, out_of_scope(context, item), flips)
    _add(found, ends, conclude(context, plan.consent, weighed), flips)
    for item in plan.bases:
        _add(found, ends, BASES[item.rule.does](context, item), flips)
    if context.standing.sources or context.standing.origins:
        _add(found, ends, origin(context), flips)
    return found, ends


def _add(found: list[Try], ends: list[int], tried: Try | None, flips: list[int]) -> None:
    if tried is not None:
        found.append(tried)
        ends.append(len(flips))


def _resolve(
    exits: list[Try], stops: tuple[Try, ...], bases: list[Try], gates: tuple[Try, ...]
) -> tuple[Try, str, tuple[str, ...]]:
    """Find what decides: the outcome, its code, and the facts that were missing."""
    for tried in exits:
        if tried.status == YES:
            return tried, tried.code, ()
    for stop in stops:
        if stop.status == NO:
            return stop, stop.code, ()
    held, unsure = _ground(bases)
    if held is not None or unsure is not None:
        for gate in gates:
            if gate.status == NO:
                return gate, gate.code, ()
    if held is not None:
        return _through(held, gates)
    unsure = unsure or _first(exits, UNKNOWN)
    if unsure is not None:
        return unsure, "FACT_MISSING", (*unsure.missing, *(name for gate in gates for name in gate.missing))
    worst = min((t for t in (*exits, *bases) if t.code), key=_group, default=_NO_BASIS)
    return worst, worst.code, ()


def _ground(bases: list[Try]) -> tuple[Try | None, Try | None]:
    """Return the first basis that holds, and the first before it that a missing fact keeps open."""
    unsure = None
    for tried in bases:
        if tried.status == YES:
            return tried, unsure
        if tried.status == UNKNOWN and unsure is None:
            unsure = tried
    return None, unsure


def _first(tried: list[Try], status: int) -> Try | None:
    return next((one for one in tried if one.status == status), None)


def _group(tried: Try) -> int:
    return tried.group


def _through(held: Try, gates: tuple[Try, ...]) -> tuple[Try, str, tuple[str, ...]]:
    """Let a basis through the gates: a fact they lack is one that alone decides."""
    missing = tuple(name for gate in gates for name in gate.missing)
    if not missing:
        return held, held.code, ()
    gate = next(gate for gate in gates if gate.missing)
    return gate, "FACT_MISSING", missing


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
    "referral": referral,
    "exempt_sender": exempt_sender,
    "opt_out": opt_out,
}
