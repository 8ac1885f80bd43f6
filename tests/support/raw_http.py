"""A server in this very process and loop, asked over a raw socket: what no HTTP client would send."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar

from service.wiring.serving.http import Server


@asynccontextmanager
async def listening(app: Litestar) -> AsyncIterator[int]:
    """Serve the application on a port of loopback; yields the port."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        ready = asyncio.Event()
        server = Server(app, shutdown_seconds=1, on_ready=ready.set, on_drain=lambda: None)
        serving = asyncio.create_task(server.serve([door]))
        await ready.wait()
        yield door.getsockname()[1]
        server.stop()
        await serving


async def exchange(port: int, *parts: bytes, pause: float = 0.0, patience: float = 5.0) -> bytes:
    """Send parts with pauses between them, then read until the server closes or patience ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = bytearray()

    async def read() -> None:
        while chunk := await reader.read(65_536):
            received.extend(chunk)

    reading = asyncio.create_task(read())
    try:
        for part in parts:
            if reading.done():
                break
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        await asyncio.wait_for(asyncio.shield(reading), patience)
    except (ConnectionError, TimeoutError):
        pass
    finally:
        reading.cancel()
        writer.close()
    return bytes(received)


def status_of(answer: bytes) -> int:
    """The status of the first answer; 0 where there is none."""
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0
