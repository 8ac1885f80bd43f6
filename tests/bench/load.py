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


async def drive(port: int, requests: Sequence[bytes]) -> Measured:
    """Send these requests over 32 connections, each as soon as the one before it was answered.

    Raises `RuntimeError` when one is not answered with a 2xx.
    """
    waiting = list(reversed(requests))
    latencies: list[float] = []

    async def lane() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while waiting:
            sent = time.perf_counter()
            writer.write(waiting.pop())
            status = await _read(reader)
            latencies.append(time.perf_counter() - sent)
            if status // 100 != 2:
                raise RuntimeError(f"the service answered {status}")
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(CONNECTIONS)))
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
