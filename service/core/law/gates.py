"""Steps 3, 4 and 7: what the person refused, whether the address is still theirs, form and hours."""

from typing import Final

from service.core.law.calendar import DAY_MS, business_days_after, is_business_day
from service.core.law.compiled import PlannedRule
from service.core.law.consent import Weighed
from service.core.law.context import NO, UNKNOWN, YES, Context, Try
from service.core.law.exits import pure_service
from service.core.law.facts import No

_OPEN: Final = Try(YES, "", "none", None)


def refusal(context: Context, weighed: list[Weighed]) -> Try:
    """Return the latest no that covers the message and that no later act of the person lifted."""
    standing = context.standing
    if not standing.nos:
        return _OPEN
    service = pure_service(context)
    standing_no: No | None = None
    floor = (-1, -1)
    for no in standing.nos:
        if not _covers(context, no, service=service) or not _binds(context, no):
            continue
        if _lifted(context, (no.last_ms, no.index), no.person, weighed):
            floor = max(floor, (no.last_ms, no.index))
        elif standing_no is None or (no.last_ms, no.index) > (standing_no.last_ms, standing_no.index):
            standing_no = no
    context.floor = floor
    if standing_no is None:
        return _OPEN
    code = "WITHDRAWN" if standing_no.kind == "withdrawal" else "OBJECTED"
    return Try(NO, code, "none", context.plan.said_no, (standing_no.index,))


def suppression(context: Context, weighed: list[Weighed]) -> Try:
    """Return whether the person was erased, and has not come back since."""
    erased = context.standing.erased
    if erased is None or not context.ours(erased.sender) or not context.has_happened(erased.ms):
        return _OPEN
    if _lifted(context, (erased.ms, erased.index), None, weighed):
        return _OPEN
    return Try(NO, "SUPPRESSED_AFTER_ERASURE", "none", context.plan.suppression, (erased.index,))


def current(context: Context) -> Try:
    """Return whether the address is still the person's: not replaced, not bounced."""
    standing = context.standing
    gone = standing.replaced
    if gone is not None and context.has_happened(gone.ms):
        back = [
            (g.ms, g.index)
            for g in standing.grants
            if g.by_addressee and not g.defects and not g.pending and not g.imported
        ]
        back += [(move.ms, move.index) for move in standing.origins if move.by != "broker"]
        if not any(ms >= gone.ms and index > gone.index for ms, index in back):
            return Try(NO, "ADDRESS_REPLACED", "none", context.plan.current, (gone.index,))
    bounced = standing.bounced
    if bounced is not None and context.has_happened(bounced.ms):
        alive = standing.alive
        if alive is None or alive.ms < bounced.ms or alive.index < bounced.index:
            return Try(NO, "ADDRESS_REPLACED", "none", context.plan.current, (bounced.index,))
    return _OPEN


def _covers(context: Context, no: No, *, service: bool) -> bool:
    if no.sender is not None and no.sender not in context.same and no.sender not in context.bought:
        return False
    question = context.question
    if no.scope == "category":
        return context.covers_category(no.categories) and (not no.channels or question.channel in no.channels)
    if no.scope == "channel":
        return question.channel in no.channels
    # To a message that only serves, a no to marketing does not extend, unless it answered such a message.
    return not service or context.plan.revoke_all or context.covers_category(no.categories)


def _binds(context: Context, no: No) -> bool:
    """Tell whether a no is in force: at once, unless the house uses a period for carrying it out."""
    if not context.has_happened(no.first_ms):
        return False
    grace = context.plan.grace_days
    if not grace:
        return True
    day = business_days_after(no.first_ms // DAY_MS, grace, context.plan.holidays)
    return context.has_happened((day + 1) * DAY_MS)


def _lifted(context: Context, place: tuple[int, int], person: str | None, weighed: list[Weighed]) -> bool:
    """Tell whether the person said yes to this sender later, in time and in the log, and by themselves.

    Another person's yes at a shared address lifts nothing, nor does one that was imported, nor one to senders
    that it does not name: who said no to a company did not think of it when agreeing to "partners".
    """
    ms, index = place
    for item in weighed:
        grant = item.grant
        if not item.acts or grant.imported or grant.ms < ms or context.same.isdisjoint(grant.senders):
            continue
        if max(grant.index, grant.confirmed_index or 0) < index:
            continue
        if person is None or grant.person == person:
            return True
    return False


def form(context: Context) -> Try:
    """Return whether the message shows what it must."""
    missing: tuple[str, ...] = ()
    ref = None
    for planned in context.plan.forms:
        shape = shows(context, planned)
        if shape.status == NO:
            return shape
        if shape.missing:
            missing += shape.missing
            ref = planned.ref
    return Try(UNKNOWN, "", "none", ref, (), missing) if missing else _OPEN


def shows(context: Context, planned: PlannedRule) -> Try:
    """Return whether the message shows the `fields` of one rule."""
    message = context.question.message
    missing: tuple[str, ...] = ()
    for name in planned.rule.fields:
        shown = getattr(message, name)
        if shown is False:
            return Try(NO, "MESSAGE_FORM_INCOMPLETE", "none", planned.ref)
        if shown is None:
            missing = (*missing, name)
    return Try(UNKNOWN, "", "none", planned.ref, (), missing) if missing else _OPEN


def hours(context: Context) -> Try:
    """Return whether the recipient's clock permits it."""
    for planned in context.plan.hours:
        clock = context.question.local_time
        if clock is not None and not any(span[:5] <= clock <= span[6:] for span in planned.rule.hours):
            return Try(NO, "OUTSIDE_PERMITTED_HOURS", "none", planned.ref)
        if planned.rule.business_days_only and not _on_business_day(context):
            return Try(NO, "OUTSIDE_PERMITTED_HOURS", "none", planned.ref)
        if clock is None:
            return Try(UNKNOWN, "", "none", planned.ref, (), ("local_time",))
    return _OPEN


def _on_business_day(context: Context) -> bool:
    """Tell whether today is a business day, and note the first day on which that may be otherwise.

    After the last year whose holidays are known no day counts as one: unknown means no.
    """
    holidays, known_until = context.plan.holidays, context.plan.calendar_ends
    if context.day > known_until:
        return False
    today = is_business_day(context.day, holidays)
    day = context.day + 1
    while day <= known_until and is_business_day(day, holidays) == today:
        day += 1
    context.flips.append(day * DAY_MS)
    return today
