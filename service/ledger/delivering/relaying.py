"""From the log to a message broker: what is published, in which order, and what is remembered of it.

The log is the outbox here too. A relay reads it from its cursor and moves the cursor only after the broker
has acknowledged everything up to there: whatever dies in between, nothing is left out and some comes again.
Of one person at most one event is on its way, so that a broker that takes a later one and loses an earlier
one can reorder nobody's events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from service.core.errors import LedgerError, UnavailableError
from service.ledger.delivering.cloud_events import Heard, event_id
from service.ledger.delivering.telling import Telling, View

PAGE: Final = 500
"""Events that are published, and repeated after a failure, together."""
LEASE_MS: Final = 15_000
"""After this a relay that says nothing is believed dead, and another of its name goes on."""


class BrokerAwayError(UnavailableError):
    """The broker does not answer or did not acknowledge: to be tried again. The message is a short word."""


class BrokerRefusedError(LedgerError):
    """The broker cannot be used as it is set up, and waiting would not help."""


@dataclass(frozen=True, slots=True)
class Message:
    """One event to publish: `body` is its CloudEvent as JSON, `subject` the pseudonym it concerns."""

    event_id: str
    type: str
    subject: str
    body: bytes
    recorded_at_ms: int


class Broker(Protocol):
    """A place in a message broker."""

    @property
    def destination(self) -> str:
        """Kind of broker and place in it, without host or secret: what a cursor belongs to."""

    async def open(self) -> None:
        """Connect, and find the place. Raises `BrokerAwayError` and `BrokerRefusedError`."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publish these, of different subjects each; returns when every one is acknowledged.

        Raises `BrokerAwayError`; some may then be published, and come again.
        """

    async def close(self) -> None:
        """Let go. May be opened again."""


class RelayStore(Protocol):
    """The cursor of one relay, held by one process at a time. `owner`: that process, by a name of its own."""

    async def hold(self, destination: str, owner: str, after: int, lease_ms: int) -> int | None:
        """Take the cursor, or keep it, for so long; it begins at `after`. None: another process holds it.

        Raises `StateConflictError` for a relay of this name that publishes elsewhere.
        """

    async def advance(self, owner: str, cursor: int, upto: int, lease_ms: int) -> bool:
        """Move the cursor, and keep it; False when it is no longer ours, or no longer there."""

    async def release(self, owner: str) -> None:
        """Let another process go on at once."""


class RelayMeter(Protocol):
    """Told how a relay goes, for operators to count."""

    def holds(self, *, leads: bool) -> None:
        """Whether this process publishes, or stands by."""

    def published(self, lag_seconds: float) -> None:
        """An event was acknowledged so long after it was recorded."""

    def failed(self, reason: str) -> None:
        """The broker was away, or did not acknowledge."""

    def behind(self, entries: int) -> None:
        """So many entries of the log were not looked at yet."""


async def messages_of(telling: Telling, events: Sequence[Heard], view: View) -> list[Message]:
    """These events as they are published."""
    told = await telling.told(events, view)
    return [
        Message(
            event_id=event_id(heard.leaf_hash),
            type=heard.type,
            subject=heard.subject_key.hex(),
            body=msgspec.json.encode(event),
            recorded_at_ms=heard.recorded_at_ms,
        )
        for heard, event in zip(events, told, strict=True)
    ]


def waves(messages: Sequence[Message]) -> list[list[Message]]:
    """The same messages in groups to be acknowledged one after the other: in each, a subject once at most."""
    made: list[list[Message]] = []
    seen: dict[str, int] = {}
    for message in messages:
        place = seen[message.subject] = seen.get(message.subject, -1) + 1
        if place == len(made):
            made.append([])
        made[place].append(message)
    return made
