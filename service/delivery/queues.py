"""What a worker has claimed: by endpoint, what is under way and what is next. Pure values, no I/O, no clock.

A worker claims more than it sends at once, so that an endpoint is kept busy while the next turn is taken.
Never more than so many are under way to one endpoint, and after a failure nothing more goes to it from here:
what was claimed ahead is given back, and the next turn decides with the failure in view.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from service.ledger.delivering.deliveries import SEND_BEFORE_MS, Lane
from service.ledger.delivering.ports import Claimed, Key, key_of

_ORDER: dict[Lane, int] = {"control": 0, "live": 1, "replay": 2}


@dataclass(order=True, slots=True)
class Held:
    """A claimed delivery. In order: what concerns the subscription first, what is new next."""

    lane: int
    position: int
    claimed: Claimed = field(compare=False)
    body: bytes = field(compare=False)
    lease_until_ms: int = field(compare=False)


@dataclass(slots=True)
class _Endpoint:
    unsent: list[Held] = field(default_factory=list)
    under_way: dict[Key, Held] = field(default_factory=dict)


class Queues:
    """Every delivery that one worker holds."""

    def __init__(self, in_flight: int) -> None:
        self._in_flight = in_flight
        self._endpoints: dict[str, _Endpoint] = {}
        self._returned: list[Claimed] = []

    def held(self) -> dict[str, int]:
        """How many each endpoint has here, under way or waiting; endpoints without any are left out."""
        return {name: len(one.under_way) + len(one.unsent) for name, one in self._endpoints.items()}

    def put(self, claimed: Claimed, body: bytes, lease_until_ms: int) -> None:
        """Queue one that was claimed until then, unless it is still under way from an earlier claim."""
        endpoint = self._endpoints.setdefault(claimed.subscription_id, _Endpoint())
        if key_of(claimed) not in endpoint.under_way:
            one = Held(_ORDER[claimed.lane], claimed.position, claimed, body, lease_until_ms)
            heappush(endpoint.unsent, one)

    def start(self, names: Iterable[str], now_ms: int) -> Iterator[tuple[Claimed, bytes]]:
        """Those of these endpoints that may go now; each counts as under way from here on.

        One whose lease could run out while it is sent is given back in place of being sent: another worker
        might be sending it, or what comes after it.
        """
        for name in names:
            endpoint = self._endpoints.get(name)
            while endpoint is not None and endpoint.unsent and len(endpoint.under_way) < self._in_flight:
                one = heappop(endpoint.unsent)
                if one.lease_until_ms - now_ms < SEND_BEFORE_MS:
                    self._returned.append(one.claimed)
                else:
                    endpoint.under_way[key_of(one.claimed)] = one
                    yield one.claimed, one.body
            self._drop_if_empty(name)

    def landed(self, claimed: Claimed, *, delivered: bool) -> None:
        """One that was under way has ended."""
        del self._endpoints[claimed.subscription_id].under_way[key_of(claimed)]
        if not delivered:
            self.withdraw(claimed.subscription_id)
        self._drop_if_empty(claimed.subscription_id)

    def withdraw(self, name: str, lanes: Sequence[Lane] = ("control", "live", "replay")) -> None:
        """Give back what waits for this endpoint in these lanes."""
        endpoint = self._endpoints.get(name)
        if endpoint is not None:
            self._returned += [one.claimed for one in endpoint.unsent if one.claimed.lane in lanes]
            endpoint.unsent = [one for one in endpoint.unsent if one.claimed.lane not in lanes]
            heapify(endpoint.unsent)
            self._drop_if_empty(name)

    def claims(self, lease_below_ms: int) -> list[Claimed]:
        """Those held whose lease ends before this time."""
        return [
            one.claimed
            for endpoint in self._endpoints.values()
            for one in (*endpoint.unsent, *endpoint.under_way.values())
            if one.lease_until_ms < lease_below_ms
        ]

    def renewed(self, asked: Sequence[Claimed], kept: set[Key], lease_until_ms: int) -> None:
        """The leases of those asked for that are `kept` run until then; the others are not sent."""
        lost = {key_of(claimed) for claimed in asked} - kept
        for name in {claimed.subscription_id for claimed in asked} & self._endpoints.keys():
            endpoint = self._endpoints[name]
            for one in (*endpoint.unsent, *endpoint.under_way.values()):
                if key_of(one.claimed) in kept:
                    one.lease_until_ms = lease_until_ms
            endpoint.unsent = [one for one in endpoint.unsent if key_of(one.claimed) not in lost]
            heapify(endpoint.unsent)
            self._drop_if_empty(name)

    def give_back(self, claims: Iterable[Claimed]) -> None:
        """Once more: giving these back has failed."""
        self._returned += claims

    def returned(self) -> list[Claimed]:
        """What is to be given back; the caller sees to it."""
        returned, self._returned = self._returned, []
        return returned

    def _drop_if_empty(self, name: str) -> None:
        endpoint = self._endpoints.get(name)
        if endpoint is not None and not endpoint.unsent and not endpoint.under_way:
            del self._endpoints[name]
