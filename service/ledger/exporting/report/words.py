"""The words of the report, in each of its languages."""

from collections.abc import Mapping

from msgspec import Struct

from service.ledger.wording.terms import Terms


class Words(Struct, frozen=True, kw_only=True):
    """Everything that is said. Names in braces are filled in; `events` are the types of records."""

    title: str
    lead: str
    about: str
    address: str
    addresses: str
    senders: str
    as_of: str
    log: str
    entries: str
    covers: str
    scopes: Mapping[str, str]
    proved: str
    proved_lead: str
    levels: tuple[tuple[str, str, str], ...]
    shown: str
    not_shown: str
    partial: Mapping[str, str]
    disclosed: tuple[str, str]
    timeline: str
    nothing: str
    occurred: str
    recorded: str
    entry: str
    erased: str
    form: str
    form_boxes: str
    box: str
    used: str
    defaults: Mapping[str, str]
    privacy_notice: str
    answer: str
    allow: str
    deny: str
    rule: str
    rests_on: str
    asked: str
    asked_at: str
    campaigns: str
    campaign_line: str
    no_campaigns: str
    campaigns_found: str
    campaigns_unsearched: str
    evidence: str
    linked: str
    check: str
    check_lead: str
    steps: tuple[str, ...]
    key: str
    checkpoint: str
    glossary: str
    meanings: tuple[tuple[str, str], ...]
    footer: str
    yes: str
    no: str
    terms: Terms
    events: Mapping[str, str]
    forms: str
