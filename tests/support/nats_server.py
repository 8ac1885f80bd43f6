"""A NATS server with JetStream on this machine, that may be killed and started again; its streams stay."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js.api import StreamConfig

from service.cli.demo.theatre import free_port

STREAM = "CONSENT"
_PLACES = "/usr/sbin:/usr/local/sbin"


def find_nats() -> str | None:
    """Where the server's program is, if it is installed."""
    return shutil.which("nats-server") or shutil.which("nats-server", path=_PLACES)


def nats_program() -> str:
    """Where the server's program is; skips the test where it is not installed."""
    found = find_nats()
    if found is None:
        pytest.skip("no nats-server (on Debian: apt install nats-server)")
    return found


@dataclass(slots=True)
class NatsServer:
    """One server."""

    program: str
    folder: Path
    port: int = field(default_factory=free_port)
    jetstream: bool = True
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; clients wait until it is there."""
        storing = ("-js", "-sd", str(self.folder)) if self.jetstream else ()
        self._process = subprocess.Popen(
            (self.program, "-a", "127.0.0.1", "-p", str(self.port), *storing),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        """Kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        """A client, once the server is there."""
        client = await self._connected()
        try:
            yield client
        finally:
            await client.close()

    async def _connected(self) -> Any:  # noqa: ANN401 - a client of the library
        async with asyncio.timeout(30):
            while True:
                with suppress(OSError, nats.errors.Error):
                    return await nats.connect(self.url, allow_reconnect=False, error_cb=_ignore)
                await asyncio.sleep(0.05)

    async def make_stream(self, topic: str) -> None:
        """The stream that takes the subjects of this topic, once JetStream is ready."""
        config = StreamConfig(name=STREAM, subjects=[f"{topic}.>"], duplicate_window=600)
        async with asyncio.timeout(30), self.client() as client:
            while True:
                try:
                    await client.jetstream(timeout=2).add_stream(config)
                except nats.errors.Error:
                    await asyncio.sleep(0.05)
                else:
                    return

    async def held(self) -> list[Any]:
        """Every message of the stream, in its order."""
        async with self.client() as client:
            context = client.jetstream(timeout=10)
            state = (await context.stream_info(STREAM)).state
            numbers = range(state.first_seq, state.last_seq + 1)
            return [await context.get_msg(STREAM, number) for number in numbers]


@contextmanager
def a_nats_server(folder: Path, *, jetstream: bool = True) -> Iterator[NatsServer]:
    """One that runs, and is killed at the end."""
    server = NatsServer(nats_program(), folder, jetstream=jetstream)
    server.start()
    try:
        yield server
    finally:
        server.kill()


async def _ignore(_error: Exception) -> None:
    """The loops above try again."""
