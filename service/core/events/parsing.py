"""From what a caller sent to one event of the vocabulary, or a refusal that names the field."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, get_args

import msgspec

from service.core.errors import EventError
from service.core.events import configuration as c
from service.core.events import vocabulary as v
from service.core.events.refusals import refused

SubmittedEvent = (
    v.ConsentRequested
    | v.ConsentGranted
    | v.ConsentConfirmed
    | v.ConsentRefused
    | v.ConsentWithdrawn
    | v.Objection
    | v.ObjectionAttempted
    | v.Purchase
    | v.ContractStarted
    | v.AccountCreated
    | v.MembershipStarted
    | v.ContractEnded
    | v.MembershipEnded
    | v.InfoRequested
    | v.QuoteRequested
    | v.Donation
    | v.AddressCollected
    | v.AddressImported
    | v.AddressPublished
    | v.AddressDisclosed
    | v.AddressChanged
    | v.AddressBounced
    | v.ErasureRequested
    | v.ErasureExecuted
    | v.RegisterListed
    | v.RegisterChecked
    | c.BusinessTransferred
    | c.SenderRenamed
    | v.Referral
    | v.MessageSent
    | v.PreferenceFlagChanged
    | v.HumanAssessment
    | v.ContactByRecipient
    | v.Correction
    | c.SenderRegistered
    | c.FormPublished
    | c.RulebookPublished
    | c.KeyRotated
    | c.CampaignChecked
    | c.ExportCreated
    | c.ExportDownloaded
)

EVIDENCE_BYTES_MAX: Final = 16 * 1024
EVIDENCE_DEPTH_MAX: Final = 16
"""Containers within each other. A bundle shows evidence inside five others, and is read down to 32."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST_MS: Final = 631_152_000_000  # 1990-01-01T00:00:00Z: before it, nobody mailed at scale

CONFIGURING: Final = (
    c.SenderRegistered,
    c.BusinessTransferred,
    c.SenderRenamed,
    c.FormPublished,
    c.RulebookPublished,
    c.KeyRotated,
    c.CampaignChecked,
    c.ExportCreated,
    c.ExportDownloaded,
)
_TYPES: Final[dict[str, Any]] = {str(kind.__struct_config__.tag): kind for kind in get_args(SubmittedEvent)}
_MILLISECOND: Final = timedelta(milliseconds=1)
_DECODER: Final = msgspec.json.Decoder(SubmittedEvent)
_TEXT_FIELDS: Final = ("source_event_id", "source", "external_id", "person", "wording", "subject", "ground")


def parse_event(obj: object) -> SubmittedEvent:
    """Read one event from already parsed JSON.

    Raises EventError with `pointer` (RFC 6901) and `code`: missing, unknown_field, type, value, too_large.
    """
    event = convert_event(obj)
    _check(event)
    return event


def decode_event(raw: bytes) -> SubmittedEvent:
    """Read one event from JSON bytes, as `parse_event` would; code `json` where it is no JSON."""
    try:
        event: SubmittedEvent = _DECODER.decode(raw)
    except msgspec.ValidationError as error:
        raise refused(error, EventError) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise EventError("this is not JSON", code="json") from None
    _check(event)
    return event


def convert_event(obj: object) -> SubmittedEvent:
    """Give `obj` the shape of its type, without the checks that reach over several fields."""
    if not isinstance(obj, dict):
        raise EventError("expected an object", code="type")
    name = obj.get("type")
    # By name, because msgspec compiles a union anew at every call.
    kind = _TYPES.get(name) if isinstance(name, str) else None
    if kind is None:
        code = "missing" if name is None else "value"
        raise EventError("not a type of the vocabulary", pointer="/type", code=code)
    try:
        event: SubmittedEvent = msgspec.convert(obj, kind)
    except msgspec.ValidationError as error:
        raise refused(error, EventError) from None
    return event


def milliseconds(moment: datetime) -> int:
    """Return milliseconds since 1970-01-01T00:00:00Z, fractions cut off."""
    return (moment - EPOCH) // _MILLISECOND


def check_times(event: SubmittedEvent, now_ms: int) -> None:
    """Refuse a declared time after `now_ms` (code `in_future`) or before 1990 (code `too_old`)."""
    occurred_ms = milliseconds(event.occurred_at)
    if occurred_ms > now_ms:
        raise EventError("occurred_at lies in the future", pointer="/occurred_at", code="in_future")
    if occurred_ms < EARLIEST_MS:
        raise EventError("occurred_at lies before 1990", pointer="/occurred_at", code="too_old")


