"""A thousand idle subscribers of one worker: what each costs in memory, and how soon one event reaches all.

The ceiling is a bare asyncio server that writes the same bytes to as many connections of the same reader.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from service.api.callers.key_desk import NewKey
from service.api.callers.principal import Quota
from service.cli.demo.theatre import Client
from service.storage.access import AccessStore
from service.wiring.clock import now_ms
from service.wiring.key_ring import StoredKeyDesk
from service.wiring.pools import pooled
from tests.bench.table import Line
from tests.support.http_service import withdrawal

SUBSCRIBERS = 1_000
PER_KEY = 100
ROUNDS = 5
_SETTLE_SECONDS = 2.0
_PATIENCE_SECONDS = 60.0
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def measure_streams(client: Client, dsn: str, scale: int) -> list[Line]:
    """Memory of each, and the median of several fan-outs beside that of the bare server."""
    del scale
    keys = await _keys(dsn, SUBSCRIBERS // PER_KEY)
    pid = _service_of(client.port)
    before = _resident_bytes(pid)
    opened = [await _subscribe(client.port, keys[number % len(keys)]) for number in range(SUBSCRIBERS)]
    await asyncio.sleep(_SETTLE_SECONDS)
    each = (_resident_bytes(pid) - before) / SUBSCRIBERS
    took, size = [], 0
    for number in range(ROUNDS):
        spent, size = await _fanned_out(client, opened, number)
        took.append(spent)
    await _close(opened)
    bare = await _bare(size)
    median = statistics.median(took)
    return [
        Line(f"{SUBSCRIBERS} idle streams, memory of each", f"{each / 1024:.0f} KiB"),
        Line(
            f"one event to {SUBSCRIBERS} streams",
            f"{median * 1000:.0f} ms",
            f"{bare * 1000:.0f} ms",
            f"{bare / median:.2f}",
        ),
    ]


async def _keys(dsn: str, count: int) -> list[str]:
    """So many keys that may listen, each of another client."""
    async with pooled(dsn, 1) as pool:
        desk = StoredKeyDesk(AccessStore(pool), now_ms, os.urandom, Quota(10_000, 10_000))
        row = await AccessStore(pool).ledger("main")
        asked = [NewKey(f"stream-{number}", frozenset({"event:read"}), 1) for number in range(count)]
        return [(await desk.issue(row.ledger_id, each))[0] for each in asked]


def _service_of(port: int) -> int:
    """The process that serves on this port, by its command line."""
    for found in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = found.read_bytes().split(b"\0")
            if b"serve" in words and str(port).encode() in words:
                return int(found.parent.name)
    raise RuntimeError(f"nobody serves on port {port}")


def _resident_bytes(pid: int) -> int:
    """What the process holds in memory (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def _subscribe(port: int, key: str) -> Connection:
    """A stream from now on, of which the head and the first message are read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = ("GET /v1/events/stream?after=now HTTP/1.1", "host: localhost", f"authorization: Bearer {key}")
    writer.write("\r\n".join((*lines, "", "")).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head, head
    await reader.readuntil(b"retry: 3000\n\n")
    return reader, writer


async def _fanned_out(client: Client, opened: Sequence[Connection], number: int) -> tuple[float, int]:
    """Seconds from sending one event to the last subscriber's having it, and the bytes that each got."""
    event = withdrawal(f"fan-{number}", address={"kind": "email", "value": f"fan-{number}@example.org"})
    started = time.perf_counter()
    posting = asyncio.create_task(asyncio.to_thread(client.post, "/v1/events", event))
    sizes = await asyncio.wait_for(
        asyncio.gather(*(_hears(reader) for reader, _ in opened)), _PATIENCE_SECONDS
    )
    spent = time.perf_counter() - started
    await posting
    return spent, max(sizes)


async def _hears(reader: asyncio.StreamReader) -> int:
    """Read up to the end of the next event; its size."""
    while True:
        read = await reader.readuntil(b"\n\n")
        if b"data: " in read:
            return len(read)


async def _bare(size: int) -> float:
    """The same from a server that does nothing else."""
    writers: list[asyncio.StreamWriter] = []

    async def keep(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(keep, "127.0.0.1", 0, backlog=SUBSCRIBERS)
    port = server.sockets[0].getsockname()[1]
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(SUBSCRIBERS)]
    while len(writers) < SUBSCRIBERS:  # noqa: ASYNC110 - accepted a moment later
        await asyncio.sleep(0.01)
    message = b"data: " + b"x" * (size - 8) + b"\n\n"
    took = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for writer in writers:
            writer.write(message)
        await asyncio.gather(*(_hears(reader) for reader, _ in opened))
        took.append(time.perf_counter() - started)
    await _close(opened)
    for writer in writers:
        writer.close()
    server.close()
    return statistics.median(took)


async def _close(opened: Sequence[Connection]) -> None:
    for _, writer in opened:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
