"""Medians of the pure path: a standing decoded, a question decided."""

import statistics
import timeit
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from service.core.events import parse_event, record_body, recorded_from_body
from service.core.law.decision import Standings, decide
from service.core.law.question import parse_question
from service.core.law.rulebook import default_rulebook
from service.core.law.standing import EMPTY, Standing, decode_standing, encode_standing, fold
from service.ledger.packs import shipped_packs
from tests.bench.table import Line

RUNS = 41
AT_MS = 1_790_000_000_000
QUESTION = {
    "sender": "acme",
    "category": "newsletter",
    "channel": "email",
    "kind": "commercial",
    "recipient": {"country": "NL", "kind": "consumer"},
    "message": {"optout": True, "identity": True},
    "product_category": "shoes",
}
GRANT = {
    "type": "consent_granted",
    "sender": "acme",
    "categories": ["newsletter"],
    "channels": ["email"],
    "senders": ["acme"],
    "method": "checkbox",
    "checkbox_default": "unticked",
    "evidence_grade": "documented",
}
TYPICAL: list[dict[str, Any]] = [
    {
        "type": "purchase",
        "seller": "acme",
        "product_category": "shoes",
        "optout_offered": True,
        "notice_given": True,
    },
    GRANT,
    {"type": "message_sent", "sender": "acme", "category": "newsletter", "channel": "email"},
    {"type": "consent_withdrawn", "sender": "acme", "scope": "all_marketing"},
    GRANT,
]


def event(fact: dict[str, Any], hours_ago: int) -> dict[str, Any]:
    """Complete a fact to an event of the API, some hours before the question."""
    moment = datetime.fromtimestamp(AT_MS / 1000, UTC) - timedelta(hours=hours_ago)
    address = {"kind": "email", "value": "jane@example.org"}
    named = {"source_event_id": f"bench-{hours_ago}", "occurred_at": moment.isoformat(), "address": address}
    return named | fact


def folded(count: int) -> Standing:
    """Fold `count` events of the typical mix."""
    standing = EMPTY
    for index in range(count):
        parsed = parse_event(event(TYPICAL[index % len(TYPICAL)], count - index))
        recorded = recorded_from_body(record_body(parsed, "address", None))
        standing = fold(standing, recorded, index=index, recorded_at_ms=AT_MS, forms={})
    return standing


def median_us(action: Callable[[], object], number: int = 200) -> float:
    """Return the median time of one call in microseconds."""
    return statistics.median(timeit.repeat(action, number=number, repeat=RUNS)) / number * 1e6


def measure_decide() -> list[Line]:
    """How long an answer takes after few and after many events; their ratio is the promise."""
    rulebook = default_rulebook(shipped_packs())
    question = parse_question(QUESTION)
    taken: dict[int, float] = {}
    lines = []
    for count in (5, 10_000):
        standings = Standings(folded(count))
        data = encode_standing(standings.address)
        taken[count] = median_us(partial(decide, rulebook, standings, question, AT_MS))
        decoding = median_us(partial(decode_standing, data))
        lines.append(
            Line(
                f"decide after {count:,} events (of {len(data):,} bytes, decoded in {decoding:.1f} µs)",
                f"{taken[count]:.1f} µs",
                f"{taken[5]:.1f} µs, 5 events" if count > 5 else "",
                f"{taken[count] / taken[5]:.2f}" if count > 5 else "",
                "1.50" if count > 5 else "25 µs",
            )
        )
    return lines
