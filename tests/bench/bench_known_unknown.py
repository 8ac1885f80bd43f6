"""Whether the time of a no tells a withdrawn address from one that was never seen: `make bench ARGS=unknown`.

A caller without the detail scope asks about both kinds in turns, in an order drawn anew for each pair, over
one connection and always alone, so that nothing but the answer's own work is in the time. The two samples
are compared as a whole: the medians, and the probability that a random known one took longer than a random
unknown one (Mann-Whitney's U / n², 0.50 where nothing can be told), with how far from 0.50 chance alone goes
in 99 of 100 runs. A third sample of the unknown kind stands beside them as a check of the method itself.
"""

import asyncio
import json
import math
import os
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from itertools import count

from service.cli.demo.theatre import Client
from service.wiring.clock import now_ms
from service.wiring.compose import open_access
from service.wiring.key_ring import issue_key
from tests.bench.load import request
from tests.bench.table import Line
from tests.support.http_service import grant, question, withdrawal

_NUMBERS = count()
_99_PERCENT = 2.576


def address(kind: str, number: int) -> dict[str, str]:
    """Addresses of one length, whatever is known of them."""
    return {"kind": "email", "value": f"{kind}-{number:06}@example.org"}


def superiority(one: Sequence[float], other: Sequence[float]) -> float:
    """Of all pairs, how often `one` is greater; a tie counts half (Mann and Whitney 1947)."""
    ranked: list[tuple[float, bool]] = sorted(
        [(each, True) for each in one] + [(each, False) for each in other]
    )
    ranks = 0.0
    start = 0
    while start < len(ranked):
        stop = start
        while stop < len(ranked) and ranked[stop][0] == ranked[start][0]:
            stop += 1
        # The mean rank of values that are the same; ranks count from 1.
        ranks += (start + 1 + stop) / 2 * sum(own for _, own in ranked[start:stop])
        start = stop
    return (ranks - len(one) * (len(one) + 1) / 2) / (len(one) * len(other))


def chance(size: int, other: int) -> float:
    """How far from 0.50 two samples of one distribution lie in 99 of 100 runs."""
    return _99_PERCENT * math.sqrt((size + other + 1) / (12 * size * other))


class Asker:
    """One connection, one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def milliseconds(self, raw: bytes) -> tuple[float, int]:
        """How long the answer took, and how many bytes it had."""
        began = time.perf_counter()
        self._writer.write(raw)
        head = await self._reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(size)
        took = (time.perf_counter() - began) * 1000
        if b'"deny"' not in body:
            raise RuntimeError(f"not the answer that was expected: {body[:300]!r}")
        return took, size


async def measure_unknown(client: Client, dsn: str, scale: int) -> list[Line]:
    """Withdrawn, never seen, and never seen again, in turns."""
    start, people = next(_NUMBERS) * 100_000, min(scale, 500)
    for number in range(start, start + people):
        gone = address("known", number)
        client.post("/v1/events", grant(f"yes-{number}", address=gone))
        client.post("/v1/events", withdrawal(f"no-{number}", address=gone))
    key = await _key_without_detail(dsn)
    lines = []
    for what, fields in (("without token", {}), ("with token", {"proof": "token"})):
        samples = await _samples(client.port, key, range(start, start + people), scale, fields)
        lines += _lines(what, samples)
    return lines


async def _key_without_detail(dsn: str) -> str:
    async with open_access(dsn) as access:
        (ledger,) = await access.ledgers()
        key, _ = await issue_key(
            access,
            ledger.ledger_id,
            scopes=frozenset({"check:read"}),
            label="unknown",
            days=1,
            now_ms=now_ms(),
            random=os.urandom,
        )
    return key


async def _samples(
    port: int, key: str, people: Sequence[int], rounds: int, fields: Mapping[str, object]
) -> dict[str, list[float]]:
    chosen = random.Random(20_261_125)  # noqa: S311 - repeatable, not secret
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    asker = Asker(reader, writer)
    took: dict[str, list[float]] = {"known": [], "never": [], "other": []}
    sizes: set[int] = set()
    try:
        for turn in range(rounds + 100):
            kinds = list(took)
            chosen.shuffle(kinds)
            for kind in kinds:
                who = address(kind, people[turn % len(people)])
                body = json.dumps(question(address=who, **fields)).encode()
                spent, size = await asker.milliseconds(request("/v1/checks", body, key))
                if turn >= 100:  # the first ones warm caches
                    took[kind].append(spent)
                    sizes.add(size)
    finally:
        writer.close()
    if len(sizes) != 1:
        raise RuntimeError(f"the answers differ in size: {sorted(sizes)}")
    return took


def _lines(what: str, took: dict[str, list[float]]) -> list[Line]:
    known, never, other = (took[name] for name in ("known", "never", "other"))
    medians = [statistics.median(each) for each in (known, never)]
    noise = chance(len(known), len(never))
    return [
        Line(
            f"a no {what}: withdrawn, median beside never seen",
            f"{medians[0]:.3f} ms",
            f"{medians[1]:.3f} ms",
            f"{medians[0] / medians[1]:.3f}",
            "1.000",
        ),
        Line(
            f"the same: P(withdrawn takes longer), {len(known):,} pairs",
            f"{superiority(known, never):.3f}",
            f"{superiority(other, never):.3f}",
            "",
            f"0.500 ± {noise:.3f}",
        ),
    ]
