"""Appends and checks over HTTP, beside the bare endpoints and the COPY of the same run."""

import json
import statistics
from itertools import count

from service.cli.demo.theatre import Client
from tests.bench.ceilings import bare_endpoints, copied_per_second
from tests.bench.load import Measured, drive, median, request, stream
from tests.bench.table import Line, line
from tests.support.http_service import grant, question

ROUNDS = 3
NUMBERS = count()


def address(number: int) -> dict[str, str]:
    """Somebody's address."""
    return {"kind": "email", "value": f"person-{number}@example.org"}


def event() -> bytes:
    """The consent of somebody nobody has seen before."""
    number = next(NUMBERS)
    return json.dumps(grant(f"bench-{number}", address=address(number))).encode()


def asked(number: int, **fields: object) -> bytes:
    """A question about somebody who consented."""
    return json.dumps(question(address=address(number), **fields)).encode()


async def measure_appends(client: Client, dsn: str, scale: int) -> list[Line]:
    """One by one, as lines, and one alone."""
    singles, bulk, bare, copied = [], [], [], []
    with bare_endpoints(dsn) as port:
        for _ in range(ROUNDS):
            bodies = [event() for _ in range(scale)]
            singles.append(await drive(client.port, [_append(body, client) for body in bodies]))
            bare.append(await drive(port, [request("/", body, "-") for body in bodies]))
            lines = [event() for _ in range(4 * scale)]
            bulk.append(await stream(client.port, "/v1/events/batch", lines, client.key))
            copied.append(await copied_per_second(dsn, lines))
    idle = await drive(client.port, [_append(event(), client) for _ in range(scale // 10)], connections=1)
    one, parsed = median(singles), median(bare).per_second
    return [
        line("an endpoint that only parses, 32 connections", (parsed, "/s")),
        line("COPY of the same bytes, 256 a transaction", (statistics.median(copied), "/s")),
        line("appends one by one" + _latency(one), (one.per_second, "/s"), (parsed, "/s"), "3,000/s"),
        line(
            "appends as lines (NDJSON)",
            (statistics.median(bulk), "/s"),
            (statistics.median(copied), "/s"),
            "10,000/s",
        ),
        line("appends when idle, one connection" + _latency(idle), (idle.per_second, "/s")),
    ]


async def measure_checks(client: Client, dsn: str, scale: int) -> list[Line]:
    """With and without token, at full and at half load, about people who consented."""
    people = min(scale, 1_000)
    first = next(NUMBERS)
    known = [
        json.dumps(grant(f"check-{n}", address=address(n))).encode() for n in range(first, first + people)
    ]
    await stream(client.port, "/v1/events/batch", known, client.key)
    lines = []
    for what, fields in (("without token", {}), ("with token", {"proof": "token"})):
        bodies = [asked(first + n % people, **fields) for n in range(scale)]
        sent = [request("/v1/checks", body, client.key) for body in bodies]
        rounds, reads = [], []
        with bare_endpoints(dsn) as port:
            for _ in range(ROUNDS):
                rounds.append(await drive(client.port, sent))
                reads.append(await drive(port, [request("/read", body, "-") for body in bodies]))
        full, read = median(rounds), median(reads).per_second
        half = await drive(client.port, sent, per_second=full.per_second / 2)
        lines += [
            line(f"checks {what}" + _latency(full), (full.per_second, "/s"), (read, "/s, one read"), "0.50"),
            Line(f"checks {what}, at half load" + _latency(half), f"{half.p99_ms:.1f} ms p99", aim="10 ms"),
        ]
    return lines


def _append(body: bytes, client: Client) -> bytes:
    return request("/v1/events", body, client.key)


def _latency(got: Measured) -> str:
    return f" (p50 {got.p50_ms:.1f}, p99 {got.p99_ms:.1f} ms)"
