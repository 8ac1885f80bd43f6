"""How fast a log is replayed, and in how much memory: `python -m tests.bench.bench_replay [events]`.

A synthetic log in memory, written by the core: batches of 256 events, five for each subject on average. The
storage's own time is not in it. The ceiling of the same run is what the hashes and JSON of it cost at least:
reading each record, and one SHA-256 for its commitment, its leaf, its chain and its inner node.
"""

import random
import sys
import time
import tracemalloc
from collections.abc import Sequence
from hashlib import sha256

import msgspec

from tests.support.log_writer import Line, LogWriter, named, replayed

EVENTS_PER_SUBJECT = 5
BATCH = 256
EVIDENCE = b'{"ip":"192.0.2.7"}'
BODIES: tuple[dict[str, object], ...] = (
    {
        "type": "consent_granted",
        "occurred_at": "2026-11-18T10:00:00.000Z",
        "sender": "acme",
        "categories": ["newsletter"],
        "channels": ["email"],
        "method": "checkbox",
        "checkbox_default": "unticked",
    },
    {
        "type": "purchase",
        "occurred_at": "2026-11-18T10:00:00.000Z",
        "sender": "acme",
        "seller": "acme",
        "product_category": "tulips",
    },
    {
        "type": "message_sent",
        "occurred_at": "2026-11-18T10:00:00.000Z",
        "sender": "acme",
        "category": "newsletter",
        "channel": "email",
    },
    {
        "type": "consent_withdrawn",
        "occurred_at": "2026-11-18T10:00:00.000Z",
        "sender": "acme",
        "scope": "all_marketing",
    },
)


def synthetic(events: int) -> list[Line]:
    """A log of so many events."""
    chance, log = random.Random(events), LogWriter().begin()  # noqa: S311 - a workload, no secret
    log.epoch()
    for number in range(events):
        person = chance.randrange(max(1, events // EVENTS_PER_SUBJECT))
        log.event(
            f"person-{person}@example.org", BODIES[number % len(BODIES)], evidence=b'{"ip":"192.0.2.7"}'
        )
        if number % BATCH == BATCH - 1:
            log.epoch()
    log.epoch()
    return log.lines


def ceiling(lines: Sequence[Line]) -> float:
    """Events per second with nothing but the JSON and the hashes that no replay can leave out."""
    decode = msgspec.json.Decoder().decode
    opened = [line.opened for line in lines if line.opened is not None]
    started = time.perf_counter()
    for each in opened:
        decode(each.record)
        sha256(each.opening + each.record).digest()
        for _ in range(3):
            sha256(each.opening).digest()
    return len(opened) / (time.perf_counter() - started)


def main(events: int) -> None:
    """Print the figures."""
    lines = synthetic(events)
    started = time.perf_counter()
    replay = replayed(lines)
    taken = time.perf_counter() - started
    assert named(replay.findings) == []
    best = ceiling(lines)
    tracemalloc.start()
    kept = replayed(lines)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    rate, subjects = events / taken, len(kept.subjects)
    sys.stdout.write(
        f"replay of {len(lines)} entries, {events} events, {subjects} subjects:"
        f" {taken:.2f} s, {rate:,.0f} events/s; {rate / best:.2f} of JSON and hashes alone ({best:,.0f}/s)\n"
        f"memory of the replay: {held / 2**20:.0f} MiB kept, {peak / 2**20:.0f} MiB at most;"
        f" {held / max(1, subjects):,.0f} bytes a subject\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