def _check(event: SubmittedEvent) -> None:
    if event.evidence is not None:
        _check_evidence(event.evidence)
    for name in _TEXT_FIELDS:
        text = getattr(event, name, None)
        if text is not None and not text.isascii():
            _check_encodable(text, f"/{name}")
    if isinstance(event, v.AddressChanged):
        _check_change(event)
    elif isinstance(event, CONFIGURING):
        if event.address is not None or event.other_addresses:
            raise EventError("this type concerns no address", pointer="/address", code="value")
    elif event.address is None:
        raise EventError("this type needs an address", pointer="/address", code="missing")
    check = _CHECKS.get(type(event))
    if check is not None:
        check(event)


def _check_evidence(evidence: dict[str, Any]) -> None:
    try:
        size = len(msgspec.json.encode(evidence))
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError):
        raise EventError("this is not JSON", pointer="/evidence", code="type") from None
    if size > EVIDENCE_BYTES_MAX:
        raise EventError("evidence is larger than 16 KiB", pointer="/evidence", code="too_large")
    if _is_deeper(evidence, EVIDENCE_DEPTH_MAX):
        raise EventError("evidence is nested deeper than 16 levels", pointer="/evidence", code="value")


def _is_deeper(value: object, levels: int) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return items is not None and (levels == 0 or any(_is_deeper(item, levels - 1) for item in items))


def _check_encodable(value: str, pointer: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise EventError("this text holds half of a character", pointer=pointer, code="value") from None


def _check_change(event: v.AddressChanged) -> None:
    for pointer, address in (("/from", event.from_address), ("/to", event.to_address)):
        if address is None:
            raise EventError("this field is required", pointer=pointer, code="missing")
    if event.address is not None or event.other_addresses:
        raise EventError("a change names its addresses in from and to", pointer="/address", code="value")
    if event.from_address == event.to_address:
        raise EventError("from and to are the same address", pointer="/to", code="value")


def _check_grant(event: v.ConsentGranted) -> None:
    if event.method == "ticked" and (event.form is None or event.box is None):
        raise EventError("a tick needs the form and the box", pointer="/form", code="missing")
    if event.box is not None and event.form is None:
        raise EventError("a box needs its form", pointer="/form", code="missing")
    if event.expires[:1].isdigit() and not _is_day(event.expires):
        raise EventError("there is no such day", pointer="/expires", code="value")
    if event.form is not None:
        return
    if event.method == "checkbox" and event.checkbox_default is None:
        raise EventError("how did the box stand before?", pointer="/checkbox_default", code="missing")
    for name in ("categories", "channels"):
        if not getattr(event, name):
            raise EventError("this field is required", pointer=f"/{name}", code="missing")
    if not event.senders and event.sender is None:
        raise EventError("whom does the consent name?", pointer="/senders", code="missing")


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check_refusal(event: v.Refusal) -> None:
    if event.scope == "category" and not event.categories:
        raise EventError("which categories?", pointer="/categories", code="missing")


def _check_relation(event: v.Relation) -> None:
    if event.seller is None and event.sender is None:
        raise EventError("with whom?", pointer="/seller", code="missing")


def _check_addressee(event: v.Request | v.Donation) -> None:
    if event.to is None and event.sender is None:
        raise EventError("to whom?", pointer="/to", code="missing")


def _check_both_senders(event: c.BusinessTransferred | c.SenderRenamed) -> None:
    if event.from_sender == event.to_sender:
        raise EventError("from and to are the same sender", pointer="/to", code="value")


def _check_named_sender(event: c.SenderRegistered) -> None:
    if event.sender is None:
        raise EventError("which sender?", pointer="/sender", code="missing")


_CHECKS: Final[dict[type, Callable[[Any], None]]] = {
    v.ConsentGranted: _check_grant,
    v.ConsentRefused: _check_refusal,
    v.ConsentWithdrawn: _check_refusal,
    v.Objection: _check_refusal,
    v.ObjectionAttempted: _check_refusal,
    v.Purchase: _check_relation,
    v.ContractStarted: _check_relation,
    v.AccountCreated: _check_relation,
    v.MembershipStarted: _check_relation,
    v.InfoRequested: _check_addressee,
    v.QuoteRequested: _check_addressee,
    v.Donation: _check_addressee,
    c.BusinessTransferred: _check_both_senders,
    c.SenderRenamed: _check_both_senders,
    c.SenderRegistered: _check_named_sender,
}
