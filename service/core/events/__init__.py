"""What happened: the vocabulary of events, how one is read, recorded and read back, and the forms."""

from service.core.events.forms import Box, Form, form_bytes, form_id, parse_form
from service.core.events.parsing import (
    CONFIGURING,
    EVIDENCE_BYTES_MAX,
    SubmittedEvent,
    check_times,
    decode_event,
    milliseconds,
    parse_event,
)
from service.core.events.recording import (
    LEDGER_SUBJECT,
    Participant,
    RecordedEvent,
    participants,
    record_body,
    recorded_from_body,
    stamp,
)
from service.core.events.values import AddressInput

__all__ = [
    "CONFIGURING",
    "EVIDENCE_BYTES_MAX",
    "LEDGER_SUBJECT",
    "AddressInput",
    "Box",
    "Form",
    "Participant",
    "RecordedEvent",
    "SubmittedEvent",
    "check_times",
    "decode_event",
    "form_bytes",
    "form_id",
    "milliseconds",
    "parse_event",
    "parse_form",
    "participants",
    "record_body",
    "recorded_from_body",
    "stamp",
]
