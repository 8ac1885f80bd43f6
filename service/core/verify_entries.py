"""Step 4 of the verification: every entry shown is put together, and is in the signed log.

A bundle does not repeat what follows from its other parts. A record is its `event` in the frame that the
subject's chain gives it (RFC 8785 leaves it one spelling), the commitment follows from opening and record,
the entry from commitment, link and time. One multiproof then shows that all of them are the log's: whatever
was put together otherwise than it was recorded leads to another root.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec import UNSET

from service.core.bundle import Bundle, PlacedEntry, ShownEvent, ShownSubject, split_hashes
from service.core.canonical import canonical_json
from service.core.entries import Entry, EpochEntry, GenesisEntry, decode_entry, encode_event
from service.core.errors import FormatError, ProofError
from service.core.merkle import hash_leaf, verify_multiproof
from service.core.records import ZERO_HASH, chain, commitment, evidence_commitment, record_bytes
from service.core.verdict import Report

_TIME_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ChainedEvent:
    """An event of a subject in the log; `record` is None where its contents were destroyed."""

    index: int
    recorded_at_ms: int
    record: bytes | None


@dataclass(frozen=True, slots=True)
class Chain:
    """A subject's events, in order, and the head that they lead to."""

    events: tuple[ChainedEvent, ...]
    head: bytes


@dataclass(frozen=True, slots=True)
class Shown:
    """What a bundle shows of the log, found to be in it. `chains` are those of the bundle's subjects."""

    genesis: GenesisEntry
    epoch: EpochEntry
    entries: dict[int, Entry]
    chains: tuple[Chain, ...]


class ShownEntries:
    """The entries shown, by index."""

    def __init__(self) -> None:
        self.raw: dict[int, bytes] = {}
        self.read: dict[int, Entry] = {}
        self.leaves: dict[int, bytes] = {}

    def add(self, index: int, raw: bytes) -> None:
        """Raises `ProofError` when another entry is shown at this index, `FormatError` when it is none."""
        if self.raw.setdefault(index, raw) != raw:
            raise ProofError("Two entries are shown for one place in the log.")
        if index not in self.read:
            self.read[index] = decode_entry(raw)
            self.leaves[index] = hash_leaf(raw)

    def require_in(self, size: int, root: bytes, proof: Sequence[bytes]) -> None:
        """Raise `ProofError` unless this is the one proof that all of them are in the tree with this root."""
        links = {index - 1: entry.prev_leaf_hash for index, entry in self.read.items()}
        verify_multiproof(self.leaves, proof, size=size, root=root, known=links)


def check_entries(bundle: Bundle, size: int, root: bytes, report: Report) -> Shown:
    """Step 4. Raises `ProofError` or `FormatError`."""
    entries = ShownEntries()
    entries.add(0, bundle.genesis)
    entries.add(size - 1, bundle.epoch)
    for placed in _placed(bundle):
        entries.add(placed.index, placed.entry)
    if bundle.campaign is not UNSET:
        event = bundle.campaign.event
        record = canonical_json(event.record)
        committed = commitment(event.opening, record)
        entries.add(event.index, _entry(event.prev_leaf_hash, event.recorded_at_ms, committed))
    chains = tuple(_chain(subject, bundle.origin, entries) for subject in bundle.subjects)
    entries.require_in(size, root, split_hashes(bundle.log_proof))
    genesis, epoch = _ends(bundle, entries.read[0], entries.read[size - 1])
    report.recorded_at_ms = epoch.recorded_at_ms
    report.passed(
        "entries",
        f"The {len(entries.read)} entries shown are in the log, which begins with its genesis and ends in"
        f" epoch {epoch.epoch_no}.",
    )
    return Shown(genesis, epoch, entries.read, chains)


def genesis_of(bundle: Bundle) -> GenesisEntry:
    """The genesis entry as shown. Raises `ProofError` or `FormatError` when it is none."""
    genesis = decode_entry(bundle.genesis)
    if not isinstance(genesis, GenesisEntry):
        raise ProofError("The first entry is no genesis.")
    return genesis


def epoch_at(shown: Shown, index: int) -> EpochEntry:
    """The epoch shown at this index. Raises `ProofError` when it is another entry."""
    entry = shown.entries[index]
    if not isinstance(entry, EpochEntry):
        raise ProofError("What should be an epoch is another entry.")
    return entry


def _ends(bundle: Bundle, first: Entry, last: Entry) -> tuple[GenesisEntry, EpochEntry]:
    if not isinstance(last, EpochEntry):
        raise ProofError("The last entry is no epoch.")
    if not isinstance(first, GenesisEntry):
        raise ProofError("The first entry is no genesis.")
    if first.origin != bundle.origin or first.prev_leaf_hash != ZERO_HASH:
        raise ProofError("The genesis is of another log.")
    return first, last


def _placed(bundle: Bundle) -> Iterable[PlacedEntry]:
    """The entries that are shown as they are, beside the first and the last."""
    if bundle.erasures is not UNSET:
        yield from bundle.erasures
    if bundle.successions is not UNSET:
        yield from bundle.successions
    if bundle.past is not UNSET:
        yield from (bundle.past.epoch, bundle.past.next)
    if bundle.campaign is not UNSET:
        yield bundle.campaign.epoch


def _chain(subject: ShownSubject, origin: str, entries: ShownEntries) -> Chain:
    """One subject's events, each in the frame that those before it give it."""
    key, head, last = bytes.fromhex(subject.subject_key), ZERO_HASH, -1
    found: list[ChainedEvent] = []
    for seq, event in enumerate(subject.events):
        if event.index <= last:
            raise ProofError("Events are shown out of order.")
        last = event.index
        record = _record(event, origin, key, seq, head)
        if record is not None and event.opening is not UNSET:
            committed = commitment(event.opening, record)
        elif event.commitment is not UNSET:
            committed = event.commitment
        else:
            raise FormatError("an event is shown in part")
        entries.add(event.index, _entry(event.prev_leaf_hash, event.recorded_at_ms, committed))
        head = chain(head, event.index, committed)
        found.append(ChainedEvent(event.index, event.recorded_at_ms, record))
    return Chain(tuple(found), head)


def _record(event: ShownEvent, origin: str, key: bytes, seq: int, head: bytes) -> bytes | None:
    if event.event is UNSET or event.opening is UNSET:
        return None
    evidence = event.evidence_hash if event.evidence_hash is not UNSET else None
    if event.evidence is not UNSET:
        evidence = evidence_commitment(event.opening, canonical_json(event.evidence))
    body = canonical_json(event.event)
    return record_bytes(body, origin=origin, subject_key=key, seq=seq, prev=head, evidence=evidence)


def _entry(prev_leaf_hash: bytes, recorded_at_ms: int, committed: bytes) -> bytes:
    if recorded_at_ms > _TIME_MAX:
        raise FormatError("no time is as late as this")
    return encode_event(prev_leaf_hash, recorded_at_ms, committed)
