"""Vectors of the log's entries, one file a type."""

import struct
from collections.abc import Iterator
from typing import Any

from service.core.canonical import canonical_json, parse_canonical
from service.core.entries import (
    EpochEntry,
    ErasureEntry,
    GenesisEntry,
    SuccessionEntry,
    encode_epoch,
    encode_erasure,
    encode_event,
    encode_genesis,
    encode_succession,
)
from service.core.notes import Signer
from service.core.records import ZERO_HASH
from service.core.succession import previous_log_entry, succession_entry
from tests.support.log_writer import ORIGIN, SIGNER, START_MS, SUCCESSOR, small_log
from tests.support.vectors.case import Vectors

LINK = b"\x11" * 32
ROOT, RULES = b"\x22" * 32, b"\x33" * 32


def genesis() -> Vectors:
    """The first leaf."""
    vectors = Vectors("entry/genesis", "A genesis entry and what it says.")
    raw = encode_genesis(GenesisEntry(ZERO_HASH, START_MS, ORIGIN, 1, 1, RULES, LINK, SIGNER.verifier.vkey))
    origin = struct.pack(">H", len(ORIGIN)) + ORIGIN.encode()
    vectors.accept("a genesis entry", entry=raw.hex())
    for name, (bad, reason) in {
        "another hash suite": (raw[:41] + b"\x02" + raw[42:], "suite 1 is the only one"),
        "bytes after it": (raw + b"\0", "bytes after the last field"),
        "cut off": (raw[:-1], "a field is longer than its entry"),
        "origin with a space": (raw.replace(b"acme/1", b"acme 1", 1), "printable ASCII without spaces"),
        "origin beyond ASCII": (raw.replace(b"acme", b"acm\xe9", 1), "printable ASCII without spaces"),
        "empty origin": (raw.replace(origin, b"\0\0", 1), "a name is not empty"),
        "length beyond the end": (raw[:107] + b"\xff\xff" + raw[109:], "a field is longer than its entry"),
    }.items():
        vectors.refuse(name, reason, entry=bad.hex())
    return vectors


def event() -> Vectors:
    """An event; also what is no entry at all."""
    vectors = Vectors("entry/event", "An event entry and what it says.")
    raw = encode_event(LINK, START_MS, ROOT)
    vectors.accept("an event entry", entry=raw.hex())
    vectors.accept("recorded at 0", entry=encode_event(ZERO_HASH, 0, ROOT).hex())
    vectors.refuse("a byte too many", "an event entry has 73 bytes", entry=raw.hex() + "00")
    vectors.refuse("a byte too few", "an event entry has 73 bytes", entry=raw[:-1].hex())
    vectors.refuse("unknown type", "no such type", entry="05" + raw[1:].hex())
    vectors.refuse("nothing", "shorter than any entry", entry="")
    vectors.refuse("only its head, a byte short", "shorter than any entry", entry=raw[:40].hex())
    return vectors


def epoch() -> Vectors:
    """The end of a batch."""
    vectors = Vectors("entry/epoch", "An epoch entry and what it says.")
    raw = encode_epoch(EpochEntry(LINK, START_MS, 7, 41, 12, ROOT, RULES, ZERO_HASH))
    vectors.accept(
        "the first epoch", entry=encode_epoch(EpochEntry(LINK, 1, 0, 0, 1, ROOT, RULES, LINK)).hex()
    )
    vectors.accept("a later epoch", entry=raw.hex())
    vectors.refuse("a byte too many", "an epoch entry has 161 bytes", entry=raw.hex() + "00")
    vectors.refuse("without its anchor", "an epoch entry has 161 bytes", entry=raw[:-32].hex())
    return vectors


def erasure() -> Vectors:
    """What was destroyed."""
    vectors = Vectors("entry/erasure", "An erasure notice and what it says.")
    raw = encode_erasure(ErasureEntry(LINK, START_MS, 1, (3, 5, 258)))
    head = raw[:41]
    vectors.accept("three events", entry=raw.hex())
    vectors.accept("one event", entry=encode_erasure(ErasureEntry(LINK, START_MS, 2, (0,))).hex())
    for name, (body, reason) in {
        "no event": (struct.pack(">BI", 1, 0), "at least one index"),
        "out of order": (struct.pack(">BI2Q", 1, 2, 5, 3), "ascending"),
        "an index twice": (struct.pack(">BI2Q", 1, 2, 5, 5), "ascending"),
        "fewer than it counts": (struct.pack(">BIQ", 1, 2, 5), "another length than its count"),
        "more than it counts": (struct.pack(">BI2Q", 1, 1, 3, 5), "another length than its count"),
        "without its count": (b"\1", "cut off"),
    }.items():
        vectors.refuse(name, reason, entry=(head + body).hex())
    return vectors


