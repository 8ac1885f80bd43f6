"""How late webhooks arrive, how fast what waited goes out, and what dead endpoints cost the others.

Service, worker and receiver are three processes on one machine, PostgreSQL a fourth, with fsync. Lateness is
from an event's recorded time, which is taken before its COMMIT, to the receiver's having read the request: an
upper bound of what COMMIT to arrival takes. The ceiling is the same HTTP client calling the same receiver.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from aiohttp import ClientSession, web

from service.cli.demo.theatre import Client, opened
from service.delivery.sender import Sender
from service.ledger.delivering.cloud_events import Filter
from service.ledger.delivering.deliveries import IN_FLIGHT
from service.ledger.delivering.subscriptions import Definition, Subscriptions
from service.settings import Settings, read_settings
from service.wiring.clock import now_ms
from service.wiring.database import database
from service.wiring.ledgers import open_parts
from tests.bench.table import Line, line
from tests.support.http_service import withdrawal

RATE = 200
FAN_OUT_RATE = 2
ENDPOINTS, DEAD = 100, 10
BACKLOG = 2_000


class Arrivals:
    """A receiver that notes how late each event is; `/hang` never answers."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Arrivals"]:
        """Listen on a free port."""
        application = web.Application()
        application.router.add_post("/hang", self._hang)
        application.router.add_post("/{path:.*}", self._take)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        arrived = time.time() * 1000
        event = json.loads(await request.read())
        if event["type"] == "consent_withdrawn":
            recorded = datetime.fromisoformat(event["time"]).timestamp() * 1000
            self.late_ms.append(arrived - recorded)
        return web.Response()

    async def _hang(self, request: web.Request) -> web.Response:
        event = json.loads(await request.read())
        if event["type"] == "consent_withdrawn":
            await asyncio.sleep(60)
        return web.Response()


