"""Subscriptions: who is told of what happens, how to begin, pause, resume, replay and look at it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Protocol

from service.core.errors import InputError, NotFoundError, StateConflictError
from service.ledger.delivering.cloud_events import Filter
from service.ledger.delivering.control_events import (
    ONE_TRY,
    TEST,
    UPDATED,
    VERIFICATION,
    NewDelivery,
    control_delivery,
)
from service.ledger.delivering.deliveries import Endpoint, Lane
from service.ledger.delivering.signatures import SECRET_SIZE, Secret, Secrets
from service.ledger.delivering.sinks import canonical_sink
from service.ledger.moments import first_after
from service.ledger.ports import Clock, Randomness, Store
from service.ledger.vault import Vault

Status = Literal["pending", "enabled", "paused", "disabled"]
State = Literal["waiting", "done", "dead"]

SUBSCRIPTIONS_MAX: Final = 1_000

_ID_SIZE = 12


@dataclass(frozen=True, slots=True)
class Definition:
    """What a subscriber asks for. `after`: the position to begin after; None: from now on.

    `source`: whose own ids for people it is told; None: nobody's.
    """

    name: str
    url: str
    wanted: Filter = field(default_factory=Filter)
    with_address: bool = False
    after: int | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A range of the log, by positions or recorded times, both ends included; without an end, up to now."""

    first: int | None = None
    last: int | None = None
    from_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription as it stands. `waiting` deliveries are made; `cursor` is how far the log was read."""

    subscription_id: str
    name: str
    url: str
    wanted: Filter
    with_address: bool
    source: str | None
    status: Status
    reason: str | None
    secrets: bytes = field(repr=False)
    created_at_ms: int
    disabled_at_ms: int | None
    cursor: int
    endpoint: Endpoint
    replay_cursor: int | None
    replay_to: int | None
    waiting: int
    oldest_waiting_ms: int | None
    dead: int


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery as it is shown."""

    lane: Lane
    position: int
    event_id: str
    type: str
    state: State
    tries: int
    attempts: int
    next_attempt_ms: int
    lease_until_ms: int
    recorded_at_ms: int
    ended_at_ms: int | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt as it is shown; `answer` sealed, or opened by the use case."""

    attempt: int
    started_at_ms: int
    ended_at_ms: int
    outcome: str
    status: int | None
    answer: bytes | None


class SubscriptionStore(Protocol):
    """One ledger's subscriptions. What names one that is not there raises `NotFoundError`."""

    async def create(self, subscription_id: str, asked: Definition, secrets: bytes, now_ms: int) -> None:
        """Store a new one, pending; its cursor is `asked.after`."""

    async def find(self, subscription_id: str | None = None) -> list[Subscription]:
        """All of them, oldest first, or the one of this id if there is one."""

    async def tell(self, subscription_id: str, event: NewDelivery, status: Status | None = None) -> None:
        """Make a control delivery (its position is given here), and set the status with it."""

    async def resume(self, subscription_id: str, event: NewDelivery, now_ms: int) -> None:
        """Enable, forget old failures, send what waits now; and make a control delivery."""

    async def move(self, subscription_id: str, url: str, event: NewDelivery, now_ms: int) -> None:
        """Send elsewhere from now on: pending, without old failures; and make a control delivery."""

    async def set_secrets(self, subscription_id: str, before: bytes, after: bytes) -> bool:
        """Replace the sealed secrets; False when they are no longer `before`."""

    async def begin_replay(self, subscription_id: str, after: int, to: int) -> bool:
        """Replay positions `after` < p ≤ `to`; False while another replay runs."""

    async def replay_dead(self, subscription_id: str, after: int, to: int, now_ms: int) -> int:
        """Send those of this range again that were given up; how many."""

    async def deliveries(
        self, subscription_id: str, lane: Lane, before: int, state: State | None, limit: int
    ) -> list[DeliveryRow]:
        """Deliveries below a position, newest first."""

    async def attempts(self, subscription_id: str, lane: Lane, position: int) -> list[AttemptRow]:
        """The attempts at one delivery, oldest first."""

    async def delete(self, subscription_id: str) -> None:
        """Remove it and everything that is on its way to it."""


