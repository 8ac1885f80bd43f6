"""What deliveries need of their storage, as contracts, and the values that pass through it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from service.ledger.delivering.cloud_events import Filter
from service.ledger.delivering.control_events import NewDelivery
from service.ledger.delivering.deliveries import Answer, Ended, Endpoint, Lane, Waits
from service.ledger.delivering.subscriptions import Status
from service.ledger.delivering.telling import View


@dataclass(frozen=True, slots=True)
class Listening:
    """An enabled subscription that the log has outrun or that is replayed, and the room in its queues."""

    subscription_id: str
    cursor: int
    wanted: Filter
    view: View
    replay_cursor: int | None
    replay_to: int | None
    room: int
    replay_room: int


@dataclass(frozen=True, slots=True)
class Move:
    """A cursor to move by compare-and-swap, and the deliveries that come with the move."""

    subscription_id: str
    lane: Lane
    cursor: int
    upto: int
    deliveries: Sequence[NewDelivery]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery under our lease. `due`: False for a probe ahead of its time."""

    subscription_id: str
    url: str
    secrets: bytes
    status: Status
    failures: int
    lane: Lane
    position: int
    subject_key: bytes
    event_id: str
    type: str
    body: bytes
    sealed: bytes | None
    tries: int
    attempt: int
    due: bool
    recorded_at_ms: int


Key = tuple[str, Lane, int]
"""Subscription, lane and position: what a delivery is known by."""


def key_of(claimed: Claimed) -> Key:
    """What it is known by."""
    return claimed.subscription_id, claimed.lane, claimed.position


@dataclass(frozen=True, slots=True)
class Holding:
    """How many deliveries of each endpoint a worker holds, and how many may be in flight to one."""

    held: Mapping[str, int]
    in_flight: int


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt that ended."""

    claimed: Claimed
    answer: Answer
    started_at_ms: int
    ended_at_ms: int


@dataclass(frozen=True, slots=True)
class Record:
    """An attempt and the state that its delivery is in from now on."""

    attempted: Attempted
    next: Waits | Ended
    sealed_answer: bytes | None


@dataclass(frozen=True, slots=True)
class EndpointState:
    """An endpoint, the status of its subscription, and where it is."""

    endpoint: Endpoint
    status: Status
    url: str
    reason: str | None = None


class Turn(Protocol):
    """One transaction of one worker."""

    async def endpoints(self, ids: Sequence[str]) -> dict[str, EndpointState]:
        """Those that exist, locked."""

    async def record(self, records: Sequence[Record], now_ms: int) -> None:
        """Store attempts, and the next states of deliveries whose lease is still ours."""

    async def give_back(self, claims: Sequence[Claimed]) -> None:
        """End the leases of what was claimed and not sent: it is as if it had not been claimed."""

    async def put_endpoints(self, states: dict[str, EndpointState], now_ms: int, idle: Sequence[str]) -> None:
        """Store what is remembered of endpoints; those that are `idle` are anybody's from now on."""

    async def let_go(self, ids: Sequence[str]) -> None:
        """Leave these endpoints to whichever worker comes first."""

    async def hasten(self, ids: Sequence[str], now_ms: int) -> None:
        """Make everything that waits for these endpoints due now."""

    async def move(self, moves: Sequence[Move]) -> None:
        """Move cursors that are still where we read them, and make the deliveries that come with it."""

    async def claim(self, now_ms: int, *, lease_until_ms: int, holding: Holding) -> list[Claimed]:
        """Take what is due, endpoint by endpoint, of those that no other worker holds anything of."""

    async def renew_endpoints(self, ids: Sequence[str], lease_until_ms: int) -> dict[str, bool]:
        """Hold these endpoints until then: those that are still ours, and whether each is enabled."""

    async def renew(self, claims: Sequence[Claimed], lease_until_ms: int) -> set[Key]:
        """Hold these deliveries until then: those that are still ours."""


class DeliveryStore(Protocol):
    """One ledger's deliveries."""

    def turn(self) -> AbstractAsyncContextManager[Turn]:
        """Begin a turn; leaving it commits."""

    async def listening(self, head: int, now_ms: int) -> list[Listening]:
        """Whom the log has something for, among those whom something may be sent to now."""

    async def forget(self, done_before_ms: int, dead_before_ms: int) -> None:
        """Delete deliveries that ended before these times, with their attempts."""