def succession() -> Vectors:
    """What gave way to its successor."""
    vectors = Vectors("entry/succession", "A succession entry and what it says.")
    raw = encode_succession(SuccessionEntry(LINK, START_MS, "key", b'{"next":"\xc3\xa9"}'))
    head = raw[:41]
    vectors.accept("a key", entry=raw.hex())
    vectors.accept("empty payload", entry=encode_succession(SuccessionEntry(LINK, 1, "key", b"")).hex())
    vectors.refuse("bytes after it", "bytes after the last field", entry=raw.hex() + "00")
    vectors.refuse("cut off", "a field is longer than its entry", entry=raw[:-1].hex())
    vectors.refuse("empty kind", "a name is not empty", entry=(head + bytes(4)).hex())
    return vectors


def key_succession() -> Vectors:
    """A key that gave way to the next."""
    vectors = Vectors("succession/key", "A succession of signing keys at its place, and from which to which.")
    entry = succession_entry(LINK, START_MS, 41, old=SIGNER, new=SUCCESSOR)

    def shown(**changes: Any) -> str:  # noqa: ANN401 - fields of the payload
        said: Any = parse_canonical(entry.payload)
        return _succession_of(canonical_json(said | changes))

    said: Any = parse_canonical(entry.payload)
    vectors.accept("from one key to the next", index=41, entry=shown())
    elsewhere = Signer("ledger.example/beta/1", SUCCESSOR.private)
    for name, (bad, reason) in {
        "signed by the old key alone": (shown(new_signature=said["old_signature"]), "both keys sign"),
        "signed by the new key alone": (shown(old_signature=said["new_signature"]), "both keys sign"),
        "exchanged keys": (shown(old=said["new"], new=said["old"]), "the signatures are over old, then new"),
        "to itself": (
            encode_succession(succession_entry(LINK, START_MS, 41, old=SIGNER, new=SIGNER)).hex(),
            "a key does not succeed itself",
        ),
        "to another log's key": (
            encode_succession(succession_entry(LINK, START_MS, 41, old=SIGNER, new=elsewhere)).hex(),
            "both keys have one name",
        ),
        "another field": (shown(reason="stolen"), "exactly four fields"),
        "white space": (_succession_of(entry.payload.replace(b",", b", ")), "canonical JSON"),
        "a signature cut off": (shown(old_signature=said["old_signature"][:-4]), "64 bytes"),
        "another kind": (_succession_of(entry.payload, "signing"), "kind signing-key"),
    }.items():
        vectors.refuse(name, reason, index=41, entry=bad)
    vectors.refuse("at another place", "the index is signed", index=42, entry=shown())
    moved = SuccessionEntry(ROOT, START_MS, entry.kind, entry.payload)
    vectors.refuse(
        "after something else", "the link is signed", index=41, entry=encode_succession(moved).hex()
    )
    return vectors


def _succession_of(payload: bytes, kind: str = "signing-key") -> str:
    return encode_succession(SuccessionEntry(LINK, START_MS, kind, payload)).hex()


def previous_log() -> Vectors:
    """A log that goes on where another could not."""
    vectors = Vectors(
        "succession/previous-log", "A link to the log before this one, and what it says of that."
    )
    note = small_log().lines[-1].note
    assert note is not None
    entry = previous_log_entry(LINK, START_MS, note=note, key=SIGNER.verifier)
    vectors.accept("a log of three epochs", entry=encode_succession(entry).hex())
    other = previous_log_entry(LINK, START_MS, note=note, key=SUCCESSOR.verifier)
    vectors.refuse("another key", "the key has signed the checkpoint", entry=encode_succession(other).hex())
    forged = previous_log_entry(LINK, START_MS, note=note.replace(b"\n8\n", b"\n9\n"), key=SIGNER.verifier)
    vectors.refuse(
        "another size", "the checkpoint is as it was signed", entry=encode_succession(forged).hex()
    )
    return vectors


def all_of_them() -> Iterator[Vectors]:
    """Every file of this module."""
    yield from (genesis(), event(), epoch(), erasure(), succession(), key_succession(), previous_log())