class Subscriptions:
    """The use cases over one ledger's subscriptions."""

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        rows: SubscriptionStore,
        store: Store,
        vault: Vault,
        origin: str,
        *,
        clock: Clock,
        random: Randomness,
        private_allowed: bool = False,
    ) -> None:
        self._rows = rows
        self._store = store
        self._vault = vault
        self._origin = origin
        self._clock = clock
        self._random = random
        self._private_allowed = private_allowed

    async def head(self) -> int:
        """The newest position of the log."""
        async with self._store.snapshot() as snapshot:
            return (await snapshot.head()).position

    async def create(self, asked: Definition) -> tuple[Subscription, str]:
        """Begin a subscription, pending until its endpoint answers; with its secret, shown this once.

        Raises `InputError` for a URL that webhooks may not go to or a position that does not exist, and
        `StateConflictError` when there are too many.
        """
        url = canonical_sink(asked.url, private_allowed=self._private_allowed)
        head = await self.head()
        after = head if asked.after is None else asked.after
        if not 0 <= after <= head:
            raise InputError("this position does not exist", pointer="/after", code="in_future")
        if len(await self._rows.find()) >= SUBSCRIPTIONS_MAX:
            raise StateConflictError(f"a ledger has at most {SUBSCRIPTIONS_MAX} subscriptions")
        subscription_id = f"sub_{self._random(_ID_SIZE).hex()}"
        secret = Secret(self._random(SECRET_SIZE))
        sealed = self._vault.seal(Secrets((secret,)).encode(), secrets_context(subscription_id))
        definition = replace(asked, url=url, after=after)
        await self._rows.create(subscription_id, definition, sealed, self._clock())
        await self.verify(subscription_id)
        return await self.read(subscription_id), secret.text

    async def list(self) -> Sequence[Subscription]:
        """All of them, oldest first."""
        return await self._rows.find()

    async def read(self, subscription_id: str) -> Subscription:
        """One of them. Raises `NotFoundError`."""
        for found in await self._rows.find(subscription_id):
            return found
        raise NotFoundError("there is no subscription of this id")

    async def verify(self, subscription_id: str) -> None:
        """Send a verification event; answered 2xx, it enables a subscription that is pending."""
        event = self.control_event(subscription_id, VERIFICATION, {"status": "pending"}, tries=0)
        await self._rows.tell(subscription_id, event)

    async def test(self, subscription_id: str) -> str:
        """Send a test event, once; its id."""
        event = self.control_event(subscription_id, TEST, {})
        await self._rows.tell(subscription_id, event)
        return event.event_id

    async def pause(self, subscription_id: str) -> Subscription:
        """Stop deliveries; what happens meanwhile waits in the log.

        Raises `StateConflictError` unless it is enabled.
        """
        found = await self.read(subscription_id)
        if found.status not in ("enabled", "paused"):
            raise StateConflictError(f"the subscription is {found.status}: only an enabled one can be paused")
        if found.status == "enabled":
            event = self.control_event(subscription_id, UPDATED, {"status": "paused", "reason": "asked"})
            await self._rows.tell(subscription_id, event, "paused")
        return await self.read(subscription_id)

    async def enable(self, subscription_id: str) -> Subscription:
        """Resume from where it stopped: nothing that happened meanwhile is left out.

        One that was never verified is asked to verify once more, and stays pending until it does.
        """
        found = await self.read(subscription_id)
        if found.status == "pending":
            await self.verify(subscription_id)
        elif found.status != "enabled":
            event = self.control_event(subscription_id, UPDATED, {"status": "enabled", "reason": "asked"})
            await self._rows.resume(subscription_id, event, self._clock())
        return await self.read(subscription_id)

    async def move(self, subscription_id: str, url: str) -> Subscription:
        """Send to another URL: pending until it answers a verification, and then on from where it stopped.

        Raises `InputError` for a URL that webhooks may not go to.
        """
        url = canonical_sink(url, private_allowed=self._private_allowed)
        await self.read(subscription_id)
        event = self.control_event(subscription_id, VERIFICATION, {"status": "pending"}, tries=0)
        await self._rows.move(subscription_id, url, event, self._clock())
        return await self.read(subscription_id)

    async def rotate(self, subscription_id: str, overlap_s: int, *, force: bool = False) -> str:
        """A new secret, shown this once; the one before signs on beside it for the overlap.

        Raises `StateConflictError` while an earlier overlap is open, unless forced.
        """
        while True:
            found = await self.read(subscription_id)
            context = secrets_context(subscription_id)
            now = Secrets.decode(self._vault.open(found.secrets, context))
            key = self._random(SECRET_SIZE)
            then = now.rotated(key, self._clock(), overlap_ms=overlap_s * 1000, force=force)
            sealed = self._vault.seal(then.encode(), context)
            if await self._rows.set_secrets(subscription_id, found.secrets, sealed):
                return Secret(key).text

    async def replay(self, subscription_id: str, span: Span, *, only_dead: bool) -> int | None:
        """Send the events of this range again, slowly; how many, where that is known.

        Raises `InputError` for a range that does not exist, `StateConflictError` while another replay runs.
        """
        await self.read(subscription_id)
        first, last = await self._positions(span)
        if only_dead:
            return await self._rows.replay_dead(subscription_id, first - 1, last, self._clock())
        if not await self._rows.begin_replay(subscription_id, first - 1, last):
            raise StateConflictError("another replay of this subscription still runs")
        return None

    async def _positions(self, span: Span) -> tuple[int, int]:
        """The first and the last position of this range."""
        if (span.first is None) == (span.from_ms is None):
            raise InputError("either a first position or a time", pointer="/first_position", code="range")
        if span.last is not None and span.until_ms is not None:
            raise InputError("either a last position or a time", pointer="/last_position", code="range")
        async with self._store.snapshot() as snapshot:
            head = (await snapshot.head()).position
            first, last = span.first, head if span.last is None else span.last
            if first is None:
                first = await first_after(snapshot, (span.from_ms or 0) - 1)
            if span.until_ms is not None:
                last = await first_after(snapshot, span.until_ms) - 1
        if not 0 <= first <= last <= head:
            raise InputError("this range does not exist", pointer="/last_position", code="range")
        return first, last

    async def deliveries(
        self, subscription_id: str, lane: Lane, before: int, state: State | None, limit: int
    ) -> Sequence[DeliveryRow]:
        """Deliveries below a position, newest first. Raises `NotFoundError`."""
        await self.read(subscription_id)
        return await self._rows.deliveries(subscription_id, lane, before, state, limit)

    async def attempts(self, subscription_id: str, lane: Lane, position: int) -> Sequence[AttemptRow]:
        """The attempts at one delivery, with the first KiB of each answer. Raises `NotFoundError`."""
        await self.read(subscription_id)
        rows = await self._rows.attempts(subscription_id, lane, position)
        context = answer_context(subscription_id)
        return [
            replace(row, answer=self._vault.open(row.answer, context)) if row.answer else row for row in rows
        ]

    async def delete(self, subscription_id: str) -> None:
        """End it. Raises `NotFoundError`."""
        await self._rows.delete(subscription_id)

    def control_event(
        self, subscription_id: str, kind: str, data: dict[str, Any], *, tries: int = ONE_TRY
    ) -> NewDelivery:
        """An event about the subscription itself, for its endpoint alone: no entry of the log."""
        now = self._clock()
        event_id = f"evt_{self._random(16).hex()}"
        return control_delivery(self._origin, subscription_id, event_id, kind, data, now_ms=now, tries=tries)


def secrets_context(subscription_id: str) -> str:
    """What the secrets of a subscription are sealed for."""
    return f"secrets/{subscription_id}"


def answer_context(subscription_id: str) -> str:
    """What the answers of its endpoint are sealed for."""
    return f"answer/{subscription_id}"
