"""Steps 5, 6b and 6c: business addresses, assessments, referrals, exempt senders, opt-out regimes."""

from service.core.law.compiled import PlannedRule
from service.core.law.context import (
    GROUP_ADDRESS,
    GROUP_REGISTER,
    GROUP_RELATION,
    GROUP_SOURCE,
    NO,
    UNKNOWN,
    YES,
    Context,
    Try,
)
from service.core.law.facts import Source

_LISTS = frozenset({"bought_list", "broker_append", "partner", "social_network_scrape", "transfer"})
"""Origins that are a list, bought, appended or scraped (LAW 0.1.3); an address found or told is none."""


def out_of_scope(context: Context, planned: PlannedRule) -> Try | None:
    """Step 5: the recipient's class is not protected here."""
    rule, question = planned.rule, context.question
    missing: tuple[str, ...] = ()
    if rule.requires_role:
        if question.relates_to_role is False:
            return None
        missing = ("relates_to_role",) if question.relates_to_role is None else ()
    events: tuple[int, ...] = ()
    if rule.requires_impersonal:
        found = [s for s in _known_addresses(context) if s.impersonal is not False]
        if not found:
            return None
        source = next((s for s in reversed(found) if s.impersonal), found[-1])
        missing = missing if source.impersonal else (*missing, "impersonal")
        events = (source.index,)
    if rule.automated_only is False and question.automated:
        return None
    status = UNKNOWN if missing else YES
    return Try(status, "B2B_OUT_OF_SCOPE", "corporate_subscriber", planned.ref, events, missing)


def _known_addresses(context: Context, kinds: tuple[str, ...] = ("published", "disclosed")) -> list[Source]:
    return [
        source
        for source in context.standing.sources
        if source.kind in kinds and context.has_happened(source.ms)
    ]


def presumed_consent(context: Context, planned: PlannedRule) -> Try | None:
    """Presumed consent of a business to a call holds only where a person assessed it."""
    assessed = [
        mark
        for mark in context.standing.assessments
        if mark.kind == "presumed_consent" and context.ours(mark.sender) and context.has_happened(mark.ms)
    ]
    if not assessed:
        return Try(NO, "PRESUMED_CONSENT_UNASSESSED", "none", planned.ref, group=GROUP_RELATION)
    latest = max(assessed, key=lambda mark: (mark.ms, mark.index))
    if not latest.value or context.question.relates_to_role is False:
        return Try(NO, "", "none", planned.ref, (latest.index,), group=GROUP_RELATION)
    return Try(
        YES, "PRESUMED_CONSENT_B2B", "presumed_consent", planned.ref, (latest.index,), group=GROUP_RELATION
    )


def designated_address(context: Context, planned: PlannedRule) -> Try | None:
    """A business address published for just this purpose."""
    published = _known_addresses(context, ("published",))
    if not published:
        return None
    fitting = [s for s in published if s.by != "third_party" and context.covers_category(s.designated_for)]
    if fitting:
        source = next((s for s in fitting if s.by == "recipient"), fitting[-1])
        missing = () if source.by == "recipient" else ("by",)
        return _held(planned, "B2B_DESIGNATED_ADDRESS", "designated_address", source.index, missing)
    index = published[-1].index
    return Try(NO, "B2B_ADDRESS_NOT_DESIGNATED", "none", planned.ref, (index,), group=GROUP_ADDRESS)


def impersonal_address(context: Context, planned: PlannedRule) -> Try | None:
    """An impersonal address of a legal person, and a product meant for legal persons."""
    known = _known_addresses(context)
    if not known:
        return None
    source = max(known, key=lambda s: (s.ms, s.index))
    if source.impersonal is False:
        return Try(NO, "B2B_ADDRESS_PERSONAL", "none", planned.ref, (source.index,), group=GROUP_ADDRESS)
    if context.question.product_for == "consumer":
        return Try(NO, "NOT_FOR_LEGAL_PERSON", "none", planned.ref, (source.index,), group=GROUP_ADDRESS)
    missing = ("impersonal",) if source.impersonal is None else ()
    if context.question.product_for is None:
        missing = (*missing, "product_for")
    return _held(planned, "B2B_IMPERSONAL_ADDRESS", "impersonal_address", source.index, missing)


def role_related(context: Context, planned: PlannedRule) -> Try | None:
    """A professional mailbox: linked to the function, informed and able to object at collection."""
    collected = [
        s
        for s in _known_addresses(context, ("collected",))
        if s.origin == "professional" and context.ours(s.party)
    ]
    if not collected:
        return None
    source = max(collected, key=lambda s: (s.ms, s.index))
    relates = context.question.relates_to_role
    if relates is False:
        return Try(NO, "B2B_NOT_ROLE_RELATED", "none", planned.ref, (source.index,), group=GROUP_ADDRESS)
    told = source.collected
    if told.refusable is False or told.informed is False:
        return Try(NO, "NO_OPTOUT_AT_COLLECTION", "none", planned.ref, (source.index,), group=GROUP_ADDRESS)
    missing = tuple(
        name
        for name, value in (
            ("relates_to_role", relates),
            ("optout_offered", told.refusable),
            ("notice_given", told.informed),
        )
        if value is None
    )
    return _held(planned, "B2B_ROLE_RELATED", "role_related", source.index, missing)


