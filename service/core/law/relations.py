"""Step 6b, relations: customers, supporters, implied consent, running contracts (LAW 0.1.5 to 0.1.8)."""

from collections.abc import Callable
from typing import Final, NamedTuple

from service.core.law.calendar import DAY_MS, day_number, window_end
from service.core.law.compiled import PlannedRule
from service.core.law.context import GROUP_RELATION, NO, UNKNOWN, YES, Context, Try
from service.core.law.facts import Relation

_INQUIRIES: Final = ("info", "quote")
_DURABLE: Final = ("contract", "membership", "account")


class Step(NamedTuple):
    """How far one relation came: `code` empty and nothing missing means all the way."""

    progress: int
    code: str
    missing: tuple[str, ...] = ()
    silent: bool = False
    human: bool = False


_HELD: Final = Step(99, "")
Judge = Callable[[Context, PlannedRule, Relation], Step]


def best_of(context: Context, planned: PlannedRule, judge: Judge, code: str, basis: str) -> Try | None:
    """Judge every usable relation; report the one that came furthest, the latest where they tie."""
    best: tuple[tuple[int, int, int], Step, Relation] | None = None
    for relation in context.standing.relations:
        if not context.usable(relation):
            continue
        step = judge(context, planned, relation)
        if step.silent:
            continue
        progress = step.progress if step.code else 90 if step.missing else 99
        rank = (progress, relation.ms, relation.index)
        if best is None or rank > best[0]:
            best = (rank, step, relation)
    if best is None:
        return None
    _, step, relation = best
    events = (relation.index,) if relation.end_index is None else (relation.index, relation.end_index)
    if step.code:
        return Try(NO, step.code, "none", planned.ref, events, (), GROUP_RELATION, step.human)
    if step.missing:
        return Try(UNKNOWN, code, basis, planned.ref, events, step.missing, GROUP_RELATION)
    return Try(YES, code, basis, planned.ref, events, group=GROUP_RELATION)


def customer(context: Context, planned: PlannedRule) -> Try | None:
    """Apply the customer exception (ePD 13(2)): sale, same entity, channel, opt-out, similar, age."""
    return best_of(context, planned, _customer, "EXISTING_CUSTOMER", "existing_customer")


def _customer(  # noqa: PLR0911 - one return per condition, in the law's order
    context: Context, planned: PlannedRule, relation: Relation
) -> Step:
    rule, question = planned.rule, context.question
    own = relation.party in context.same
    sale, missing = _is_sale(planned, relation)
    if not sale:
        gift = relation.kind == "donation" and rule.donation_parameter is not None
        disputed = gift or bool(relation.free)
        return Step(1, "NO_SALE_CONTEXT", human=disputed) if own else Step(0, "", silent=True)
    if not own:
        return Step(2, "OTHER_LEGAL_ENTITY", human=relation.party in context.bought)
    if relation.collected.by is not None and relation.collected.by not in context.same:
        return Step(3, "COLLECTED_BY_THIRD_PARTY")
    if question.channel in rule.excluded_channels or (
        rule.sender_types and context.sender_type not in rule.sender_types
    ):
        return Step(4, "CUSTOMER_EXCEPTION_NOT_FOR_CHANNEL")
    refusal = _refusable(relation)
    if refusal is False:
        return Step(5, "NO_OPTOUT_AT_COLLECTION", human=relation.optin_left)
    missing += _untold(relation)
    like = _similar(context, relation)
    if like is False:
        # What is about no product at all is for a person to judge, unless the house has drawn its map.
        unmapped = question.product_category == "none" and not context.compiled.settings.similar
        return Step(6, "NOT_SIMILAR", human=unmapped)
    if like is None:
        missing += ("product_category",)
    late = _lapsed(context, planned, relation)
    if late:
        return Step(7, late)
    return Step(90, "", missing) if missing else _HELD


