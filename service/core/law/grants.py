"""From a recorded consent to a grant: what it covers, and its defects in the order of LAW 0.1.4."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from service.core.events import Box, Form
from service.core.events import vocabulary as v
from service.core.law.facts import Grant
from service.core.law.keeping import kept

FLAW_CODES: Final = {
    "commercial_purpose_unclear": "CONSENT_NOT_INFORMED",
    "duration_not_stated": "CONSENT_NOT_INFORMED",
    "burdensome_selection": "CONSENT_NOT_SPECIFIC",
    "deceptive_design": "CONSENT_NOT_FREE",
    "tied_to_service": "CONSENT_NOT_FREE",
}
VALIDITY_ORDER: Final = (
    "MINOR_NO_PARENTAL_CONSENT",
    "CONSENT_NOT_BY_ADDRESSEE",
    "CONSENT_UNPROVEN",
    "CONSENT_IN_TERMS",
    "CONSENT_NOT_INFORMED",
    "CONSENT_NOT_ACTIVE",
    "CONSENT_NOT_SPECIFIC",
    "CONSENT_NOT_GRANULAR",
    "CONSENT_NOT_FREE",
    "CONSENT_UNCONFIRMED",
)
_RANK: Final = {code: place for place, code in enumerate(VALIDITY_ORDER)}


class Shown(NamedTuple):
    """What the person saw: read from the published form where one is named, else as declared."""

    categories: tuple[str, ...]
    channels: tuple[str, ...]
    senders: tuple[str, ...]
    unnamed: str
    default: str | None
    bundled: tuple[str, ...]
    flaws: tuple[str, ...]
    in_terms: bool
    complete: bool | None
    missing: bool = False


def ordered(codes: set[str]) -> tuple[str, ...]:
    """Sort defects, worst first."""
    return tuple(sorted(codes, key=_RANK.__getitem__))


def fold_grant(
    grants: tuple[Grant, ...],
    event: v.ConsentGranted,
    *,
    ms: int,
    index: int,
    imported: bool,
    forms: Mapping[str, Form],
) -> tuple[Grant, ...]:
    """Add what `event` grants; a grant that says the same as an earlier one replaces it if it is no older."""
    shown = _shown(event, forms)
    grant = Grant(
        index=index,
        ms=ms,
        categories=shown.categories,
        channels=shown.channels,
        senders=shown.senders,
        unnamed=shown.unnamed,
        defects=_defects(event, shown),
        unknown=_unknown(event, shown),
        pending=event.double_opt_in == "pending",
        by_addressee=event.given_by == "recipient",
        age=event.age,
        parental=event.parental_consent,
        person=event.person,
        indirect=event.indirect,
        expires=event.expires,
        ends_with_service="duration_not_stated" in shown.flaws,
        contents_complete=shown.complete,
        method=event.method,
        evidence_items=event.evidence_items,
        imported=imported,
    )
    return kept(grants, grant, _key, _later)


def confirm_grants(
    grants: tuple[Grant, ...], sender: str | None, *, ms: int, index: int, imported: bool
) -> tuple[Grant, ...]:
    """Confirm the pending grants that name `sender` (all of them where none is named)."""
    return tuple(
        replace(grant, pending=False, ms=ms, confirmed_index=index, imported=grant.imported or imported)
        if grant.pending and grant.ms <= ms and (sender is None or sender in grant.senders)
        else grant
        for grant in grants
    )


def _shown(event: v.ConsentGranted, forms: Mapping[str, Form]) -> Shown:
    declared = event.senders or ((event.sender,) if event.sender else ())
    if event.form is None:
        return Shown(
            event.categories,
            event.channels,
            declared,
            event.unnamed_senders,
            event.checkbox_default,
            event.bundled_purposes,
            event.request_flaws,
            in_terms=False,
            complete=event.request_contents_complete,
        )
    form = forms.get(event.form)
    box = form.box(event.box) if form is not None and event.box is not None else None
    if form is None or (event.box is not None and box is None):
        return Shown(
            event.categories,
            event.channels,
            declared,
            "none",
            None,
            (),
            (),
            in_terms=False,
            complete=None,
            missing=True,
        )
    return _from_form(event, form, box)


def _from_form(event: v.ConsentGranted, form: Form, box: Box | None) -> Shown:
    flaws = set(event.request_flaws)
    if form.tied_to_service:
        flaws.add("tied_to_service")
    if box is None:
        senders = event.senders or ((form.collector,) if form.collector else ())
        return Shown(
            event.categories,
            event.channels,
            senders,
            event.unnamed_senders,
            event.checkbox_default,
            event.bundled_purposes,
            tuple(sorted(flaws)),
            in_terms=form.consent_in_terms,
            complete=form.request_contents_complete,
        )
    named = box.senders or ((form.collector,) if form.collector else ())
    return Shown(
        _narrowed(event.categories, box.categories),
        _narrowed(event.channels, box.channels),
        _narrowed(event.senders, named),
        box.unnamed_senders,
        box.default,
        box.bundled_purposes,
        tuple(sorted(flaws | set(box.flaws))),
        in_terms=form.consent_in_terms,
        complete=form.request_contents_complete,
    )


def _narrowed(declared: tuple[Any, ...], shown: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(name for name in declared if name in shown) if declared else shown


def _defects(event: v.ConsentGranted, shown: Shown) -> tuple[str, ...]:
    codes = {
        FLAW_CODES[flaw] for flaw in shown.flaws if flaw != "duration_not_stated"
    }  # a term left open hurts only once the service has ended
    if event.given_by == "third_party":
        codes.add("CONSENT_NOT_BY_ADDRESSEE")
    if event.evidence_grade != "documented" or event.method == "unknown" or shown.missing:
        codes.add("CONSENT_UNPROVEN")
    if event.method == "terms_clause" or shown.in_terms:
        codes.add("CONSENT_IN_TERMS")
    if shown.default == "ticked" or event.filled_by == "sales_agent" or event.method == "participation":
        codes.add("CONSENT_NOT_ACTIVE")
    if len(set(shown.bundled)) > 1:
        codes.add("CONSENT_NOT_GRANULAR")
    return ordered(codes)


def _unknown(event: v.ConsentGranted, shown: Shown) -> tuple[str, ...]:
    if event.method == "checkbox" and shown.default is None:
        return ("checkbox_default",)
    return ()


def _key(grant: Grant) -> Grant:
    return replace(grant, index=0, ms=0)


def _later(known: Grant, new: Grant) -> Grant:
    return new if new.ms >= known.ms else known