def address_relevance(context: Context, planned: PlannedRule) -> Try | None:
    """An address its holder published or disclosed, without refusing offers, and a message about the role."""
    rule, question = planned.rule, context.question
    known = [
        source
        for source in _known_addresses(context, rule.sources)
        if source.kind == "published" or context.ours(source.party)
    ]
    if not known:
        return None
    source = max(known, key=lambda s: (s.ms, s.index))
    relates = question.relates_to_role
    if source.by == "third_party" or source.refuses_offers or relates is False:
        code = "" if rule.deny_code == "NO_BASIS" else rule.deny_code
        return Try(NO, code, "none", planned.ref, (source.index,), group=GROUP_ADDRESS)
    missing = tuple(
        name
        for name, value in (
            ("by", source.by),
            ("no_cem_statement", source.refuses_offers),
            ("relates_to_role", relates),
        )
        if value is None
    )
    return _held(planned, "IMPLIED_CONSENT", "implied_consent", source.index, missing)


def referral(context: Context, planned: PlannedRule) -> Try | None:
    """The first message after a referral that names who made it."""
    known = [
        i for i in context.standing.introductions if context.ours(i.sender) and context.has_happened(i.ms)
    ]
    if not known:
        return None
    latest = max(known, key=lambda i: (i.ms, i.index))
    question = context.question
    if (
        question.sequence == "second"
        or question.discloses_referrer is False
        or context.mailed_since(latest.ms, latest.index)
    ):
        return None
    missing = tuple(
        name
        for name, value in (
            ("discloses_referrer", question.discloses_referrer),
            ("relationship_to_sender", latest.to_sender),
            ("relationship_to_recipient", latest.to_recipient),
        )
        if value is None
    )
    return _held(planned, "EXEMPT_REFERRAL", "exempt_message", latest.index, missing)


def exempt_sender(context: Context, planned: PlannedRule) -> Try | None:
    """A kind of sender the rule does not bind; a no still does."""
    if context.sender_type not in planned.rule.sender_types:
        return None
    return Try(YES, "EXEMPT_MESSAGE", "exempt_message", planned.ref)


def opt_out(context: Context, planned: PlannedRule) -> Try | None:
    """Step 6c: allowed unless the person objected or the number stands on a register."""
    rule, question = planned.rule, context.question
    if context.covers_category(rule.except_subjects) or context.product() in rule.except_subjects:
        return None
    missing: tuple[str, ...] = ()
    if rule.automated_only is False:
        if question.automated:
            return None
        if question.automated is None and question.channel == "sms":
            missing = ("automated",)
    if rule.phone_type is not None:
        if question.phone_type not in (None, rule.phone_type):
            return None
        if question.phone_type is None:
            missing = (*missing, "phone_type")
    return _on_register(context, planned, missing)


def _on_register(context: Context, planned: PlannedRule, missing: tuple[str, ...]) -> Try:
    register = planned.register(context.recipient)
    if register is None:
        return _regime(planned, (), missing)
    mark = next((m for m in context.standing.registers if m.kind == register), None)
    if mark is None or not context.has_happened(mark.ms):
        return _regime(planned, (), (*missing, "register"))
    if mark.value:
        return Try(NO, "ON_DO_NOT_CALL_REGISTER", "none", planned.ref, (mark.index,), group=GROUP_REGISTER)
    return _regime(planned, (mark.index,), missing)


def _regime(planned: PlannedRule, events: tuple[int, ...], missing: tuple[str, ...]) -> Try:
    status = UNKNOWN if missing else YES
    return Try(status, "OPT_OUT_REGIME", "opt_out_regime", planned.ref, events, missing)


def origin(context: Context) -> Try | None:
    """Say what speaks against the address's source, when nothing better explains a deny."""
    known = _known_addresses(context, ("imported", "collected"))
    known = [source for source in known if source.kind == "imported" or context.ours(source.party)]
    for source in sorted(known, key=lambda s: (s.ms, s.index), reverse=True):
        code = _against(source)
        if code:
            return Try(NO, code, "none", None, (source.index,), group=GROUP_SOURCE)
    brought = [move for move in context.standing.origins if move.by == "broker" and move.ms <= context.at_ms]
    if brought:
        return Try(NO, "IMPORTED_WITHOUT_PROOF", "none", None, (brought[-1].index,), group=GROUP_SOURCE)
    return None


def _against(source: Source) -> str:
    if source.claim == "source_form" and source.defects:
        return source.defects[0]
    if source.claim != "not_claimed":
        return "CONSENT_UNPROVEN"
    return "IMPORTED_WITHOUT_PROOF" if source.origin in _LISTS else ""


def _held(planned: PlannedRule, code: str, basis: str, index: int, missing: tuple[str, ...]) -> Try:
    status = UNKNOWN if missing else YES
    return Try(status, code, basis, planned.ref, (index,), missing, GROUP_ADDRESS)
