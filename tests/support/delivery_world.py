"""A service, a worker whose turns the test takes, and a clock that the test moves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from service.delivery.worker import Worker
from service.ledger.delivering.cloud_events import Filter
from service.ledger.delivering.deliveries import IN_FLIGHT
from service.ledger.delivering.subscriptions import Definition, Subscription, Subscriptions
from service.settings import Settings
from service.telemetry.metrics import Metrics
from service.wiring.clock import now_ms
from service.wiring.delivering import Delivering, delivering
from tests.support.http_service import Service, grant, running, withdrawal
from tests.support.webhook_receiver import Receiver

CHANGES = Filter(types=frozenset({"consent_granted", "consent_withdrawn"}))


@dataclass(slots=True)
class Clock:
    """The machine's, so much ahead; or stopped."""

    ahead_ms: int = 0
    stopped_ms: int | None = None

    def __call__(self) -> int:
        """Milliseconds since 1970."""
        return (now_ms() if self.stopped_ms is None else self.stopped_ms) + self.ahead_ms

    def stop(self) -> None:
        """Let no time pass but what `move` says, however slow the machine is."""
        self.stopped_ms = now_ms()

    def move(self, **spans: float) -> None:
        """Let time pass: `seconds`, `minutes`, `hours`, `days`."""
        units = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
        self.ahead_ms += round(sum(units[name] * span for name, span in spans.items()) * 1000)


@dataclass(slots=True)
class World:
    """What a test of deliveries has in hand."""

    service: Service
    delivering: Delivering
    clock: Clock
    settings: Settings
    dsn: str
    metrics: Metrics
    secrets: dict[str, str] = field(default_factory=dict)
    _people: int = 0

    @property
    def subscriptions(self) -> Subscriptions:
        """The use cases."""
        return self.service.composition.services.ledgers[self.service.ledger_id].subscriptions

    @property
    def worker(self) -> Worker:
        """The worker whose turns the test takes."""
        return self.delivering.workers[self.service.ledger_id]

    async def subscribe(
        self,
        receiver: Receiver | str,
        *,
        wanted: Filter = CHANGES,
        with_address: bool = False,
        source: str | None = None,
    ) -> str:
        """A verified subscription to consents and withdrawals from now on; its id."""
        url = receiver if isinstance(receiver, str) else receiver.url
        found, secret = await self.subscriptions.create(
            Definition("test", url, wanted, with_address, source=source)
        )
        self.secrets[found.subscription_id] = secret
        await self.go()
        return found.subscription_id

    async def status(self, subscription_id: str) -> Subscription:
        """How it stands."""
        return await self.subscriptions.read(subscription_id)

    async def happen(self, count: int = 1, person: str | None = None) -> list[int]:
        """Record so many withdrawals, each of another person, or all of this one; their positions."""
        positions = []
        for _ in range(count):
            self._people += 1
            value = person or f"person{self._people}@example.org"
            event = withdrawal(f"w-{self._people}", address={"kind": "email", "value": value})
            positions.append((await self.service.record(event)).json()["index"])
        return positions

    async def agree(self, person: str) -> int:
        """Let this person say yes; the position."""
        self._people += 1
        event = grant(f"g-{self._people}", address={"kind": "email", "value": person})
        return int((await self.service.record(event)).json()["index"])

    async def go(self) -> None:
        """Take turns until nothing is left to do at this time."""
        await self.hear()
        while True:
            more = await self.worker.turn()
            busy = bool(self.worker._flying)  # noqa: SLF001 - whether anything was claimed
            await self.worker.settled()
            if not busy and not more:
                return

    async def hear(self) -> None:
        """Tell the worker how far the log has grown."""
        self.delivering.watches[self.service.ledger_id].heard(await self.subscriptions.head())


@asynccontextmanager
async def a_world(
    dsn: str, data: Path, *, run: bool = False, in_flight: int = IN_FLIGHT
) -> AsyncIterator[World]:
    """On this migrated database. `run`: the worker goes by itself, and the clock is not to be moved."""
    clock, metrics = Clock(), Metrics()
    settings = Settings(
        database_url=dsn, data_dir=data, allow_private_sinks=True, webhooks_in_flight=in_flight
    )
    async with (
        running(dsn, data, allow_private_sinks=True) as service,
        delivering(settings, dsn, metrics, clock=clock, run=run) as parts,
    ):
        yield World(service, parts, clock, settings, dsn, metrics)
