"""A load generator on loopback: keep-alive connections, raw HTTP/1.1, no library between."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Measured:
    """Requests a second, and latencies in milliseconds."""

    per_second: float
    p50_ms: float
    p99_ms: float


def median(rounds: Sequence[Measured]) -> Measured:
    """The round in the middle, by rate."""
    return sorted(rounds, key=lambda each: each.per_second)[len(rounds) // 2]


def request(path: str, body: bytes, key: str, media_type: str = "application/json") -> bytes:
    """One POST as bytes."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n"
        f"content-type: {media_type}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _read(reader: asyncio.StreamReader) -> int:
    """Status of one answer; its body is read and dropped."""
    head = await reader.readuntil(b"\r\n\r\n")
    lowered = head.lower()
    length = int(lowered.split(b"content-length: ")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head[9:12])


async def drive(
    port: int, requests: Sequence[bytes], *, connections: int = CONNECTIONS, per_second: float | None = None
) -> Measured:
    """Send these requests, on each connection one as soon as the one before it was answered.

    With `per_second` they are sent at that pace, and a latency counts from when a request was due: a server
    that stalls cannot hide it by stalling its client too. Raises `RuntimeError` when one is not answered with
    a 2xx.
    """
    waiting = list(reversed(requests))
    latencies: list[float] = []

    async def lane() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while waiting:
            body, sent = waiting.pop(), time.perf_counter()
            if per_second is not None:
                due = started + (len(requests) - len(waiting)) / per_second
                await asyncio.sleep(max(0.0, due - sent))
                sent = due
            writer.write(body)
            status = await _read(reader)
            latencies.append(time.perf_counter() - sent)
            if status // 100 != 2:
                raise RuntimeError(f"the service answered {status}")
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(connections)))
    took = time.perf_counter() - started
    latencies.sort()
    count = len(latencies)
    return Measured(count / took, latencies[count // 2] * 1000, latencies[count * 99 // 100] * 1000)


async def stream(port: int, path: str, lines: Sequence[bytes], key: str) -> float:
    """Send lines as one NDJSON body and read every answer; returns lines a second."""
    body = b"\n".join(lines)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    started = time.perf_counter()
    writer.write(request(path, body, key, "application/x-ndjson"))
    sending = asyncio.create_task(writer.drain())
    last = b""
    while b'"summary"' not in last:
        last = await reader.readline()
        if not last:
            raise RuntimeError("the stream ended without a summary")
    await sending
    writer.close()
    return len(lines) / (time.perf_counter() - started)
