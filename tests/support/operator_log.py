"""A log as an operator could write it with programs of their own: records, times and entries as they please.

`SmallLedger` records what the service admits. What a verifier must refuse beside that is made here, from the
definitions of `schemas/`: the log is sound, signed and proved, and only what it says is wrong.
"""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

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
)
from service.core.merkle import hash_leaf, root
from service.core.records import ZERO_HASH, chain, commitment, head_value, secret_commitment, subject_key
from tests.support.forgery import signed
from tests.support.reproving import log_proof, shown_indices
from tests.support.small_ledger import ORIGIN, START_MS, keys_from

Json = dict[str, Any]
SECOND = 1_000


def _bits(key: bytes) -> str:
    return f"{int.from_bytes(key):0256b}"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def stamp(ms: int) -> str:
    """A recorded time, as records spell it."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


@dataclass
class _Chain:
    """One subject's history: its events as a bundle shows them, the last index and the head."""

    shown: list[Json] = field(default_factory=list)
    last: int = -1
    head: bytes = ZERO_HASH

    @property
    def value(self) -> bytes:
        return head_value(len(self.shown), self.last, self.head)


@dataclass
class OperatorLog:
    """`vkey` and `rulebook` (bytes) are what the genesis names; `now_ms` is the time recorded next."""

    vkey: str | None = None
    rulebook: bytes = b"{}"
    now_ms: int = START_MS
    entries: list[bytes] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    chains: dict[bytes, _Chain] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = keys_from("main")
        self.rulebook_hash = hashlib.sha256(self.rulebook).digest()
        vkey, secret = self.vkey or self.keys.signer.verifier.vkey, self.keys.subject_key_secret
        hashes = (self.rulebook_hash, secret_commitment(secret))
        genesis = GenesisEntry(ZERO_HASH, self.now_ms, ORIGIN, 1, 1, *hashes, vkey)
        self.entries.append(encode_genesis(genesis))
        self.epoch()

    @property
    def link(self) -> bytes:
        """The leaf hash of the last entry."""
        return hash_leaf(self.entries[-1])

    def key(self, kind: str, value: str) -> bytes:
        """Whose history it is."""
        return subject_key(self.keys.subject_key_secret, kind, value)

    def event(self, kind: str, value: str, said: Json) -> int:
        """Record an event a second later, in exactly these words, and return its index."""
        self.now_ms += SECOND
        key, index = self.key(kind, value), len(self.entries)
        own = self.chains.setdefault(key, _Chain())
        said = {"occurred_at": stamp(self.now_ms)} | said
        record = {"event": said, "origin": ORIGIN, "prev": own.head.hex(), "schema": 1}
        record |= {"seq": len(own.shown), "subject": key.hex()}
        opening = hashlib.sha256(b"opening" + index.to_bytes(8)).digest()
        committed = commitment(opening, canonical_json(record))
        shown = {"index": index, "prev_leaf_hash": _base64(self.link), "recorded_at_ms": self.now_ms}
        own.shown.append(shown | {"opening": _base64(opening), "event": said})
        own.last, own.head = index, chain(own.head, index, committed)
        self.entries.append(encode_event(self.link, self.now_ms, committed))
        return index

    def share(self, index: int, *, of: tuple[str, str], beside: tuple[str, str]) -> None:
        """Let this event of one subject be the first of another's too."""
        shown = next(each for each in self.chains[self.key(*of)].shown if each["index"] == index)
        head = chain(ZERO_HASH, index, self.entries[index][-32:])
        self.chains[self.key(*beside)] = _Chain([shown], index, head)

    def epoch(self, recorded_at_ms: int | None = None) -> int:
        """End a batch, at another time where one is given, and return the epoch's index."""
        index, self.now_ms = len(self.entries), recorded_at_ms or self.now_ms
        leaves = {key: own.value for key, own in self.chains.items()}
        entry = EpochEntry(
            prev_leaf_hash=self.link,
            recorded_at_ms=self.now_ms,
            epoch_no=len(self.epochs),
            previous_epoch_index=self.epochs[-1] if self.epochs else 0,
            subject_count=len(leaves),
            map_root=_node(leaves, "", at_root=True),
            rulebook_hash=self.rulebook_hash,
            anchor_hash=ZERO_HASH,
        )
        self.entries.append(encode_epoch(entry))
        self.epochs.append(index)
        return index

    def erase(self, *indices: int, recorded_at_ms: int | None = None) -> Json:
        """Destroy the contents of these events; the notice, as a bundle shows it."""
        self.now_ms = recorded_at_ms or self.now_ms + SECOND
        self.entries.append(encode_erasure(ErasureEntry(self.link, self.now_ms, 1, indices)))
        for event in (event for own in self.chains.values() for event in own.shown):
            if event["index"] in indices:
                event["commitment"] = _base64(self.entries[event["index"]][-32:])
                event.pop("opening", None), event.pop("event", None)
        return {"index": len(self.entries) - 1, "entry": _base64(self.entries[-1])}

    def checkpoint(self, size: int | None = None) -> str:
        """What the log signs of its first entries."""
        leaves = [hash_leaf(entry) for entry in self.entries[:size]]
        return sign_checkpoint(ORIGIN, len(leaves), root(leaves), [self.keys.signer]).decode()

    def subject(self, role: str, kind: str, value: str, **changes: object) -> Json:
        """A subject with its whole history."""
        key = self.key(kind, value)
        leaves = {key: own.value for key, own in self.chains.items()}
        events = self.chains[key].shown if key in self.chains else []
        shown = {"role": role, "subject_key": key.hex(), "address": {"kind": kind, "value": value}}
        return shown | {"map_proof": _proof(leaves, key), "events": events} | changes

    def bundle(self, *subjects: Json, **parts: object) -> bytes:
        """A bundle about these subjects, signed, with any other `parts`; without a question unless one is."""
        shown = sorted(subjects, key=lambda each: (each["role"], each["subject_key"]))
        value: Json = {"format": "consent-ledger/bundle/1", "origin": ORIGIN, "subjects": shown}
        value |= {"checkpoint": self.checkpoint(), "documents": {}, "question": None, "decision": None}
        value |= {"token": None, "subject_key_secret": self.keys.subject_key_secret.hex()}
        value |= {"genesis": _base64(self.entries[0]), "epoch": _base64(self.entries[-1])} | parts
        leaves = [hash_leaf(entry) for entry in self.entries]
        value["log_proof"] = _base64(log_proof(leaves, shown_indices(value)))
        return signed(value, self.keys.signer)


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _below(leaves: dict[bytes, bytes], prefix: str) -> list[tuple[bytes, bytes]]:
    return [(key, value) for key, value in leaves.items() if _bits(key).startswith(prefix)]


def _node(leaves: dict[bytes, bytes], prefix: str, *, at_root: bool = False) -> bytes:
    below = _below(leaves, prefix)
    if len(below) <= 1 and not at_root:
        return _hash(b"\2", *below[0]) if below else ZERO_HASH
    return _hash(b"\3", _node(leaves, prefix + "0"), _node(leaves, prefix + "1"))


def _proof(leaves: dict[bytes, bytes], key: bytes) -> Json:
    bits, depth, siblings = _bits(key), 0, list[bytes]()
    while depth == 0 or len(_below(leaves, bits[:depth])) > 1:
        siblings.insert(0, _node(leaves, bits[:depth] + "10"[int(bits[depth])]))
        depth += 1
    proof: Json = {"siblings": _base64(b"".join(each for each in siblings if each != ZERO_HASH))}
    empty = [place for place, each in enumerate(siblings) if each == ZERO_HASH]
    other = [pair for pair in _below(leaves, bits[:depth]) if pair[0] != key]
    if other:
        proof["other_leaf"] = {"key": _base64(other[0][0]), "value": _base64(other[0][1])}
    return proof | ({"empty": empty} if empty else {})
