"""How each type of event changes a standing: one function per type, and `FOLDS` as the table of them."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from service.core.events import Form
from service.core.events import vocabulary as v
from service.core.law.circumstances import CIRCUMSTANCES, as_alive, refused_everything
from service.core.law.entry import Entry, Fold
from service.core.law.facts import Collected, Mark, No, Relation, Source, Standing
from service.core.law.grants import FLAW_CODES, confirm_grants, fold_grant, ordered
from service.core.law.keeping import kept, latest_mark, with_no

_ROUTE_CHANNELS: Final = {
    "unsubscribe_link": ("email",),
    "reply_email": ("email",),
    "reply_stop": ("sms",),
    "phone": ("phone_live", "robocall"),
}
_RELATION_KINDS: Final[dict[type, str]] = {
    v.Purchase: "purchase",
    v.ContractStarted: "contract",
    v.AccountCreated: "account",
    v.MembershipStarted: "membership",
    v.InfoRequested: "info",
    v.QuoteRequested: "quote",
}
_UNTOLD: Final = Collected(None, None, None)


def _refusal(standing: Standing, event: v.Refusal, entry: Entry) -> Standing:
    withdrawal = isinstance(event, v.ConsentWithdrawn)
    scope = event.scope
    channels: tuple[str, ...] = event.channels
    if isinstance(event, v.ConsentRefused) and event.categories:
        scope = "category"
    if scope == "channel" and not channels:
        channels = _ROUTE_CHANNELS.get(event.via or "", ())
        scope = "channel" if channels else "all_marketing"
    answered = (event.in_reply_to,) if event.in_reply_to is not None else ()
    no = No(
        "withdrawal" if withdrawal else "objection",
        scope,
        event.categories if scope == "category" else answered,
        channels if scope in ("channel", "category") else (),
        event.sender,
        event.person,
        entry.ms,
        entry.ms,
        entry.index,
    )
    return replace(standing, nos=with_no(standing.nos, no))


def _granted(standing: Standing, event: v.ConsentGranted, entry: Entry) -> Standing:
    grants = fold_grant(
        standing.grants,
        event,
        ms=entry.ms,
        index=entry.index,
        imported=entry.recorded.imported,
        forms=entry.forms,
    )
    standing = replace(standing, grants=grants)
    return as_alive(standing, entry) if event.given_by == "recipient" else standing


def _confirmed(standing: Standing, event: v.ConsentConfirmed, entry: Entry) -> Standing:
    grants = confirm_grants(
        standing.grants, event.sender, ms=entry.ms, index=entry.index, imported=entry.recorded.imported
    )
    return as_alive(replace(standing, grants=grants), entry)


def _collected(event: v.Collection, forms: Mapping[str, Form], by: str | None) -> Collected:
    """Read how the address was taken; a named form speaks for itself, and an unknown one for nothing."""
    told, means = event.notice_given, event.notice_means
    offered, how = event.optout_offered, event.optout_means
    if event.form is not None:
        form = forms.get(event.form)
        if form is None:
            return Collected(None, None, by)
        told, means = form.notice_given, form.notice_means
        offered, how = form.optout_offered, form.optout_means
    informed = told and means == "on_form" if told is not None else None
    refusable = offered and how == "on_form" if offered is not None else None
    return Collected(informed, refusable, by)


def _relation(standing: Standing, event: v.Relation, entry: Entry) -> Standing:
    party = event.seller or event.sender or ""
    relation = Relation(
        index=entry.index,
        first_ms=entry.ms,
        ms=entry.ms,
        kind=_RELATION_KINDS[type(event)],
        party=party,
        product=event.product_category,
        collected=_collected(event, entry.forms, event.collected_by or party),
        one_off=event.one_off,
        ongoing=event.ongoing,
        written=event.written,
        free=event.free,
        paid_tier=event.paid_tier_exists,
        negotiation=False,
        optin_left=event.optin_box == "left_unticked",
        for_receipt=event.collected_for == "e_receipt",
    )
    standing = _with_relation(standing, relation, entry)
    return refused_everything(standing, party or None, entry) if event.optout_used else standing


def _request(standing: Standing, event: v.Request, entry: Entry) -> Standing:
    party = event.to or event.sender or ""
    kind = _RELATION_KINDS[type(event)]
    standing = _with_relation(standing, _asked(event, entry, kind, party, event.collected_by or party), entry)
    return refused_everything(standing, party or None, entry) if event.optout_used else standing


def _donation(standing: Standing, event: v.Donation, entry: Entry) -> Standing:
    party = event.to or event.sender or ""
    standing = _with_relation(standing, _asked(event, entry, "donation", party, event.collected_by), entry)
    return refused_everything(standing, party or None, entry) if event.optout_used else standing


def _asked(event: v.Request | v.Donation, entry: Entry, kind: str, party: str, by: str | None) -> Relation:
    return Relation(
        index=entry.index,
        first_ms=entry.ms,
        ms=entry.ms,
        kind=kind,
        party=party,
        product=event.product_category,
        collected=_collected(event, entry.forms, by),
        one_off=None,
        ongoing=None,
        written=None,
        free=None,
        paid_tier=None,
        negotiation=isinstance(event, v.Request) and event.negotiation,
        optin_left=False,
    )


def _with_relation(standing: Standing, relation: Relation, entry: Entry) -> Standing:
    relations = kept(standing.relations, relation, _relation_key, _later_relation)
    return as_alive(replace(standing, relations=relations), entry)


def _relation_key(relation: Relation) -> Relation:
    return replace(relation, index=0, first_ms=0, ms=0, ended_ms=None, end_index=None)


def _later_relation(known: Relation, new: Relation) -> Relation:
    later = new if new.ms >= known.ms else known
    return replace(later, first_ms=min(known.first_ms, new.first_ms))


def _ended(standing: Standing, event: v.ContractEnded | v.MembershipEnded, entry: Entry) -> Standing:
    party = event.seller or event.sender
    kinds = ("membership",) if isinstance(event, v.MembershipEnded) else ("contract", "account", "purchase")
    relations = tuple(
        replace(r, ended_ms=max(entry.ms, r.ms), end_index=entry.index)
        if r.ended_ms is None
        and r.ms <= entry.ms
        and r.kind in kinds
        and (r.kind != "purchase" or r.ongoing)
        and party in (None, r.party)
        else r
        for r in standing.relations
    )
    return replace(
        standing,
        relations=relations,
        endings=latest_mark(standing.endings, Mark(entry.index, entry.ms, party)),
    )


def _collected_source(standing: Standing, event: v.AddressCollected, entry: Entry) -> Standing:
    source = Source(
        entry.index,
        entry.ms,
        "collected",
        event.context,
        event.consent_evidence,
        _flaws(event.request_flaws),
        event.sender,
        None,
        (),
        None,
        None,
        _collected(event, entry.forms, event.collected_by or event.sender),
    )
    standing = _with_source(standing, source)
    return refused_everything(standing, event.sender, entry) if event.optout_used else standing


def _imported(standing: Standing, event: v.AddressImported, entry: Entry) -> Standing:
    source = Source(
        entry.index,
        entry.ms,
        "imported",
        event.origin,
        event.consent_evidence,
        _flaws(event.request_flaws),
        event.sender,
        None,
        (),
        None,
        None,
        _UNTOLD,
    )
    return replace(_with_source(standing, source), country=event.recipient_country or standing.country)


def _made_known(standing: Standing, event: v.AddressPublished | v.AddressDisclosed, entry: Entry) -> Standing:
    disclosed = isinstance(event, v.AddressDisclosed)
    party = (event.to or event.sender) if isinstance(event, v.AddressDisclosed) else event.sender
    source = Source(
        entry.index,
        entry.ms,
        "disclosed" if disclosed else "published",
        "",
        "not_claimed",
        (),
        party,
        event.by,
        event.designated_for,
        event.impersonal,
        event.no_cem_statement,
        _UNTOLD,
    )
    return _with_source(standing, source)


def _flaws(flaws: tuple[str, ...]) -> tuple[str, ...]:
    return ordered({FLAW_CODES[flaw] for flaw in flaws})


def _with_source(standing: Standing, source: Source) -> Standing:
    return replace(standing, sources=kept(standing.sources, source, _source_key, _later_fact))


def _source_key(source: Source) -> Source:
    return replace(source, index=0, ms=0)


def _later_fact(known: Any, new: Any) -> Any:  # noqa: ANN401 - any fact with a time
    return new if new.ms >= known.ms else known


FOLDS: Final[dict[type, Fold]] = {
    v.ConsentGranted: _granted,
    v.ConsentConfirmed: _confirmed,
    v.ConsentRefused: _refusal,
    v.ConsentWithdrawn: _refusal,
    v.Objection: _refusal,
    v.ObjectionAttempted: _refusal,
    v.Purchase: _relation,
    v.ContractStarted: _relation,
    v.AccountCreated: _relation,
    v.MembershipStarted: _relation,
    v.ContractEnded: _ended,
    v.MembershipEnded: _ended,
    v.InfoRequested: _request,
    v.QuoteRequested: _request,
    v.Donation: _donation,
    v.AddressCollected: _collected_source,
    v.AddressImported: _imported,
    v.AddressPublished: _made_known,
    v.AddressDisclosed: _made_known,
    **CIRCUMSTANCES,
}
"""What changes a standing; types that are not here (forms, keys, rulebooks, campaigns) change none."""