def _is_sale(  # noqa: PLR0911 - one return per kind of event
    planned: PlannedRule, relation: Relation
) -> tuple[bool, tuple[str, ...]]:
    rule, kind = planned.rule, relation.kind
    if kind in _INQUIRIES:
        return ("negotiation" in rule.relations and relation.negotiation), ()
    if kind == "donation":
        return planned.donation_is_sale, ()
    if kind not in rule.relations:
        return False, ()
    if relation.free is None and kind == "account":
        return (True, ("free",)) if not relation.paid_tier else (True, ())
    if not relation.free or rule.free_accounts == "always":
        return True, ()
    if rule.free_accounts == "never" or relation.paid_tier is False:
        return False, ()
    return True, () if relation.paid_tier else ("paid_tier_exists",)


def _refusable(relation: Relation) -> bool:
    """Tell whether refusing was offered and said, as far as known. An unused opt-in box is neither."""
    collected = relation.collected
    return not (relation.optin_left or collected.refusable is False or collected.informed is False)


def _untold(relation: Relation) -> tuple[str, ...]:
    missing: tuple[str, ...] = ()
    if relation.collected.refusable is None:
        missing = ("optout_offered",)
    if relation.collected.informed is None:
        missing = (*missing, "notice_given")
    return missing


def _similar(context: Context, relation: Relation) -> bool | None:
    question = context.question
    if relation.kind == "donation" and question.kind == "charitable":
        return True
    settings = context.compiled.settings
    product = context.product()
    if product is None or (relation.product is None and product != "none"):
        return None
    if product == "none" or relation.product is None:
        return False
    return product == relation.product or (product, relation.product) in settings.similar


def _lapsed(context: Context, planned: PlannedRule, relation: Relation) -> str:
    if planned.rule.rolling:
        return "" if _unbroken(context, planned.months, relation) else "CUSTOMER_EXCEPTION_LAPSED"
    if planned.retention_months and not context.has_open_relation():
        contact = max(context.last_contact(), relation.ms)
        if not context.within(contact, planned.retention_months):
            return "RETENTION_EXPIRED"
    if not planned.months:
        return ""
    end = _end(context, relation)
    return "" if end is None or context.within(end, planned.months) else "STALE_RELATION"


def _end(context: Context, relation: Relation) -> int | None:
    """Return when the relation ended: a single act ends with itself, an open relation not at all."""
    if relation.kind in _DURABLE or relation.ongoing:
        return None if context.is_open(relation) else relation.ended_ms or relation.ms
    return relation.ms


