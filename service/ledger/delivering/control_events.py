"""Deliveries to make, and events about a subscription itself: for its endpoint alone, not in the log."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from service.ledger.delivering.cloud_events import source_of, time_of
from service.ledger.delivering.deliveries import SCHEDULE_MS, Lane

VERIFICATION: Final = "subscription.verification"
UPDATED: Final = "subscription.updated"
TEST: Final = "subscription.test"
ONE_TRY: Final = len(SCHEDULE_MS)
"""As many tries used up as leave one."""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to make: its frozen body, and the same with what is private in it, sealed."""

    subscription_id: str
    lane: Lane
    position: int
    subject_key: bytes
    event_id: str
    type: str
    body: bytes
    sealed: bytes | None
    tries: int
    next_attempt_ms: int
    recorded_at_ms: int


def control_delivery(  # noqa: PLR0913 - what an event is made of
    origin: str,
    subscription_id: str,
    event_id: str,
    kind: str,
    data: dict[str, Any],
    *,
    now_ms: int,
    tries: int = ONE_TRY,
) -> NewDelivery:
    """The CloudEvent of something that concerns the subscription alone, ready to be sent."""
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": source_of(origin),
        "type": kind,
        "subject": subscription_id,
        "time": time_of(now_ms),
        "datacontenttype": "application/json",
        "data": {"subscription": subscription_id, **data},
    }
    own = bytes.fromhex(event_id.removeprefix("evt_"))
    return NewDelivery(
        subscription_id=subscription_id,
        lane="control",
        position=0,
        subject_key=own,
        event_id=event_id,
        type=kind,
        body=msgspec.json.encode(event),
        sealed=None,
        tries=tries,
        next_attempt_ms=now_ms,
        recorded_at_ms=now_ms,
    )
