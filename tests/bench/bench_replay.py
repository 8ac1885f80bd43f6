"""How fast a log is replayed, and in how much memory.

A synthetic log in memory, written by the core: batches of 256 events, five for each subject on average. The
storage's own time is not in it. The ceiling of the same run is what the hashes and JSON of it cost at least:
reading each record, and one SHA-256 for its commitment, its leaf, its chain and its inner node.
"""

import random
import time
import tracemalloc
from collections.abc import Sequence
from hashlib import sha256

import msgspec

from service.core.replay import Opened
from tests.bench.table import Line, line
from tests.support.log_writer import Line as LogLine
from tests.support.log_writer import LogWriter, named, replayed

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


def synthetic(events: int) -> list[LogLine]:
    """A log of so many events."""
    chance, log = random.Random(events), LogWriter().begin()  # noqa: S311 - a workload, no secret
    log.epoch()
    for number in range(events):
        person = chance.randrange(max(1, events // EVENTS_PER_SUBJECT))
        log.event(f"person-{person}@example.org", BODIES[number % len(BODIES)], evidence=EVIDENCE)
        if number % BATCH == BATCH - 1:
            log.epoch()
    log.epoch()
    return log.lines


def ceiling(lines: Sequence[LogLine]) -> float:
    """Events per second with nothing but the JSON and the hashes that no replay can leave out."""
    decode = msgspec.json.Decoder().decode
    opened = [each.opened for each in lines if isinstance(each.opened, Opened)]
    started = time.perf_counter()
    for each in opened:
        decode(each.record)
        sha256(each.opening + each.record).digest()
        for _ in range(3):
            sha256(each.opening).digest()
    return len(opened) / (time.perf_counter() - started)


def measure_replay(events: int) -> list[Line]:
    """The rate of a replay beside its ceiling, and what it keeps of each subject."""
    log = synthetic(events)
    started = time.perf_counter()
    replay = replayed(log)
    rate = events / (time.perf_counter() - started)
    assert named(replay.findings) == []
    best = ceiling(log)
    tracemalloc.start()
    kept = replayed(log)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    subjects = len(kept.subjects)
    return [
        line(
            f"replay of {events:,} events of {subjects:,} subjects",
            (rate, "/s"),
            (best, "/s, JSON and hashes"),
        ),
        line(f"its memory ({peak / 2**20:.0f} MiB at most)", (held / max(1, subjects), " B a subject")),
    ]
