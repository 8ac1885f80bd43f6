"""Services, workers and a receiver, killed and started again at random while withdrawals are recorded."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from service.api.callers.key_desk import NewKey
from service.cli.demo.theatre import free_port
from service.ledger.delivering.cloud_events import Filter
from service.ledger.delivering.subscriptions import Definition
from service.settings import Settings
from service.wiring.clock import now_ms
from service.wiring.compose import open_services
from tests.support.http_service import withdrawal
from tests.support.program_nursery import ROOT, Nursery, Run, Wanted
from tests.support.turmoil_readers import FeedReader, Heard, Hearing, follow, poll
from tests.support.webhook_receiver import Received, Receiver, a_receiver
from tests.support.workload import NAME, ORIGIN_HOST, SENDER, Event

SPEED = 20
"""How much faster the workers' clocks run: a lease of a minute is over in three seconds."""
CHUNK = 10


@dataclass(slots=True)
class Turmoil:
    """Everything that can be killed, and what came through."""

    dsn: str
    data: Path
    nursery: Nursery
    chance: random.Random
    base_ms: int = field(default_factory=now_ms)
    received: list[Received] = field(default_factory=list)
    deeds: dict[str, int] = field(default_factory=dict)
    subscription: str = ""
    readers: dict[str, Hearing] = field(default_factory=dict)
    _reading: list[asyncio.Task[None]] = field(default_factory=list)
    _services: list[Run] = field(default_factory=list)
    _ports: list[int] = field(default_factory=list)
    _key: str = ""
    _workers: list[asyncio.subprocess.Process] = field(default_factory=list)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _receiver: Receiver | None = None
    _port: int = 0

    async def begin(self) -> None:
        """Two services, two workers, one receiver, subscribed to withdrawals."""
        await self._listen()
        settings = Settings(
            database_url=self.dsn, data_dir=self.data, origin_host=ORIGIN_HOST, allow_private_sinks=True
        )
        async with open_services(settings, self.dsn) as composition:
            (ledger,) = composition.services.ledgers.values()
            await ledger.configuration.register_sender(SENDER)
            wanted = Filter(types=frozenset({"consent_withdrawn"}))
            url = f"http://127.0.0.1:{self._port}/hook"
            found, _ = await ledger.subscriptions.create(Definition("turmoil", url, wanted))
            self.subscription = found.subscription_id
            (ledger_id,) = composition.services.ledgers
            made = NewKey("turmoil", frozenset({"record:write", "event:read"}), 1)
            self._key, _ = await composition.services.key_desk.issue(ledger_id, made)
        self._ports = [free_port() for _ in range(2)]
        self._services = [self._serve(port) for port in self._ports]
        self._workers = [await self._worker() for _ in range(2)]
        for name, read in (("long poll", poll), ("stream", follow)):
            reader = FeedReader(self._ports, self._key, random.Random(self.chance.random()))  # noqa: S311 - a run that can be repeated
            self.readers[name] = reader
            self._reading.append(reader.start(read))

    async def end(self) -> None:
        """Stop what still runs."""
        for reading in self._reading:
            reading.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        for service in self._services:
            service.kill()
        for worker in self._workers:
            await killed(worker)
        await self._stack.aclose()

    async def record(self, events: Sequence[Event]) -> list[int]:
        """Record these, again and again until they are acknowledged; their positions."""
        positions: dict[int, int] = {}
        while len(positions) < len(events):
            place = self.chance.randrange(len(self._services))
            left = [number for number in range(len(events)) if number not in positions]
            answers = await self._post(self._ports[place], [events[number] for number in left])
            for number, answer in zip(left, answers, strict=False):
                if "receipt" in answer:
                    positions[number] = answer["receipt"]["index"]
            await self.mend()
            if len(positions) < len(events):
                await asyncio.sleep(0.2)
        return [positions[number] for number in range(len(events))]

    async def mend(self) -> None:
        """Start whatever ended again, as whatever watches over processes would."""
        for place, service in enumerate(self._services):
            if service.status() is not None:
                self._services[place] = self._serve(self._ports[place])
        for place, worker in enumerate(self._workers):
            if worker.returncode is not None:
                self._workers[place] = await self._worker()

    async def _post(self, port: int, events: Sequence[Event]) -> list[dict[str, Any]]:
        """One request; what came back, if anything did."""
        headers = {"authorization": f"Bearer {self._key}"}
        url = f"http://127.0.0.1:{port}/v1/events/batch"
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session,
                session.post(url, json={"events": events}, headers=headers) as response,
            ):
                told = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return []
        items: list[dict[str, Any]] = told.get("items", [])
        return items

    async def rage(self, rounds: int, extra: Sequence[Callable[[], Awaitable[None]]] = ()) -> None:
        """Kill something every now and then: everything once in each round."""
        deeds = [self.kill_worker, self.kill_service, self.lose_receiver, self.upset_receiver, *extra]
        for _ in range(rounds):
            # Each in its turn, in another order every time: none is left out by chance.
            for deed in self.chance.sample(deeds, len(deeds)):
                await asyncio.sleep(self.chance.uniform(0.1, 0.5))
                await deed()
                self.deeds[deed.__name__] = self.deeds.get(deed.__name__, 0) + 1

    async def kill_worker(self) -> None:
        """Kill -9 one worker, wherever it is, and start another."""
        place = self.chance.randrange(len(self._workers))
        await killed(self._workers[place])
        self._workers[place] = await self._worker()

    async def kill_service(self) -> None:
        """Kill -9 one service; whoever needs it starts it again."""
        await asyncio.to_thread(self.chance.choice(self._services).kill)

    async def lose_receiver(self) -> None:
        """The receiver is away for a moment, in the middle of its requests."""
        await self._stack.aclose()
        await asyncio.sleep(self.chance.uniform(0, 0.3))
        await self._listen()

    async def upset_receiver(self) -> None:
        """The receiver refuses half of what comes, for a moment."""
        receiver, chance = self._receiver, self.chance
        if receiver is not None:
            receiver.answer = lambda _: web.Response(status=chance.choice((200, 500, 503)))
            await asyncio.sleep(0.3)
            receiver.answer = lambda _: web.Response()

    async def _listen(self) -> None:
        self._receiver = await self._stack.enter_async_context(a_receiver(self._port))
        self._receiver.requests = self.received
        self._port = int(self._receiver.url.rpartition(":")[2].partition("/")[0])

    def _serve(self, port: int) -> Run:
        arguments = ["serve", "--port", str(port)]
        output = self.data / "services.log"
        wanted = Wanted(arguments, self.environment())
        return self.nursery.start(wanted, output=output, errors=output)

    def environment(self) -> dict[str, str]:
        """What every program of the turmoil finds."""
        return {
            **os.environ,
            "DATABASE_URL": self.dsn,
            "CONSENT_LEDGER_DATA_DIR": str(self.data),
            "CONSENT_LEDGER_ORIGIN_HOST": ORIGIN_HOST,
            "CONSENT_LEDGER_LEDGER": NAME,
            "CONSENT_LEDGER_ALLOW_PRIVATE_SINKS": "true",
        }

    async def _worker(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.worker_process", str(self.base_ms), str(SPEED)),
            cwd=ROOT,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=self.environment(),
        )

    def heard(self) -> dict[str, list[Heard]]:
        """What came, by way: subject and position of every withdrawal, in the order of arrival."""
        webhook = [
            (received.event["subject"], received.position)
            for received in self.received
            if received.type == "consent_withdrawn"
        ]
        return {"webhook": webhook, **{name: list(reader.heard) for name, reader in self.readers.items()}}


async def killed(process: asyncio.subprocess.Process) -> None:
    """Kill -9, unless it has ended already."""
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def first_arrivals(heard: Sequence[Heard]) -> dict[str, list[int]]:
    """Positions by subject, in the order in which each came first."""
    arrived: dict[str, dict[int, None]] = {}
    for subject, position in heard:
        arrived.setdefault(subject, {})[position] = None
    return {subject: list(positions) for subject, positions in arrived.items()}


@asynccontextmanager
async def turmoil(dsn: str, data: Path, nursery: Nursery, seed: int) -> AsyncIterator[Turmoil]:
    """On this migrated database."""
    made = Turmoil(dsn, data, nursery, random.Random(seed))  # noqa: S311 - a run that can be repeated
    try:
        await made.begin()
        yield made
    finally:
        await made.end()


def withdrawals(count: int, people: int, chance: random.Random) -> list[list[Event]]:
    """So many withdrawals of so many people, in chunks."""
    events = [
        withdrawal(
            f"turmoil-{number}",
            address={"kind": "email", "value": f"person{chance.randrange(people)}@example.org"},
        )
        for number in range(count)
    ]
    return [events[start : start + CHUNK] for start in range(0, count, CHUNK)]
