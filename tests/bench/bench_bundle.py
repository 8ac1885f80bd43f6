"""What a bundle costs and weighs.

A person with five events in a ledger of so many others, in memory: the storage's own time is not in it.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping

from service.core.bundle import parse_bundle
from service.core.verifier import verify_bundle
from service.core.verify_answer import loaded_rulebook
from tests.bench.table import Line
from tests.support.small_ledger import SmallLedger

ROUNDS = 30
BATCH = 256


async def five_events(others: int) -> SmallLedger:
    """One person with five events, spread over the history of many others."""
    ledger = await SmallLedger().begin("acme")
    form = await ledger.publish_form()
    tick = {"sender": "acme", "form": form, "box": "newsletter", "method": "ticked"}
    own: list[tuple[str, Mapping[str, object]]] = [
        ("purchase", {"sender": "acme", "seller": "acme", "product_category": "tulips"}),
        ("consent_granted", tick | {"evidence": {"ip": "192.0.2.1", "user_agent": "Mozilla/5.0"}}),
        ("message_sent", {"sender": "acme", "category": "newsletter", "channel": "email"}),
        ("consent_withdrawn", {"sender": "acme", "scope": "category", "categories": ["newsletter"]}),
        ("consent_granted", tick),
    ]
    share = max(1, others // len(own))
    for place, (kind, fields) in enumerate(own):
        for start in range(place * share, (place + 1) * share, BATCH):
            numbers = range(start, min(start + BATCH, (place + 1) * share))
            await ledger.record_all(
                *(
                    ("contact_by_recipient", f"p{number}@example.org", {"sender": "acme"})
                    for number in numbers
                )
            )
        await ledger.record(kind, "jane@example.org", **fields)
    return ledger


def milliseconds(work: Callable[[], object]) -> float:
    """The median of some rounds."""
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def weigh(raw: bytes) -> dict[str, int]:
    """Bytes of each part, as JSON; base64 and hexadecimal digits included."""
    bundle = parse_bundle(raw)
    subjects = bundle.subjects
    events = [event for subject in subjects for event in subject.events]
    packs = sum(len(text) for text in bundle.documents.values() if not text.startswith("{"))
    paths = [*(event.proof for event in events), bundle.genesis.proof, bundle.epoch.proof]
    parts = {
        "packs": packs,
        "rulebook and forms": sum(map(len, bundle.documents.values())) - packs,
        "records": sum(len(event.record or "") for event in events),
        "inclusion proofs": sum(len(path) * 4 // 3 for path in paths),
        "map proofs": sum(len(subject.map_proof.siblings) * 4 // 3 for subject in subjects),
        "openings and entries": sum((len(event.entry) + 32) * 4 // 3 for event in events),
        "token": len(bundle.token or ""),
        "checkpoint": len(bundle.checkpoint),
    }
    return parts | {"names, head, question, the rest": len(raw) - sum(parts.values())}


def at_size(raw: bytes, leaves: int, subjects: int) -> int:
    """Bytes this bundle would have in a larger ledger: only its paths would be longer, by whole hashes."""
    bundle = parse_bundle(raw)
    shown = [event for subject in bundle.subjects for event in subject.events]
    paths = [*(event.proof for event in shown), bundle.genesis.proof, bundle.epoch.proof]
    longer = sum(_base64((leaves - 1).bit_length() * 32) - _base64(len(path)) for path in paths)
    deeper = ((subjects - 1).bit_length() + 1) * 32
    siblings = [len(subject.map_proof.siblings) for subject in bundle.subjects]
    return len(raw) + longer + sum(max(0, _base64(deeper) - _base64(size)) for size in siblings)


def _base64(size: int) -> int:
    return (size + 2) // 3 * 4


def measure_bundle(others: int) -> list[Line]:
    """A bundle of five events among so many others: what it weighs, and how long it takes."""
    with asyncio.Runner() as runner:
        ledger = runner.run(five_events(others))
        head, _ = runner.run(ledger.store.standings([]))
        asked = ledger.ask("jane@example.org")
        verifiers = [ledger.keys.signer.verifier]
        raw = runner.run(ledger.proofs.bundle(asked, disclose=True))
        small = runner.run(ledger.proofs.bundle(asked, disclose=True, with_documents=False))
        built = milliseconds(lambda: runner.run(ledger.proofs.bundle(asked, disclose=True)))
    verified = milliseconds(lambda: verify_bundle(raw, verifiers=verifiers))

    def verify_cold() -> None:
        loaded_rulebook.cache_clear()
        verify_bundle(raw, verifiers=verifiers)

    among = f"bundle of 5 events among {head.subject_count:,} subjects"
    million = (1_300_000, 1_000_000)
    return [
        Line(among, f"{len(raw):,} bytes"),
        Line(f"{among}, documents by hash", f"{len(small):,} bytes"),
        Line("the same among 1,000,000 (computed)", f"{at_size(raw, *million):,} bytes", aim="12,000 bytes"),
        Line(
            "the same, documents by hash (computed)",
            f"{at_size(small, *million):,} bytes",
            aim="12,000 bytes",
        ),
        *(Line(f"  of the first: {name}", f"{size:,} bytes") for name, size in weigh(raw).items()),
        Line("  built (and verified before it is handed out)", f"{built:.1f} ms"),
        Line("  verified", f"{verified:.1f} ms", aim="10 ms"),
        Line("  verified by a process that has read no rulebook yet", f"{milliseconds(verify_cold):.1f} ms"),
    ]
