"""Step 6a: a consent that is valid, and that reaches this message (LAW 0.1.4)."""

from typing import Final, NamedTuple

from service.core.law.calendar import DAY_MS, after_next_year, day_number, parse_day, window_end
from service.core.law.compiled import PlannedRule
from service.core.law.context import GROUP_CONSENT, NO, UNKNOWN, YES, Context, Try
from service.core.law.facts import Grant
from service.core.law.grants import ordered

_UNWRITTEN: Final = frozenset({"verbal", "unknown"})
_REACH: Final = 50
_TIME: Final = 60
_WHOLE: Final = 99
_REACH_CODES: Final = ("CONSENT_SENDER_NOT_NAMED", "CONSENT_SCOPE_CHANNEL", "CONSENT_SCOPE_CATEGORY")


class Weighed(NamedTuple):
    """A grant that was looked at: what is wrong with it, its reach, and whether it is a positive act.

    `relevance`: names the sender; channel and category fit. `acts`: valid and reaching, whatever time did to
    it.
    """

    grant: Grant
    relevance: tuple[int, int]
    code: str
    missing: tuple[str, ...]
    acts: bool


def weigh(context: Context, planned: PlannedRule) -> list[Weighed]:
    """Weigh validity and reach of every grant that exists at the time of the question."""
    return [
        _weigh(context, planned, grant)
        for grant in context.standing.grants
        if grant.ms <= context.at_ms or context.has_happened(grant.ms)
    ]


def conclude(context: Context, planned: PlannedRule | None, weighed: list[Weighed]) -> Try | None:
    """Return the outcome of the grant that came closest to this very message, or None without any grant."""
    if planned is None:
        return None
    if not weighed:
        if context.unmoved:
            index = context.unmoved[-1].index
            return Try(NO, "CONSENT_UNCONFIRMED", "none", planned.ref, (index,), group=GROUP_CONSENT)
        return None
    best, code = _closest(context, planned, weighed)
    events: tuple[int, ...] = (best.grant.index,)
    if best.grant.confirmed_index is not None:
        events = (best.grant.index, best.grant.confirmed_index)
    if code:
        sold = code == "CONSENT_SENDER_NOT_NAMED" and not context.bought.isdisjoint(best.grant.senders)
        return Try(NO, code, "none", planned.ref, events, (), GROUP_CONSENT, sold)
    if best.missing:
        return Try(UNKNOWN, "CONSENT", "consent", planned.ref, events, best.missing, GROUP_CONSENT)
    return Try(YES, "CONSENT", "consent", planned.ref, events, (), GROUP_CONSENT)


def _closest(context: Context, planned: PlannedRule, weighed: list[Weighed]) -> tuple[Weighed, str]:
    """Return the grant that came furthest, and what stopped it."""
    best: Weighed | None = None
    best_code, best_rank = "", ((0, 0), 0, 0, 0)
    for item in weighed:
        grant = item.grant
        code = item.code or _over(context, planned, grant)
        if not item.code:
            progress = _TIME if code else _WHOLE - len(item.missing)
        else:
            progress = _REACH if item.code in _REACH_CODES else 0
        rank = (item.relevance, progress, grant.ms, grant.index)
        if best is None or rank > best_rank:
            best, best_code, best_rank = item, code, rank
    return best or weighed[0], best_code


def _weigh(context: Context, planned: PlannedRule, grant: Grant) -> Weighed:
    question = context.question
    named = not context.same.isdisjoint(grant.senders) or (
        planned.rule.unnamed_senders and grant.unnamed != "none"
    )
    channel = question.channel in grant.channels
    category = context.covers_category(grant.categories) and not _strays(context, grant)
    code = _invalid(context, planned, grant)
    missing = grant.unknown
    if planned.rule.requires_complete_request and grant.contents_complete is None:
        missing = (*missing, "request_contents_complete")
    if not code:
        if not named:
            code = "CONSENT_SENDER_NOT_NAMED"
        elif not channel:
            code = "CONSENT_SCOPE_CHANNEL"
        elif not category:
            code = "CONSENT_SCOPE_CATEGORY"
    return Weighed(grant, (named + 0, channel + category), code, missing, not code and not missing)


def _strays(context: Context, grant: Grant) -> bool:
    """Tell whether an ideal or charitable message advertises a third party the person did not agree to."""
    question = context.question
    return (
        question.kind in ("ideal", "charitable")
        and question.promotional_content in ("minor", "substantial")
        and context.promotes_others()
        and question.promotes not in grant.senders
    )