def quantiles(late_ms: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile, in milliseconds."""
    late = sorted(late_ms)
    return late[len(late) // 2], late[len(late) * 99 // 100]


async def record(client: Client, name: str, rate: float, seconds: float) -> int:
    """Record withdrawals at this rate over HTTP; how many."""
    count = int(rate * seconds)
    headers = {"authorization": f"Bearer {client.key}"}
    async with ClientSession(f"http://127.0.0.1:{client.port}", headers=headers) as session:
        started = time.perf_counter()
        tasks: list[asyncio.Task[None]] = []

        async def one(number: int) -> None:
            address = {"kind": "email", "value": f"{name}-{number}@example.org"}
            async with session.post(
                "/v1/events", json=withdrawal(f"{name}-{number}", address=address)
            ) as answer:
                assert answer.status == 201

        for number in range(count):
            await asyncio.sleep(max(started + number / rate - time.perf_counter(), 0))
            tasks.append(asyncio.create_task(one(number)))
        await asyncio.gather(*tasks)
    return count


async def arrived(arrivals: Arrivals, count: int) -> None:
    """Return when so many came, or nothing new came for ten seconds."""
    seen, since = -1, time.perf_counter()
    while len(arrivals.late_ms) < count and time.perf_counter() - since < 10:
        if len(arrivals.late_ms) != seen:
            seen, since = len(arrivals.late_ms), time.perf_counter()
        await asyncio.sleep(0.1)


async def subscribe(use: Subscriptions, url: str) -> str:
    """A subscription to withdrawals that has been verified, or never will be."""
    wanted = Filter(types=frozenset({"consent_withdrawn"}))
    found, _ = await use.create(Definition("bench", url, wanted))
    return found.subscription_id


async def enabled(use: Subscriptions, count: int) -> None:
    """Return when so many are."""
    while sum(one.status == "enabled" for one in await use.list()) < count:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.1)


async def ceiling(arrivals: Arrivals) -> float:
    """Median milliseconds of one request by the same client to the same receiver."""
    sender = Sender(now_ms, private_allowed=True)
    taken = []
    for _ in range(500):
        started = time.perf_counter()
        answer = await sender.send(arrivals.url, {}, b'{"type": "none"}')
        assert answer.delivered
        taken.append((time.perf_counter() - started) * 1000)
    await sender.close()
    return statistics.median(taken)


async def emptied(arrivals: Arrivals, use: Subscriptions, client: Client) -> tuple[float, float]:
    """Deliveries a second of events that wait for one endpoint, and of the bare client, five at once."""
    name = await subscribe(use, f"{arrivals.url}/waited")
    await enabled(use, 1)
    await use.pause(name)
    await record(client, "waiting", BACKLOG, 1)
    arrivals.late_ms.clear()
    started = time.perf_counter()
    await use.enable(name)
    await arrived(arrivals, BACKLOG)
    taken = time.perf_counter() - started
    await use.delete(name)
    sender = Sender(now_ms, private_allowed=True)

    async def lane() -> None:
        for _ in range(BACKLOG // IN_FLIGHT):
            await sender.send(arrivals.url, {}, b'{"type": "none"}')

    started = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(IN_FLIGHT)))
    bare = time.perf_counter() - started
    await sender.close()
    return BACKLOG / taken, BACKLOG / bare


async def measure(client: Client, settings: Settings, dsn: str, seconds: float) -> list[Line]:
    """Every figure."""
    async with Arrivals().listening() as arrivals, open_parts(settings, dsn) as parts:
        use = parts.subscriptions
        bare = await ceiling(arrivals)
        first = await subscribe(use, f"{arrivals.url}/first")
        await enabled(use, 1)
        await record(client, "warm", RATE, 1)
        await asyncio.sleep(1)
        arrivals.late_ms.clear()
        await arrived(arrivals, await record(client, "one", RATE, seconds))
        late = quantiles(arrivals.late_ms)
        lines = [
            Line(f"webhook at {RATE} events/s, p50", f"{late[0]:.1f} ms", f"{bare:.2f} ms", "", "30 ms"),
            Line(f"webhook at {RATE} events/s, p99", f"{late[1]:.1f} ms", aim="250 ms"),
        ]
        await use.delete(first)
        rate, highest = await emptied(arrivals, use, client)
        lines.append(line(f"{BACKLOG} waiting events to one endpoint", (rate, "/s"), (highest, "/s")))
        return [*lines, *await fanned_out(client, arrivals, use, seconds)]


async def fanned_out(client: Client, arrivals: Arrivals, use: Subscriptions, seconds: float) -> list[Line]:
    """How late events are at many endpoints, first without and then with others that hang."""
    live = ENDPOINTS - DEAD
    for number in range(live):
        await subscribe(use, f"{arrivals.url}/live/{number}")
    await enabled(use, live)
    found = []
    for name in ("alone", "beside the dead"):
        arrivals.late_ms.clear()
        count = await record(client, name.replace(" ", "-"), FAN_OUT_RATE, seconds)
        await arrived(arrivals, count * live)
        assert len(arrivals.late_ms) == count * live
        found.append(quantiles(arrivals.late_ms))
        if name == "alone":
            await add_dead(use, arrivals, live)
    return [
        Line(
            f"webhook to {live} endpoints, {DEAD} others dead, {name}",
            f"{beside:.1f} ms",
            f"{alone:.1f} ms",
            f"{alone / beside:.2f}",
            "as without",
        )
        for name, alone, beside in zip(("p50", "p99"), *found, strict=True)
    ]


async def add_dead(use: Subscriptions, arrivals: Arrivals, live: int) -> None:
    """Endpoints that hang, verified like the others."""
    for _ in range(DEAD):
        await subscribe(use, f"{arrivals.url}/hang")
    await enabled(use, live + DEAD)


def measure_delivery(seconds: float) -> list[Line]:
    """With a service, a worker and a database of its own."""
    with tempfile.TemporaryDirectory(prefix="consent-ledger-bench-") as folder:
        data = Path(folder)
        data.chmod(0o711)
        settings = read_settings({}, data_dir=data, allow_private_sinks=True)
        with opened(data) as client, database(settings) as dsn:
            client.post("/v1/senders", {"id": "acme", "legal_name": "Acme B.V.", "country": "NL"})
            environment = {
                **os.environ,
                "DATABASE_URL": dsn,
                "CONSENT_LEDGER_DATA_DIR": str(data),
                "CONSENT_LEDGER_ALLOW_PRIVATE_SINKS": "true",
            }
            with (data / "worker.log").open("wb") as log:
                worker = subprocess.Popen(
                    [sys.executable, "-m", "service", "worker"], env=environment, stdout=log, stderr=log
                )
                try:
                    return asyncio.run(measure(client, settings, dsn, seconds))
                finally:
                    worker.terminate()
                    worker.wait()
