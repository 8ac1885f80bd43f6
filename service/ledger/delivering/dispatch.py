"""From the log to endpoints: what to send now, and what to remember of what came back.

One turn is one short transaction: results of attempts that ended are recorded, new events of the log become
deliveries, and what is due is claimed under a lease. Then it commits, and only then anything is sent, with no
connection held. Any number of processes may take turns; one that dies leaves leases that run out.
"""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.errors import QuestionError
from service.ledger.delivering.cloud_events import Heard, event_id
from service.ledger.delivering.control_events import VERIFICATION, NewDelivery
from service.ledger.delivering.deliveries import (
    DISABLE_ATTEMPTS,
    IN_FLIGHT,
    LEASE_MS,
    RENEW_BELOW_MS,
    Lane,
    Outcome,
    after_attempt,
    endpoint_after,
    reason_to_disable,
)
from service.ledger.delivering.feed import Feed
from service.ledger.delivering.ports import (
    Attempted,
    Claimed,
    DeliveryStore,
    EndpointState,
    Holding,
    Key,
    Listening,
    Move,
    Record,
    Turn,
)
from service.ledger.delivering.signatures import Secrets, signed_headers
from service.ledger.delivering.subscriptions import answer_context, secrets_context
from service.ledger.delivering.telling import Telling
from service.ledger.keys import Sealer
from service.ledger.ports import Clock, SecretRow, Store
from service.ledger.vault import Vault

QUEUE_MAX: Final = 1_000
"""Deliveries made ahead for one endpoint and lane; the rest waits where it is safe, in the log."""
PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Parts:
    """What a dispatch is made of."""

    rows: DeliveryStore
    store: Store
    feed: Feed
    telling: Telling
    sealer: Sealer
    vault: Vault
    signing: Sequence[Ed25519PrivateKey]
    origin: str
    clock: Clock


@dataclass(frozen=True, slots=True)
class Back:
    """What a worker hands in: attempts that ended, and what it claimed and did not send."""

    ended: Sequence[Attempted] = ()
    unsent: Sequence[Claimed] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """What a turn brought: deliveries to send, claimed until then, and subscriptions that it disabled."""

    claimed: Sequence[Claimed]
    lease_until_ms: int
    disabled: Sequence[str]


