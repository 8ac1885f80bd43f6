"""A service, relays of its ledger, and a broker that the test scripts."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.delivery.relay import Course, Relay
from service.ledger.delivering.cloud_events import Filter
from service.ledger.delivering.relaying import BrokerAwayError, Message
from service.ledger.delivering.telling import PSEUDONYMOUS
from service.settings import Settings
from service.telemetry.metrics import Metrics
from service.wiring import relaying as wiring
from tests.support.databases import fetch_value
from tests.support.http_service import Service, running, withdrawal

CHANGES = Filter(types=frozenset({"consent_granted", "consent_withdrawn"}))


@dataclass
class ScriptedBroker:
    """Acknowledges, or takes and loses, what the test says. `published`: what it holds, in order."""

    destination: str = "scripted:test"
    chance: random.Random | None = None
    away: bool = False
    published: list[Message] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    on_wave: Callable[[], None] = lambda: None
    opened: int = 0

    async def open(self) -> None:
        """Count it, unless away."""
        self.opened += 1
        if self.away:
            raise BrokerAwayError("away")

    async def publish(self, messages: Sequence[Message]) -> None:
        """Take all and acknowledge; or take some and fail."""
        self.on_wave()
        await asyncio.sleep(0)
        if self.away:
            raise BrokerAwayError("away")
        if self.chance is not None and self.chance.random() < 0.4:
            taken = self.chance.sample(messages, self.chance.randrange(len(messages) + 1))
            self.published += taken
            raise BrokerAwayError("lost")
        self.published += messages
        self.acknowledged |= set(map(position_of, messages))

    async def close(self) -> None:
        """Nothing is held."""


def position_of(message: Message) -> int:
    """The position that its body tells."""
    return int(event_of(message)["data"]["position"])


def event_of(message: Message) -> dict[str, Any]:
    """Its CloudEvent."""
    event: dict[str, Any] = msgspec.json.decode(message.body)
    return event


def first_arrivals(published: Sequence[tuple[str, int]]) -> dict[str, list[int]]:
    """Positions by subject, in the order in which each came first."""
    arrived: dict[str, list[int]] = {}
    for subject, position in published:
        positions = arrived.setdefault(subject, [])
        if position not in positions:
            positions.append(position)
    return arrived


@dataclass(slots=True)
class RelayWorld:
    """What a test of relays has in hand."""

    service: Service
    settings: Settings
    dsn: str
    metrics: Metrics
    _people: int = 0

    async def happen(self, count: int = 1, people: int = 5, **fields: Any) -> list[int]:  # noqa: ANN401 - of an event
        """Record so many withdrawals of a few people; their positions."""
        events = []
        for _ in range(count):
            self._people += 1
            address = {"kind": "email", "value": f"person{self._people % people}@example.org"}
            events.append(withdrawal(f"r-{self._people}", address=address, **fields))
        answer = await self.service.client.post("/v1/events/batch", json={"events": events})
        assert answer.status_code == 207, answer.text
        return [item["receipt"]["index"] for item in answer.json()["items"]]

    def cursor(self, name: str = "default") -> int:
        """Where the relay of this name stands; -1 before it began."""
        found = fetch_value(self.dsn, f"SELECT cursor FROM relay WHERE name = '{name}'")  # noqa: S608 - a test's
        return found if isinstance(found, int) else -1

    def has_passed(self, position: int, name: str = "default") -> bool:
        """Whether everything up to there is acknowledged to the relay of this name."""
        return self.cursor(name) >= position

    @asynccontextmanager
    async def relay(
        self,
        broker: Any = None,  # noqa: ANN401 - a Broker, or None for the one of the settings
        *,
        lease_ms: int = 15_000,
        **course: Any,  # noqa: ANN401 - fields of a `Course`
    ) -> AsyncIterator[tuple[Relay, asyncio.Task[None]]]:
        """A relay that runs, and ends with the block; from the beginning unless `after` says otherwise."""
        wanted = Course(**{"name": "default", "wanted": CHANGES, "view": PSEUDONYMOUS, "after": 0, **course})
        with pytest.MonkeyPatch.context() as patch:
            if broker is not None:
                patch.setattr(wiring, "_broker", lambda _settings: broker)
            made = wiring.relaying(self.settings, self.dsn, wanted, Metrics(), lease_ms=lease_ms)
            relay = await made.__aenter__()
        running_ = asyncio.create_task(relay.run())
        try:
            yield relay, running_
        finally:
            relay.stop()
            with suppress(Exception, asyncio.CancelledError):
                await running_
            await made.__aexit__(None, None, None)


@asynccontextmanager
async def a_relay_world(dsn: str, data: Path, **settings: Any) -> AsyncIterator[RelayWorld]:  # noqa: ANN401 - settings
    """On this migrated database."""
    async with running(dsn, data) as service:
        made = Settings(database_url=dsn, data_dir=data, **settings)
        yield RelayWorld(service, made, dsn, Metrics())
