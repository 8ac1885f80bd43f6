"""Events of the log as others hear of them: CloudEvents 1.0 in its JSON format, thin and pseudonymous.

One shape for every way out (poll, stream, webhook, broker). `type` is the vocabulary's own word. `subject`
and `partitionkey` are the subject key: order is kept per subject. `sequence` is the position, padded so that
it orders as text; `id` is made of the leaf hash, so that what was delivered can be found in the public log.
No address stands in any attribute; with leave, it stands in `data` (CloudEvents 1.0.2, section "Privacy").
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from service.core.events import RecordedEvent
from service.core.events.recording import stamp

MEDIA_TYPE: Final = "application/cloudevents+json"
SEQUENCE_DIGITS: Final = 20
ERASED: Final = "contents_erased"
"""The type of what was erased before it could be read: a place in the log, and nothing else."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SENDER_FIELDS: Final = ("sender", "senders", "seller", "to", "to_sender", "from_sender", "collected_by")
_SHOWN: Final = ("sender", "senders", "seller", "categories", "channels", "scope", "via")


@dataclass(frozen=True, slots=True)
class Heard:
    """One entry of the log as it is told. `event` is None where the contents were erased."""

    index: int
    subject_key: bytes
    recorded_at_ms: int
    leaf_hash: bytes
    event: RecordedEvent | None

    @property
    def type(self) -> str:
        """The vocabulary's word for it."""
        return self.event.type if self.event is not None else ERASED


@dataclass(frozen=True, slots=True)
class Filter:
    """What a subscriber wants to hear. An empty set: everything.

    An event passes unless it surely concerns something else: a withdrawal "of all marketing" names no
    category, and is heard by whoever asked for one.
    """

    types: AbstractSet[str] = field(default_factory=frozenset)
    senders: AbstractSet[str] = field(default_factory=frozenset)
    categories: AbstractSet[str] = field(default_factory=frozenset)
    channels: AbstractSet[str] = field(default_factory=frozenset)

    def passes(self, heard: Heard) -> bool:
        """Whether the subscriber hears of it."""
        if self.types and heard.type not in self.types and heard.type != ERASED:
            return False
        if heard.event is None:
            return True
        event = heard.event.event
        return (
            _may_concern(self.senders, _names(event, *_SENDER_FIELDS))
            and _may_concern(self.categories, _names(event, "categories"))
            and _may_concern(self.channels, _names(event, "channels"))
        )


EVERYTHING: Final = Filter()


def cloud_event(
    origin: str,
    heard: Heard,
    *,
    external_id: str | None = None,
    address: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The CloudEvent of one entry of the log of this origin, as plain JSON values."""
    subject = heard.subject_key.hex()
    data: dict[str, Any] = {"position": heard.index, "subject": subject, "leaf_hash": heard.leaf_hash.hex()}
    if heard.event is not None:
        data |= _data(heard.event)
    if external_id is not None:
        data["external_id"] = external_id
    if address is not None:
        data["address"] = address
    return {
        "specversion": "1.0",
        "id": event_id(heard.leaf_hash),
        "source": source_of(origin),
        "type": heard.type,
        "subject": subject,
        "time": time_of(heard.recorded_at_ms),
        "datacontenttype": "application/json",
        "sequence": sequence_of(heard.index),
        "partitionkey": subject,
        "data": data,
    }


def source_of(origin: str) -> str:
    """The `source` of every event of a log: positions are comparable within one source only."""
    return f"urn:consent-ledger:log:{origin}"


def event_id(leaf_hash: bytes) -> str:
    """Unique among all logs, and without a full stop, as Standard Webhooks asks of a message id."""
    return f"evt_{leaf_hash.hex()}"


def time_of(milliseconds: int) -> str:
    """Milliseconds since 1970 as an attribute `time`."""
    return stamp(_EPOCH + timedelta(milliseconds=milliseconds))


def sequence_of(position: int) -> str:
    """A position that orders as text (CloudEvents extension `sequence`)."""
    return f"{position:0{SEQUENCE_DIGITS}d}"


def _data(recorded: RecordedEvent) -> dict[str, Any]:
    data: dict[str, Any] = {"occurred_at": stamp(recorded.event.occurred_at)}
    for name in _SHOWN:
        if value := getattr(recorded.event, name, None):
            data[name] = msgspec.to_builtins(value)
    if recorded.role not in ("address", "sender"):
        data["role"] = recorded.role
    if recorded.counterpart is not None:
        data["counterpart"] = recorded.counterpart
    if recorded.imported:
        data["imported"] = True
    return data


def _names(event: object, *fields: str) -> set[str]:
    found: set[str] = set()
    for name in fields:
        value = getattr(event, name, None)
        found |= {value} if isinstance(value, str) else set(value or ())
    return found


def _may_concern(wanted: AbstractSet[str], named: AbstractSet[str]) -> bool:
    return not wanted or not named or not wanted.isdisjoint(named)