class Dispatch:
    """One worker's turns for one ledger. `in_flight`: deliveries under way to one endpoint at once."""

    def __init__(self, parts: Parts, *, jitter: random.Random, in_flight: int = IN_FLIGHT) -> None:
        self._parts = parts
        self._jitter = jitter
        self.in_flight = in_flight
        self.behind = False
        """Whether the last turn left events of the log for the next one."""

    async def latest(self) -> int:
        """The newest position of the log."""
        return await self._parts.feed.latest()

    async def turn(self, back: Back, head: int, held: Mapping[str, int]) -> Taken:
        """Record, make and claim. `held`: how many each endpoint still has at this worker."""
        moves = await self._moves(head)
        now = self._parts.clock()
        disabled: list[str] = []
        async with self._parts.rows.turn() as turn:
            await turn.give_back(back.unsent)
            if back.ended:
                disabled = await self._record(turn, back.ended, held)
            if moves:
                await turn.move(moves)
            holding = Holding(held, self.in_flight)
            claimed = await turn.claim(now, lease_until_ms=now + LEASE_MS, holding=holding)
        return Taken(claimed, now + LEASE_MS, disabled)

    async def record(self, back: Back, held: Mapping[str, int]) -> None:
        """Remember and give back, and claim nothing: for a worker that stops, or has its hands full."""
        async with self._parts.rows.turn() as turn:
            await turn.give_back(back.unsent)
            if back.ended:
                await self._record(turn, back.ended, held)
            await turn.let_go(
                [name for name in {one.subscription_id for one in back.unsent} if name not in held]
            )

    async def renew(
        self, names: Sequence[str], claims: Sequence[Claimed]
    ) -> tuple[dict[str, bool], set[Key], int]:
        """Hold these endpoints, and these deliveries that wait for them, for longer.

        Returns the endpoints that are still ours, and whether each is enabled; which of the deliveries are
        still ours; and until when.
        """
        until = self._parts.clock() + LEASE_MS
        async with self._parts.rows.turn() as turn:
            ours = await turn.renew_endpoints(names, until)
            kept = await turn.renew([one for one in claims if one.subscription_id in ours], until)
        return ours, kept, until

    def renew_below_ms(self) -> int:
        """Leases that end before this are to be renewed."""
        return self._parts.clock() + RENEW_BELOW_MS

    async def would_disable(self, attempted: Attempted) -> str | None:
        """Why this attempt will disable its subscription; None: it will not, or it is not enabled."""
        claimed, answer = attempted.claimed, attempted.answer
        certain = answer.outcome is Outcome.GONE or answer.control == "disable"
        # As it was when it was claimed: a few others may have failed since.
        likely = claimed.failures + self.in_flight >= DISABLE_ATTEMPTS
        if answer.delivered or claimed.status != "enabled" or not (certain or likely):
            return None
        async with self._parts.rows.turn() as turn:
            states = await turn.endpoints([attempted.claimed.subscription_id])
        state = states.get(attempted.claimed.subscription_id)
        if state is None or state.status != "enabled":
            return None
        after = endpoint_after(state.endpoint, attempted.answer, attempted.ended_at_ms)
        return reason_to_disable(after, attempted.answer)

    async def requests(self, claimed: Sequence[Claimed]) -> AsyncIterator[tuple[Claimed, bytes]]:
        """Each claimed delivery with the bytes to send: those frozen when it was made."""
        keys = {one.subject_key for one in claimed if one.sealed is not None}
        secrets: dict[bytes, SecretRow] = {}
        if keys:
            async with self._parts.store.snapshot() as snapshot:
                secrets = await snapshot.secrets(list(keys))
        for one in claimed:
            yield one, self._body(one, secrets.get(one.subject_key))

    def headers(self, claimed: Claimed, body: bytes) -> dict[str, str]:
        """The headers of an attempt that begins now."""
        now = self._parts.clock()
        plain = self._parts.vault.open(claimed.secrets, secrets_context(claimed.subscription_id))
        return signed_headers(
            claimed.event_id, body, now, Secrets.decode(plain).live(now), self._parts.signing
        )

    def _body(self, claimed: Claimed, secret: SecretRow | None) -> bytes:
        """The body with all that is private where it was frozen so, and the person was not erased since."""
        if claimed.sealed is None or secret is None:
            return claimed.body
        sealer = self._parts.sealer
        try:
            cipher = sealer.open_subject(claimed.subject_key, secret.wrapped_key)
            return sealer.open(cipher, claimed.sealed, _context(claimed.subscription_id, claimed.position))
        except InvalidTag:
            return claimed.body

    async def _moves(self, head: int) -> list[Move]:
        self.behind = False
        moves: list[Move] = []
        for one in await self._parts.rows.listening(head, self._parts.clock()):
            if one.cursor < head and one.room > 0:
                moves += await self._move(one, "live", one.cursor, head, one.room)
            if one.replay_cursor is not None and one.replay_to is not None and one.replay_room > 0:
                moves += await self._move(one, "replay", one.replay_cursor, one.replay_to, one.replay_room)
        return moves

    async def _move(self, one: Listening, lane: Lane, cursor: int, end: int, room: int) -> list[Move]:
        try:
            page = await self._parts.feed.read(cursor, one.wanted, limit=min(room, PAGE))
        except QuestionError:
            return []  # a cursor beyond the log: the database was restored, and start-up says so
        events = [heard for heard in page.events if lane == "live" or heard.index <= end]
        upto = max(page.scanned, cursor) if lane == "live" else min(page.scanned, end)
        self.behind = self.behind or upto < end
        return [Move(one.subscription_id, lane, cursor, upto, await self._frozen(one, lane, events))]

    async def _frozen(self, one: Listening, lane: Lane, events: Sequence[Heard]) -> list[NewDelivery]:
        now = self._parts.clock()
        sealed = await self._sealed(one, events) if not one.view.is_pseudonymous else {}
        return [
            NewDelivery(
                subscription_id=one.subscription_id,
                lane=lane,
                position=heard.index,
                subject_key=heard.subject_key,
                event_id=event_id(heard.leaf_hash),
                type=heard.type,
                body=msgspec.json.encode(self._parts.telling.event(heard)),
                sealed=sealed.get(heard.index),
                tries=0,
                next_attempt_ms=now,
                recorded_at_ms=heard.recorded_at_ms,
            )
            for heard in events
        ]

    async def _sealed(self, one: Listening, events: Sequence[Heard]) -> dict[int, bytes]:
        """The bodies with all that is private, sealed under the person's own key: an erasure reaches them."""
        telling, sealer = self._parts.telling, self._parts.sealer
        people = await telling.people((heard.subject_key for heard in events), one.view)
        sealed = {}
        for heard in events:
            person = people.get(heard.subject_key)
            if person is not None and person.is_shown:
                body = msgspec.json.encode(telling.event(heard, person))
                context = _context(one.subscription_id, heard.index)
                sealed[heard.index] = sealer.seal(person.cipher, body, context)
        return sealed

    async def _record(self, turn: Turn, ended: Sequence[Attempted], held: Mapping[str, int]) -> list[str]:
        """Fold the results into their endpoints, oldest first; which subscriptions were disabled by them."""
        states = await turn.endpoints(sorted({one.claimed.subscription_id for one in ended}))
        records: list[Record] = []
        back: list[str] = []
        disabled: list[str] = []
        for one in ended:
            name = one.claimed.subscription_id
            state = states.get(name)
            if state is None:
                continue
            after = self._after(state, one)
            if one.answer.delivered and (state.endpoint.probing or after.status != state.status):
                back.append(name)
            if after.status == "disabled" and state.status == "enabled":
                disabled.append(name)
            states[name] = after
            records.append(self._recorded(one))
        now = self._parts.clock()
        await turn.record(records, now)
        await turn.put_endpoints(states, now, [name for name in states if name not in held])
        if back:
            await turn.hasten(back, now)
        return disabled

    def _recorded(self, one: Attempted) -> Record:
        claimed = one.claimed
        after = after_attempt(
            claimed.tries, one.answer, one.ended_at_ms, due=claimed.due, jitter=self._jitter
        )
        context = answer_context(claimed.subscription_id)
        body = self._parts.vault.seal(one.answer.body, context) if one.answer.body else None
        return Record(one, after, body)

    @staticmethod
    def _after(state: EndpointState, one: Attempted) -> EndpointState:
        # What came from the URL before says nothing about the present one, and what an endpoint answers to a
        # test or a notice nothing about the events it is owed.
        if one.claimed.url != state.url:
            return state
        if one.claimed.lane == "control" and one.claimed.type != VERIFICATION:
            return state
        endpoint = endpoint_after(state.endpoint, one.answer, one.ended_at_ms)
        if one.claimed.type == VERIFICATION:
            if state.status == "pending" and one.answer.delivered:
                enabled = replace(endpoint, enabled_at_ms=one.ended_at_ms)
                return replace(state, endpoint=enabled, status="enabled", reason=None)
            return replace(state, endpoint=endpoint) if state.status == "pending" else state
        if state.status == "enabled" and (reason := reason_to_disable(endpoint, one.answer)):
            return replace(state, endpoint=endpoint, status="disabled", reason=reason)
        return replace(state, endpoint=endpoint)


def _context(subscription_id: str, position: int) -> bytes:
    return f"clv1/delivery/{subscription_id}/{position}".encode()
