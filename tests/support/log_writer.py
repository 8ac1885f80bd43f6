"""A log written with the core alone, entry by entry, as honest or as dishonest as a test wants it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.canonical import canonical_json
from service.core.checkpoint import sign_checkpoint
from service.core.entries import (
    EpochEntry,
    ErasureEntry,
    GenesisEntry,
    encode_epoch,
    encode_erasure,
    encode_event,
    encode_genesis,
    encode_succession,
)
from service.core.merkle import Frontier, hash_leaf
from service.core.notes import Signer
from service.core.prefix_map import EMPTY_STRATUM, Stratum, root_of, update
from service.core.records import (
    ZERO_HASH,
    chain,
    commitment,
    evidence_commitment,
    head_value,
    record_bytes,
    secret_commitment,
    subject_key,
)
from service.core.replay import Erased, Finding, Opened, Replay
from service.core.succession import succession_entry

ORIGIN = "ledger.example/acme/1"
SECRET = bytes(range(32))
SIGNER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
SUCCESSOR = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\x05" * 32))
START_MS = 1_795_000_000_000
RULEBOOK = hashlib.sha256(b"a rulebook").digest()


def purchase(seller: str = "acme") -> dict[str, object]:
    """What is recorded of something that was bought."""
    return {"type": "purchase", "occurred_at": "2026-11-18T10:00:00.000Z", "seller": seller}


@dataclass
class Line:
    """One entry with what is held beside it: an event's contents, and the checkpoint that ends in it."""

    entry: bytes
    opened: Opened | Erased | None = None
    note: bytes | None = None


@dataclass
class LogWriter:
    """Appends to `lines`. What is overridden becomes a lie, and everything after it is consistent with it."""

    origin: str = ORIGIN
    signer: Signer = SIGNER
    secret: bytes = SECRET
    now_ms: int = START_MS
    lines: list[Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.frontier = Frontier()
        self.last_leaf_hash = ZERO_HASH
        self.heads: dict[bytes, tuple[int, int, bytes]] = {}
        self.touched: set[bytes] = set()
        self.strata: dict[str, Stratum] = {"": EMPTY_STRATUM}
        self.epochs: list[int] = []
        self.owners: dict[int, bytes] = {}

    def put(self, entry: bytes, opened: Opened | None = None) -> int:
        """Append any bytes and return their index."""
        self.last_leaf_hash = hash_leaf(entry)
        self.frontier.append(self.last_leaf_hash)
        self.lines.append(Line(entry, opened))
        return len(self.lines) - 1

    def begin(self, **changes: Any) -> "LogWriter":  # noqa: ANN401 - fields of a genesis entry
        """Append the genesis entry."""
        said: dict[str, Any] = {
            "prev_leaf_hash": self.last_leaf_hash,
            "recorded_at_ms": self.now_ms,
            "origin": self.origin,
            "hash_suite": 1,
            "canonicaliser_version": 1,
            "rulebook_hash": RULEBOOK,
            "secret_commitment": secret_commitment(self.secret),
            "vkey": self.signer.verifier.vkey,
        }
        self.put(encode_genesis(GenesisEntry(**said | changes)))
        return self

    def event(
        self,
        person: str,
        body: Mapping[str, object] | None = None,
        *,
        evidence: bytes | None = None,
        held: Opened | None = None,
        **changes: Any,  # noqa: ANN401 - parts of a record, or `prev_leaf_hash`
    ) -> int:
        """Append an event of one person; `held` is kept in place of its contents."""
        key, index = subject_key(self.secret, "email", person), len(self.lines)
        count, _, head = self.heads.get(key, (0, 0, ZERO_HASH))
        opening = hashlib.sha256(b"opening" + index.to_bytes(8)).digest()
        link = changes.pop("prev_leaf_hash", self.last_leaf_hash)
        said: dict[str, Any] = {
            "origin": self.origin,
            "subject_key": key,
            "seq": count,
            "prev": head,
            "evidence": evidence_commitment(opening, evidence) if evidence is not None else None,
        }
        record = record_bytes(canonical_json(dict(body or purchase())), **said | changes)
        committed = commitment(opening, record)
        self.heads[key] = (count + 1, index, chain(head, index, committed))
        self.touched.add(key)
        self.owners[index] = key
        return self.put(encode_event(link, self.now_ms, committed), held or Opened(opening, record, evidence))

    def erase(self, *indices: int, owner_known: bool = False) -> int:
        """Append a notice, and forget what is held of these entries; whose they were may be kept."""
        for index in indices:
            self.lines[index].opened = Erased(self.owners[index]) if owner_known else None
        return self.put(encode_erasure(ErasureEntry(self.last_leaf_hash, self.now_ms, 1, indices)))

    def succeed(self, new: Signer = SUCCESSOR, *, old: Signer | None = None, place: int | None = None) -> int:
        """Append a succession of keys, and sign with the new one from now on."""
        entry = succession_entry(
            self.last_leaf_hash,
            self.now_ms,
            len(self.lines) if place is None else place,
            old=old or self.signer,
            new=new,
        )
        self.signer = new
        return self.put(encode_succession(entry))

    def epoch(self, *, root: bytes | None = None, **changes: Any) -> int:  # noqa: ANN401 - as above
        """End the batch with its epoch, and sign the checkpoint; `root` is signed in place of the tree's."""
        values = {key: head_value(*self.heads[key]) for key in self.touched}
        self.strata.update(update(self.strata, values).changed)
        self.touched.clear()
        said: dict[str, Any] = {
            "prev_leaf_hash": self.last_leaf_hash,
            "recorded_at_ms": self.now_ms,
            "epoch_no": len(self.epochs),
            "previous_epoch_index": self.epochs[-1] if self.epochs else 0,
            "subject_count": len(self.heads),
            "map_root": root_of(self.strata[""]),
            "rulebook_hash": RULEBOOK,
            "anchor_hash": ZERO_HASH,
        }
        index = self.put(encode_epoch(EpochEntry(**said | changes)))
        self.epochs.append(index)
        self.lines[index].note = self.checkpoint(root=root)
        self.now_ms += 1_000
        return index

    def checkpoint(self, *, root: bytes | None = None) -> bytes:
        """The signed head of the log as it stands."""
        size = len(self.lines)
        return sign_checkpoint(self.origin, size, root or self.frontier.root(), [self.signer])


def replayed(lines: list[Line], *, origin: str = ORIGIN, secret: bytes = SECRET) -> Replay:
    """A replay that was fed these lines to their end."""
    replay = Replay(origin=origin, verifiers=[SIGNER.verifier], forms={}, subject_secret=secret)
    for line in lines:
        replay.feed(line.entry, line.opened, line.note)
    replay.finish()
    return replay


def named(findings: list[Finding]) -> list[tuple[str, int | None]]:
    """Findings as code and index."""
    return [(finding.code, finding.index) for finding in findings]


def small_log() -> LogWriter:
    """Two people, four events, three epochs."""
    log = LogWriter().begin()
    log.epoch()
    log.event("jane@example.org", evidence=b'{"ip":"192.0.2.1"}')
    log.event("left@example.org")
    log.epoch()
    log.event("jane@example.org")
    log.event("left@example.org")
    log.epoch()
    return log
