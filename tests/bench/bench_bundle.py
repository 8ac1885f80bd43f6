"""What a bundle costs and weighs.

A person with five events in a ledger of so many others, in memory: the storage's own time is not in it.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping

import msgspec
from msgspec import UNSET

from service.core.bundle import parse_bundle
from service.core.records import HASH_SIZE
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
    """Bytes of each part as they stand in the JSON: base64, hexadecimal digits and escapes included."""
    bundle = parse_bundle(raw)
    subjects = bundle.subjects
    events = [event for subject in subjects for event in subject.events]
    packs = sum(_json(text) for text in bundle.documents.values() if not text.startswith("{"))
    parts = {
        "packs": packs,
        "rulebook and forms": sum(map(_json, bundle.documents.values())) - packs,
        "log proof": _json(bundle.log_proof),
        "map proofs": sum(_json(subject.map_proof) for subject in subjects),
        "events and evidence": sum(_json(event.event) + _json(event.evidence) for event in events),
        "openings, links, times and indices": sum(
            _json(event.opening) + _json(event.prev_leaf_hash) + len('1795000017000"index":1000000')
            for event in events
        ),
        "genesis and epoch": _json(bundle.genesis) + _json(bundle.epoch),
        "question and decision": _json(bundle.question) + _json(bundle.decision),
        "checkpoint, token and signature": sum(
            map(_json, (bundle.checkpoint, bundle.token, bundle.signature))
        ),
    }
    return parts | {"names of fields, the rest": len(raw) - sum(parts.values())}


def _json(part: object) -> int:
    return len(msgspec.json.encode(part)) if part is not UNSET else 0


def at_size(raw: bytes, leaves: int, subjects: int) -> int:
    """Bytes this bundle would have in a larger ledger: only its proofs would be longer, by whole hashes."""
    bundle = parse_bundle(raw)
    (person,) = (subject for subject in bundle.subjects if subject.role == "address")
    (sender,) = (subject for subject in bundle.subjects if subject.role == "sender")
    share = leaves // len(person.events)
    spread = [share * place - 2 for place in range(1, len(person.events) + 1)]
    shown = {0, leaves - 1, *spread, *(event.index for event in sender.events)}
    longer = _base64(HASH_SIZE * _proof_hashes(shown, 0, leaves)) - _base64(len(bundle.log_proof))
    # The leaf of a random key stands log2(n) + 1.33 deep on average, with one empty sibling on its way.
    siblings = (subjects - 1).bit_length() + 1
    deeper = _base64(siblings * HASH_SIZE)
    held = [len(subject.map_proof.siblings) for subject in bundle.subjects]
    return len(raw) + longer + sum(max(0, deeper - _base64(size)) for size in held)


def _proof_hashes(shown: set[int], start: int, stop: int) -> int:
    """How many hashes a multiproof of these leaves has between two places of the tree."""
    within = {index for index in shown if start <= index < stop}
    if not within:
        return 0 if stop - start == 1 and stop in shown else 1
    if stop - start == 1:
        return 0
    split = start + (1 << (stop - start - 1).bit_length() - 1)
    beyond = {split} & shown  # its link may tell the last hash of the left half
    return _proof_hashes(within | beyond, start, split) + _proof_hashes(within | {stop} & shown, split, stop)


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
        own = runner.run(ledger.proofs.bundle(asked, disclose=True, documents="packs_by_hash"))
        small = runner.run(ledger.proofs.bundle(asked, disclose=True, documents="by_hash"))
        built = milliseconds(lambda: runner.run(ledger.proofs.bundle(asked, disclose=True)))
    verified = milliseconds(lambda: verify_bundle(raw, verifiers=verifiers))

    def verify_cold() -> None:
        loaded_rulebook.cache_clear()
        verify_bundle(raw, verifiers=verifiers)

    among = f"bundle of 5 events among {head.subject_count:,} subjects"
    million = (1_300_000, 1_000_000)
    kinds = {"": raw, ", packs by hash": own, ", documents by hash": small}
    return [
        *(Line(f"{among}{kind}", f"{len(each):,} bytes") for kind, each in kinds.items()),
        *(
            Line(
                f"the same among 1,000,000 (computed){kind}",
                f"{at_size(each, *million):,} bytes",
                aim="12,000 bytes",
            )
            for kind, each in kinds.items()
        ),
        *(Line(f"  of the first: {name}", f"{size:,} bytes") for name, size in weigh(raw).items()),
        Line("  built (and verified before it is handed out)", f"{built:.1f} ms"),
        Line("  verified", f"{verified:.1f} ms", aim="10 ms"),
        Line("  verified by a process that has read no rulebook yet", f"{milliseconds(verify_cold):.1f} ms"),
    ]
