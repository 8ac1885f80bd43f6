"""A real receiver of webhooks on loopback: keeps every request, answers as it is told to."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came: header names in lower case, the body's exact bytes."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The CloudEvent."""
        event: dict[str, Any] = json.loads(self.body)
        return event

    @property
    def type(self) -> str:
        """The event's type."""
        return str(self.event["type"])

    @property
    def position(self) -> int:
        """The event's position in the log; -1 for what is about the subscription."""
        return int(self.event["data"].get("position", -1))


@dataclass(slots=True)
class Receiver:
    """Where it is, what came, and how it answers."""

    url: str
    requests: list[Received] = field(default_factory=list)
    answer: Callable[[Received], web.StreamResponse] = lambda _: web.Response()
    before: Callable[[Received], Awaitable[None]] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    in_flight: int = 0
    most_in_flight: int = 0

    def answers(self, status: int, **headers: str) -> None:
        """Answer everything from now on like this."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answer = lambda _: web.Response(status=status, headers=named, text="as told")

    @property
    def events(self) -> list[Received]:
        """What came from the log, without what was about the subscription itself."""
        return [one for one in self.requests if not one.type.startswith("subscription.")]

    @property
    def positions(self) -> list[int]:
        """The positions of what came from the log, in the order in which it came."""
        return [one.position for one in self.events]

    async def heard(self, count: int, seconds: float = 20) -> None:
        """Return when so many events of the log came."""
        async with asyncio.timeout(seconds):
            while len(self.events) < count:
                self.news.clear()
                await self.news.wait()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Keep it, and answer."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            body = await request.read()
            received = Received({name.lower(): value for name, value in request.headers.items()}, body)
            self.requests.append(received)
            self.news.set()
            if self.before is not None:
                await self.before(received)
            return self.answer(received)
        finally:
            self.in_flight -= 1


@asynccontextmanager
async def a_receiver(port: int = 0, host: str = "127.0.0.1") -> AsyncIterator[Receiver]:
    """One that listens until the end."""
    receiver = Receiver("")
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, reuse_address=True)
        await site.start()
        found = runner.addresses[0][1]
        receiver.url = f"http://{host}:{found}/hook"
        yield receiver
    finally:
        await runner.cleanup()
