"""From a submitted event to what each concerned subject's chain will hold of it, and back.

A body is what is hashed: the event without addresses, without evidence and without the caller's ids. What
is left
out has the default of the vocabulary. `recorded_from_body(record_body(e))` says the same as `e`.

Which chains get an entry (`participants`):

| event                                   | chains                                        |
|-----------------------------------------|-----------------------------------------------|
| anything with an address                | that address, then each of `other_addresses`  |
| address_changed                         | `old` and `new`                               |
| sender_registered                       | the sender                                    |
| campaign_checked, export_created,       | the sender subject `ledger`: a sender's own   |
| export_downloaded                       | chain is shown whole with every proof         |
| sender_renamed, business_transferred    | `from` and `to`                               |
| form_published, rulebook_published, key_rotated | the sender named, else the sender subject `ledger` |
"""

import re
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from service.core.errors import EventError
from service.core.events import configuration as c
from service.core.events import vocabulary as v
from service.core.events.parsing import CONFIGURING, SubmittedEvent, convert_event, milliseconds

LEDGER_SUBJECT: Final = "ledger"
"""The sender subject that stands for the ledger itself: its configuration is this subject's chain."""

_UNRECORDED: Final = ("source_event_id", "source", "address", "other_addresses", "evidence", "external_id")
_KEPT: Final = (datetime,)
_STAMP_CHARS: Final = 24
_KEY: Final = re.compile(r"[0-9a-f]{64}")
_PLACEHOLDER: Final = "-"


class Participant(Struct, frozen=True, gc=False):
    """A subject whose chain gets an entry: its kind, its value as sent, and the part it plays.

    `kind` is "email", "phone" or "sender".
    """

    kind: str
    value: str
    role: str


class RecordedEvent(Struct, frozen=True, gc=False):
    """One entry of one subject's chain, read back.

    `event` carries placeholders where the record holds nothing (source_event_id "-", no addresses).
    `counterpart` is the other side's subject_key in hex. `imported` marks what was taken over, not witnessed.
    """

    event: SubmittedEvent
    occurred_ms: int
    role: str = "address"
    counterpart: str | None = None
    imported: bool = False

    @property
    def type(self) -> str:
        """The event's type, as in the vocabulary."""
        tag = self.event.__struct_config__.tag
        return str(tag)


def participants(event: SubmittedEvent) -> tuple[Participant, ...]:
    """Return the subjects whose chains get an entry, in order; the table of this module says which."""
    address = event.address
    if address is not None:
        first = Participant(address.kind, address.value, "address")
        if not event.other_addresses:
            return (first,)
        return (first, *(Participant(other.kind, other.value, "other") for other in event.other_addresses))
    if isinstance(event, v.AddressChanged) and event.from_address and event.to_address:
        old, new = event.from_address, event.to_address
        return (Participant(old.kind, old.value, "old"), Participant(new.kind, new.value, "new"))
    if isinstance(event, c.SenderRenamed | c.BusinessTransferred):
        return (
            Participant("sender", event.from_sender, "from"),
            Participant("sender", event.to_sender, "to"),
        )
    if isinstance(event, c.CampaignChecked | c.ExportCreated | c.ExportDownloaded):
        return (Participant("sender", LEDGER_SUBJECT, "sender"),)
    return (Participant("sender", event.sender or LEDGER_SUBJECT, "sender"),)


def record_body(event: SubmittedEvent, role: str, counterpart: str | None) -> dict[str, object]:
    """Return what is hashed for the chain in which this event plays `role`.

    `counterpart` is the hex subject_key of the other side where there is one (old and new; an other address
    names
    the first). ASCII keys, no floats, no address, no evidence, no ids of the caller.
    """
    body: dict[str, object] = msgspec.to_builtins(event, builtin_types=_KEPT)
    for name in _UNRECORDED:
        body.pop(name, None)
    body["occurred_at"] = stamp(event.occurred_at)
    if event.source.startswith("import"):
        body["imported"] = True
    if role not in ("address", "sender"):
        body["role"] = role
        if role in ("old", "new"):
            body.pop("from", None)
            body.pop("to", None)
    if counterpart is not None:
        body["counterpart"] = counterpart
    if (
        isinstance(event, v.ConsentGranted)
        and event.evidence_grade is None
        and (event.form is not None or event.evidence is not None)
    ):
        # Who hands in the form or the proof itself has documented the consent.
        body["evidence_grade"] = "documented"
    return body


def stamp(moment: datetime) -> str:
    """Return "YYYY-MM-DDTHH:MM:SS.mmmZ"; what is finer than a millisecond is cut off."""
    universal = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return universal.isoformat(timespec="milliseconds")[:-6] + "Z"


def recorded_from_body(body: dict[str, Any]) -> RecordedEvent:
    """Read a body back, strictly: what `record_body` would not have written is refused with EventError."""
    fields = dict(body)
    if any(name in fields for name in _UNRECORDED):
        raise EventError("a record holds no address, evidence or caller's id", code="unknown_field")
    role = fields.pop("role", None)
    counterpart = fields.pop("counterpart", None)
    imported = fields.pop("imported", False)
    declared = fields.get("occurred_at")
    if not (isinstance(declared, str) and len(declared) == _STAMP_CHARS and declared[10::13] == "TZ"):
        raise EventError("not a recorded time", pointer="/occurred_at", code="value")
    fields["source_event_id"] = _PLACEHOLDER
    event = convert_event(fields)
    if isinstance(event, v.AddressChanged) and (event.from_address or event.to_address):
        raise EventError("a record of a move holds no address", code="unknown_field")
    if role not in _ROLES.get(type(event), _PLAIN if isinstance(event, CONFIGURING) else _PERSONAL):
        raise EventError("not a role of this event", pointer="/role", code="value")
    named = counterpart is not None
    if not isinstance(imported, bool) or (named and (role is None or not _is_key(counterpart))):
        raise EventError("not a recorded mark", code="value")
    if role is None:
        role = "sender" if isinstance(event, CONFIGURING) else "address"
    return RecordedEvent(event, milliseconds(event.occurred_at), role, counterpart, imported)


_PLAIN: Final = (None,)
_PERSONAL: Final = (None, "other")
_ROLES: Final[dict[type, tuple[str | None, ...]]] = {
    v.AddressChanged: ("old", "new"),
    c.SenderRenamed: ("from", "to"),
    c.BusinessTransferred: ("from", "to"),
}
"""The roles of events that are never plain; others are, or stand in the chain of an other address too."""


def _is_key(value: object) -> bool:
    return isinstance(value, str) and _KEY.fullmatch(value) is not None
