"""Step 1: messages that are no marketing, or that a statute takes out (LAW section 0)."""

from collections.abc import Callable
from typing import Final

from service.core.law.compiled import PlannedRule
from service.core.law.context import NO, UNKNOWN, YES, Context, Try
from service.core.law.facts import Grant

_MINUTE_MS: Final = 60_000
_NEUTRAL_KINDS: Final = ("service", "doi_confirmation", "optout_confirmation")
_NOTHING: Final = Try(NO, "", "none", None)

Move = Callable[[Context, PlannedRule], Try]


def mislabelled(context: Context) -> str:
    """Return the code for a message that is marketing whatever its label says, or nothing."""
    question = context.question
    if question.kind in _NEUTRAL_KINDS and (question.promotional_content in ("minor", "substantial")):
        return "SERVICE_MESSAGE_IS_MARKETING"
    if question.kind == "consent_request" or question.contains_consent_request:
        return "CONSENT_REQUEST_IS_MARKETING"
    if question.kind == "doi_confirmation" and not _pending(context):
        return "CONSENT_REQUEST_IS_MARKETING"  # nobody signed up, so it asks for what it claims to check
    return ""


def _pending(context: Context) -> list[Grant]:
    return [
        grant
        for grant in context.standing.grants
        if grant.pending and not context.same.isdisjoint(grant.senders) and context.has_happened(grant.ms)
    ]


def pure_service(context: Context) -> bool:
    """Tell whether the message only serves a contract: nothing promotional, no request for consent."""
    question = context.question
    return (
        question.kind == "service"
        and question.promotional_content == "none"
        and not question.contains_consent_request
    )


def service(context: Context, planned: PlannedRule) -> Try:
    """Decide whether this is a pure service message; some legal orders know none among automated ones."""
    question = context.question
    if question.kind != "service" or mislabelled(context):
        return _NOTHING
    missing: tuple[str, ...] = ()
    if planned.rule.automated_only is False:
        if question.channel == "robocall" or question.automated:
            return _NOTHING
        if question.automated is None and question.channel == "sms":
            missing = ("automated",)
    if question.promotional_content is None:
        missing = (*missing, "promotional_content")
    return _outcome(planned, "SERVICE_MESSAGE", "service", (), missing)


def solicited(context: Context, planned: PlannedRule) -> Try:
    """Decide whether this directly answers the person's own request, for the first time."""
    question = context.question
    if not question.in_reply or mislabelled(context) or question.sequence == "second":
        return _NOTHING
    asked = [
        (r.ms, r.index)
        for r in context.standing.relations
        if r.kind in ("info", "quote") and r.party in context.same and context.has_happened(r.ms)
    ]
    asked += [
        (mark.ms, mark.index)
        for mark in context.standing.contacts
        if context.ours(mark.sender) and context.has_happened(mark.ms)
    ]
    if not asked:
        return _NOTHING
    ms, index = max(asked)
    if context.mailed_since(ms, index):
        return _NOTHING
    unsure = question.kind in _NEUTRAL_KINDS and question.promotional_content is None
    missing = ("promotional_content",) if unsure else ()
    return _outcome(planned, "SOLICITED_REPLY", "solicited", (index,), missing)


def double_opt_in(context: Context, planned: PlannedRule) -> Try:
    """Decide whether this is the one neutral message that asks to confirm a pending consent."""
    question = context.question
    if question.kind != "doi_confirmation" or mislabelled(context):
        return _NOTHING
    grant = max(_pending(context), key=lambda g: (g.ms, g.index))
    if context.mailed_since(grant.ms, grant.index, question.category):
        return _NOTHING
    if any(
        (no.last_ms, no.index) > (grant.ms, grant.index)
        for no in context.standing.nos
        if context.ours(no.sender)
    ):
        return _NOTHING
    missing = ("promotional_content",) if question.promotional_content is None else ()
    return _outcome(planned, "DOI_CONFIRMATION", "service", (grant.index,), missing)


def optout_confirmation(context: Context, planned: PlannedRule) -> Try:
    """Decide whether this is the one neutral confirmation of an opt-out, in time where there is a limit."""
    question = context.question
    if question.kind != "optout_confirmation" or mislabelled(context):
        return _NOTHING
    nos = [no for no in context.standing.nos if context.ours(no.sender) and context.has_happened(no.first_ms)]
    if not nos:
        return _NOTHING
    no = max(nos, key=lambda n: (n.last_ms, n.index))
    if context.mailed_since(no.last_ms, no.index, question.category):
        return _NOTHING
    limit = planned.rule.minutes
    if limit is not None:
        passed = question.minutes_after_withdrawal
        if passed is None:
            deadline = no.last_ms + limit * _MINUTE_MS + 1
            if context.at_ms >= deadline:
                return _NOTHING
            context.flips.append(deadline)
        elif passed > limit:
            return _NOTHING
    missing = ("promotional_content",) if question.promotional_content is None else ()
    return _outcome(planned, "OPTOUT_CONFIRMATION", "service", (no.index,), missing)


def exempt(context: Context, planned: PlannedRule) -> Try:
    """Decide whether a statute exempts this sender's own message."""
    question = context.question
    if context.sender_type not in planned.rule.sender_types or context.promotes_others():
        return _NOTHING
    if mislabelled(context) or question.kind not in ("commercial", "ideal", "charitable"):
        return _NOTHING
    missing: tuple[str, ...] = ()
    if planned.rule.registered:
        if context.sender_registered is False:
            return _NOTHING
        if context.sender_registered is None:
            missing = ("sender_registered",)
    if question.kind == "charitable":
        if question.promotional_content in ("minor", "substantial"):
            return _NOTHING
        if question.promotional_content is None:
            missing = (*missing, "promotional_content")
    return _outcome(planned, "EXEMPT_MESSAGE", "exempt_message", (), missing)


def _outcome(
    planned: PlannedRule, code: str, basis: str, events: tuple[int, ...], missing: tuple[str, ...]
) -> Try:
    return Try(UNKNOWN if missing else YES, code, basis, planned.ref, events, missing)


EXITS: Final[dict[str, Move]] = {
    "exit_double_opt_in": double_opt_in,
    "exit_optout_confirmation": optout_confirmation,
    "exit_solicited": solicited,
    "exit_service": service,
    "exit_exempt": exempt,
}