def _invalid(context: Context, planned: PlannedRule, grant: Grant) -> str:
    """Return the worst defect, those included that depend on the jurisdiction and on later events."""
    rule = planned.rule
    found: set[str] | None = None
    if _minor_alone(context, rule.minor_age, grant):
        return "MINOR_NO_PARENTAL_CONSENT"
    person = context.question.person
    if person is not None and grant.person is not None and grant.person != person:
        found = {"CONSENT_NOT_BY_ADDRESSEE"}
    if (rule.evidence_items or rule.written_when_automated) and _undocumented(context, planned, grant):
        found = (found or set()) | {"CONSENT_UNPROVEN"}
    if grant.ends_with_service and _service_ended(context, grant):
        found = (found or set()) | {"CONSENT_NOT_INFORMED"}
    if rule.requires_complete_request and grant.contents_complete is False:
        found = (found or set()) | {"CONSENT_NOT_INFORMED"}
    if grant.pending:
        found = (found or set()) | {"CONSENT_UNCONFIRMED"}
    if found is None:
        return grant.defects[0] if grant.defects else ""
    return ordered(found | set(grant.defects))[0]


def _minor_alone(context: Context, limit: int | None, grant: Grant) -> bool:
    if limit is None or grant.parental:
        return False
    return grant.age < limit if grant.age is not None else context.recipient == "child"


def _undocumented(context: Context, planned: PlannedRule, grant: Grant) -> bool:
    rule, question = planned.rule, context.question
    if question.channel not in grant.channels:
        return False  # what a channel asks of a consent is not asked of one that was never given for it
    if (
        rule.evidence_items
        and question.channel in rule.evidence_items_channels
        and context.recipient in ("consumer", "child")
        and rule.evidence_items_since is not None
        and grant.ms // DAY_MS >= day_number(rule.evidence_items_since)
        and not set(rule.evidence_items) & set(grant.evidence_items)
    ):
        return True
    return (
        rule.written_when_automated
        and question.kind != "service"
        and grant.method in _UNWRITTEN
        and _automated(context) is not False
    )


def _automated(context: Context) -> bool | None:
    channel = context.question.channel
    if channel == "robocall":
        return True
    if channel != "sms":
        return context.question.automated or False
    return context.question.automated


def _ending_after(context: Context, grant: Grant) -> int | None:
    """Return when the service the consent was given for ended, if it did."""
    return max(
        (
            mark.ms
            for mark in context.standing.endings
            if (mark.sender is None or mark.sender in grant.senders) and mark.ms >= grant.ms
        ),
        default=None,
    )


def _service_ended(context: Context, grant: Grant) -> bool:
    ended = _ending_after(context, grant)
    return ended is not None and context.has_happened(ended)


def _over(context: Context, planned: PlannedRule, grant: Grant) -> str:
    """Return why a valid consent no longer holds, or nothing."""
    if grant.expires != "none" and _expired(context, grant):
        return "CONSENT_EXPIRED"
    months = planned.retention_months
    if months and not context.has_open_relation():
        contact = max(context.last_contact(), grant.ms)
        if not context.within(contact, months):
            return "RETENTION_EXPIRED"
    plan = context.plan
    if (
        grant.indirect
        and planned.indirect_months
        and not _used_in_time(context, grant, planned.indirect_months)
    ):
        return "CONSENT_STALE"
    if plan.refresh_months and not context.within(grant.ms, plan.refresh_months):
        return "CONSENT_STALE"
    if not context.within(_last_use(context, grant), plan.idle_months):
        return "CONSENT_STALE"
    return ""


def _expired(context: Context, grant: Grant) -> bool:
    day = parse_day(grant.expires)
    if day is not None:
        end = day + 1
    else:
        ended = _ending_after(context, grant)
        if ended is None:
            return grant.expires != "end_of_calendar_year_following_contract_end"
        end = after_next_year(ended // DAY_MS)
    if context.day < end:
        context.flips.append(end * DAY_MS)
        return False
    return True


def _last_use(context: Context, grant: Grant) -> int:
    return max((m.last_ms for m in context.uses(grant)), default=grant.ms)


def _used_in_time(context: Context, grant: Grant, months: int) -> bool:
    """Tell whether a consent given through somebody else was first used within `months`."""
    first = min((m.run_start_ms for m in context.uses(grant)), default=context.at_ms)
    if first < context.at_ms and max(first, grant.ms) // DAY_MS < window_end(grant.ms // DAY_MS, months):
        return True
    return context.within(grant.ms, months)
