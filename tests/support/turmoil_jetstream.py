"""A subscriber behind NATS JetStream in a turmoil: two relays of one name, and a server, all killed."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import nats
from nats.js.api import ConsumerConfig

from tests.support.nats_server import STREAM, NatsServer, a_nats_server, find_nats
from tests.support.program_nursery import Run, Wanted
from tests.support.turmoil import Turmoil
from tests.support.turmoil_readers import Heard

TOPIC = "consent.events"
RELAYS = 2
_ACK_SECONDS = 2.0
_LOOK_SECONDS = 0.2


@dataclass(slots=True)
class JetStreamReader:
    """A durable consumer: what it heard, in the order of arrival, and what it hears through."""

    world: Turmoil
    server: NatsServer
    heard: list[Heard] = field(default_factory=list)
    _relays: list[Run] = field(default_factory=list)

    async def kill_relay(self) -> None:
        """Kill -9 one relay, publishing or standing by; whoever watches over them starts another."""
        await asyncio.to_thread(self.world.chance.choice(self._relays).kill)

    async def kill_broker(self) -> None:
        """Kill -9 the server, and start it again a moment later."""
        await asyncio.to_thread(self.server.kill)
        await asyncio.sleep(self.world.chance.uniform(0, 0.3))
        self.server.start()

    async def run(self) -> None:
        """Read for ever, and start every relay again that ended."""
        self._relays = [self._relay() for _ in range(RELAYS)]
        await asyncio.gather(self._read(), self._watch_over())

    def end(self) -> None:
        """Stop the relays."""
        for relay in self._relays:
            relay.signal(signal.SIGTERM)
        for relay in self._relays:
            with suppress(TimeoutError):
                relay.wait()
            relay.kill()

    async def _watch_over(self) -> None:
        while True:
            for place, relay in enumerate(self._relays):
                if relay.status() is not None:
                    self._relays[place] = self._relay()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _read(self) -> None:
        while True:
            with suppress(nats.errors.Error, OSError, TimeoutError):
                async with self.server.client() as client:
                    await self._listen(client)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _listen(self, client: Any) -> None:  # noqa: ANN401 - a client of the library
        context = client.jetstream(timeout=5)
        # Of several that are under way JetStream brings one that got lost after those behind it.
        in_order = ConsumerConfig(max_ack_pending=1, ack_wait=_ACK_SECONDS)
        consumer = await context.pull_subscribe(
            f"{TOPIC}.>", durable="turmoil", stream=STREAM, config=in_order
        )
        while client.is_connected:
            messages: list[Any] = []
            with suppress(nats.errors.TimeoutError):
                messages = await consumer.fetch(1, timeout=1)
            for message in messages:
                event = msgspec.json.decode(message.data)
                self.heard.append((event["subject"], event["data"]["position"]))
                await message.ack()

    def _relay(self) -> Run:
        arguments = ["relay", "--to", self.server.url, "--after", "0", "--type", "consent_withdrawn"]
        output = self.world.data / "relays.log"
        wanted = Wanted(arguments, self.world.environment())
        return self.world.nursery.start(wanted, output=output, errors=output)


@asynccontextmanager
async def jetstream_reader(
    world: Turmoil, folder: Path
) -> AsyncIterator[Sequence[Callable[[], Awaitable[None]]]]:
    """One more reader of this turmoil; what else may be killed. Nothing where no nats-server is installed."""
    if find_nats() is None:
        yield ()
        return
    with a_nats_server(folder) as server:
        await server.make_stream(TOPIC)
        reader = JetStreamReader(world, server)
        world.readers["jetstream"] = reader
        running = asyncio.create_task(reader.run())
        try:
            yield (reader.kill_relay, reader.kill_broker)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await asyncio.to_thread(reader.end)