def _unbroken(context: Context, months: int, relation: Relation) -> bool:
    """Tell whether sale and mailings follow each other within `months`, up to now."""
    if context.within(relation.ms, months):
        return True
    return any(
        m.run_start_ms < window_end(relation.ms // DAY_MS, months) * DAY_MS
        and context.within(m.last_ms, months)
        for m in context.standing.mailings
        if context.ours(m.sender) and relation.ms <= m.last_ms <= context.at_ms and m.channel == "email"
    )


def charity(context: Context, planned: PlannedRule) -> Try | None:
    """Apply the charity rule in the order of LAW 0.1.7; of several events the furthest reports."""
    tried = best_of(context, planned, _charity, "CHARITY_SOFT_OPTIN", "charity_soft_opt_in")
    if tried is not None:
        return tried
    for source in context.standing.sources:
        if source.kind in ("imported", "collected") and context.has_happened(source.ms):
            code = _not_for_charity(context) or (
                "COLLECTED_BY_THIRD_PARTY" if source.kind == "imported" else "NO_SUPPORT_CONTEXT"
            )
            return Try(NO, code, "none", planned.ref, (source.index,), group=GROUP_RELATION)
    return None


def _not_for_charity(context: Context) -> str:
    if context.sender_type != "charity":
        return "SENDER_NOT_CHARITY"
    if context.question.promotional_content in ("minor", "substantial") or context.promotes_others():
        return "PURPOSE_NOT_SOLELY_CHARITABLE"
    return ""


def _charity(context: Context, planned: PlannedRule, relation: Relation) -> Step:
    rule = planned.rule
    code = _not_for_charity(context)
    if code:
        return Step(1 if code == "SENDER_NOT_CHARITY" else 2, code)
    missing: tuple[str, ...] = ()
    if context.question.promotional_content is None:
        missing = ("promotional_content",)
    if relation.collected.by is None:
        missing = (*missing, "collected_by")
    elif relation.collected.by not in context.same:
        return Step(3, "COLLECTED_BY_THIRD_PARTY")
    if relation.kind not in rule.relations or relation.party not in context.same:
        return Step(4, "NO_SUPPORT_CONTEXT")
    if rule.commencement is not None and relation.ms // DAY_MS < day_number(rule.commencement):
        return Step(5, "COLLECTED_BEFORE_COMMENCEMENT")
    if not _refusable(relation):
        return Step(6, "NO_OPTOUT_AT_COLLECTION")
    missing += _untold(relation)
    return Step(90, "", missing) if missing else _HELD


def relationship(context: Context, planned: PlannedRule) -> Try | None:
    """Apply implied consent, or an established business relationship, within its window."""
    if planned.rule.automated_only is False and context.question.automated:
        return None  # what a statute allows to people who call is not allowed to machines
    if planned.rule.requires_no_state_rule:
        return best_of(
            context,
            planned,
            _established,
            "ESTABLISHED_BUSINESS_RELATIONSHIP",
            "established_business_relationship",
        )
    return best_of(context, planned, _related, "IMPLIED_CONSENT", "implied_consent")


def _related(  # noqa: PLR0911 - one return per condition, in the law's order
    context: Context, planned: PlannedRule, relation: Relation
) -> Step:
    rule = planned.rule
    theirs = relation.party in context.same or (rule.buyer_steps_in and relation.party in context.bought)
    if not theirs or relation.kind not in rule.relations:
        return Step(0, "", silent=True)
    if rule.sender_types and context.sender_type not in rule.sender_types:
        return Step(0, "", silent=True)
    missing: tuple[str, ...] = ()
    if rule.registered:
        if context.sender_registered is False:
            return Step(0, "", silent=True)
        missing = ("sender_registered",) if context.sender_registered is None else ()
    if rule.started_before is not None:
        early = relation.first_ms // DAY_MS < day_number(rule.started_before)
        if not early or not context.mailed_since(-1, -1):
            return Step(0, "", silent=True)
        return Step(90, "", missing) if missing else _HELD
    end = _end(context, relation)
    if end is not None:
        if rule.ends_day_before and end // DAY_MS >= context.day:
            context.flips.append((end // DAY_MS + 1) * DAY_MS)
            return Step(0, "", silent=True)
        months = planned.inquiry_months if relation.kind in _INQUIRIES else planned.months
        if not context.within(end, months):
            return Step(1, rule.deny_code, silent=not rule.deny_code)
    return Step(90, "", missing) if missing else _HELD


def _established(context: Context, planned: PlannedRule, relation: Relation) -> Step:
    step = _related(context, planned, relation)
    if step.code or step.silent:
        return step
    state = context.question.stricter_state_rule
    if state == "none":
        return step
    if state == "stricter":
        return Step(0, "", silent=True)
    return Step(90, "", (*step.missing, "stricter_state_rule"))


def ongoing_relation(context: Context, planned: PlannedRule) -> Try | None:
    """Apply inferred consent: a provable ongoing relation and the same line of products."""
    return best_of(context, planned, _ongoing, "IMPLIED_CONSENT", "implied_consent")


def _ongoing(context: Context, planned: PlannedRule, relation: Relation) -> Step:
    if relation.party not in context.same:
        return Step(0, "", silent=True)
    lasting = relation.ongoing or (relation.kind in planned.rule.relations and relation.ongoing is not False)
    if not lasting or relation.for_receipt or not context.is_open(relation):
        return Step(1, planned.rule.deny_code, silent=not planned.rule.deny_code)
    like = _similar(context, relation)
    if like is False:
        return Step(2, "NOT_SIMILAR")
    return Step(90, "", ("product_category",)) if like is None else _HELD


def running_contract(context: Context, planned: PlannedRule) -> Try | None:
    """Apply the exception for calls about a contract in progress."""
    return best_of(context, planned, _running, "CONTRACT_IN_PROGRESS", "contract_in_progress")


def _running(context: Context, _planned: PlannedRule, relation: Relation) -> Step:
    about = context.question.relates_to_contract
    lasting = relation.kind in ("contract", "membership") or relation.ongoing
    if relation.party not in context.same or not lasting or not context.is_open(relation) or about is False:
        return Step(0, "", silent=True)
    return Step(90, "", ("relates_to_contract",)) if about is None else _HELD
