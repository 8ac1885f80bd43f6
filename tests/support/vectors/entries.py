"""Vectors of the log's entries, one file a type."""

import struct
from collections.abc import Iterator

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
from service.core.records import ZERO_HASH
from tests.support.log_writer import ORIGIN, SIGNER, START_MS
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


def all_of_them() -> Iterator[Vectors]:
    """Every file of this module."""
    yield from (genesis(), event(), epoch(), erasure(), succession())
