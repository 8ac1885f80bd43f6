"""The leaves of the log: public, without personal data, each linked to the one before.

Every entry is `type[1] ‖ prev_leaf_hash[32] ‖ recorded_at_ms[8] ‖ …`, integers big-endian, so the log is a
plain hash chain as well as an RFC 6962 tree.
"""

import struct
from typing import Final

import msgspec

from service.core.errors import FormatError
from service.core.records import HASH_SIZE

GENESIS: Final = 0x00
EVENT: Final = 0x01
EPOCH: Final = 0x02
ERASURE: Final = 0x03
SUCCESSION: Final = 0x04

HASH_SUITE: Final = 1
"""SHA-256, HMAC-SHA-256, Ed25519."""

_HEADER: Final = struct.Struct(">B32sQ")
_EPOCH_BODY: Final = struct.Struct(">QQQ32s32s32s")
_LENGTH: Final = struct.Struct(">H")
_EVENT_SIZE: Final = _HEADER.size + HASH_SIZE
_EPOCH_SIZE: Final = _HEADER.size + _EPOCH_BODY.size
ENTRY_BYTES_MAX: Final = 65_535
"""What an entry bundle can hold (C2SP tlog-tiles)."""


class Entry(msgspec.Struct, frozen=True):
    """What every entry says."""

    prev_leaf_hash: bytes
    recorded_at_ms: int


class EventEntry(Entry, frozen=True):
    """An event of some subject, as a commitment."""

    commitment: bytes


class EpochEntry(Entry, frozen=True):
    """The end of a batch: commits to every subject's complete history up to here through the map's root."""

    epoch_no: int
    previous_epoch_index: int
    subject_count: int
    map_root: bytes
    rulebook_hash: bytes
    anchor_hash: bytes


class GenesisEntry(Entry, frozen=True):
    """The first leaf: under which name, rules and keys this log was begun.

    `secret_commitment` is SHA-256("clv1/ksub" ‖ K_sub); `vkey` the first verifier key (C2SP signed note).
    """

    origin: str
    hash_suite: int
    canonicaliser_version: int
    rulebook_hash: bytes
    secret_commitment: bytes
    vkey: str


class ErasureEntry(Entry, frozen=True):
    """A notice that the openings of these entries were destroyed. Names no subject."""

    reason: int
    indices: tuple[int, ...]


class SuccessionEntry(Entry, frozen=True):
    """A key or another lasting property gave way to its successor. `payload` is canonical JSON."""

    kind: str
    payload: bytes


def encode_event(prev_leaf_hash: bytes, recorded_at_ms: int, committed: bytes) -> bytes:
    """The bytes of an event entry."""
    _require_hashes(prev_leaf_hash, committed)
    return _HEADER.pack(EVENT, prev_leaf_hash, recorded_at_ms) + committed


def encode_epoch(entry: EpochEntry) -> bytes:
    """The bytes of an epoch entry."""
    _require_hashes(entry.prev_leaf_hash, entry.map_root, entry.rulebook_hash, entry.anchor_hash)
    return _HEADER.pack(EPOCH, entry.prev_leaf_hash, entry.recorded_at_ms) + _EPOCH_BODY.pack(
        entry.epoch_no,
        entry.previous_epoch_index,
        entry.subject_count,
        entry.map_root,
        entry.rulebook_hash,
        entry.anchor_hash,
    )


def encode_genesis(entry: GenesisEntry) -> bytes:
    """The bytes of a genesis entry: suite[1], canonicaliser[1], two hashes, origin and vkey with lengths."""
    _require_hashes(entry.prev_leaf_hash, entry.rulebook_hash, entry.secret_commitment)
    return b"".join(
        (
            _HEADER.pack(GENESIS, entry.prev_leaf_hash, entry.recorded_at_ms),
            struct.pack(">BB", entry.hash_suite, entry.canonicaliser_version),
            entry.rulebook_hash,
            entry.secret_commitment,
            _prefixed(entry.origin.encode("ascii")),
            _prefixed(entry.vkey.encode("ascii")),
        )
    )


def encode_erasure(entry: ErasureEntry) -> bytes:
    """The bytes of an erasure notice: reason[1], count[4], then the indices in ascending order.

    Raises `FormatError` for indices that are unordered, repeated, none, or too many for one entry.
    """
    _require_hashes(entry.prev_leaf_hash)
    _require_ascending(entry.indices)
    return _require_short(
        _HEADER.pack(ERASURE, entry.prev_leaf_hash, entry.recorded_at_ms)
        + struct.pack(">BI", entry.reason, len(entry.indices))
        + b"".join(index.to_bytes(8) for index in entry.indices)
    )


def encode_succession(entry: SuccessionEntry) -> bytes:
    """The bytes of a succession entry. Raises `FormatError` for a payload too long for one entry."""
    _require_hashes(entry.prev_leaf_hash)
    if len(entry.payload) > ENTRY_BYTES_MAX:
        raise FormatError("a payload is longer than an entry")
    return _require_short(
        _HEADER.pack(SUCCESSION, entry.prev_leaf_hash, entry.recorded_at_ms)
        + _prefixed(entry.kind.encode("ascii"))
        + _prefixed(entry.payload)
    )


def recorded_at_ms(raw: bytes) -> int:
    """The recorded time of any entry, in milliseconds since 1970."""
    if len(raw) < _HEADER.size:
        raise FormatError("shorter than any entry")
    return int(_HEADER.unpack_from(raw)[2])


def decode_entry(raw: bytes) -> Entry:
    """Read an entry strictly. Raises `FormatError` for unknown types, wrong lengths and trailing bytes."""
    if not _HEADER.size <= len(raw) <= ENTRY_BYTES_MAX:
        raise FormatError("no entry has this length")
    kind, prev, time = _HEADER.unpack_from(raw)
    if kind == EVENT:
        if len(raw) != _EVENT_SIZE:
            raise FormatError("an event entry has another length")
        return EventEntry(prev, time, raw[_HEADER.size :])
    if kind == EPOCH:
        if len(raw) != _EPOCH_SIZE:
            raise FormatError("an epoch entry has another length")
        return EpochEntry(prev, time, *_EPOCH_BODY.unpack_from(raw, _HEADER.size))
    decoder = {GENESIS: _decode_genesis, ERASURE: _decode_erasure, SUCCESSION: _decode_succession}.get(kind)
    if decoder is None:
        raise FormatError("not a type of entry")
    try:
        return decoder(prev, time, raw[_HEADER.size :])
    except (struct.error, UnicodeDecodeError) as error:
        raise FormatError("an entry is cut off or garbled") from error


def _require_hashes(*values: bytes) -> None:
    # `struct` would pad or cut a hash of another length without a word.
    for value in values:
        if len(value) != HASH_SIZE:
            raise FormatError(f"a hash has {HASH_SIZE} bytes")


def _require_ascending(indices: tuple[int, ...]) -> None:
    if not indices or list(indices) != sorted(set(indices)):
        raise FormatError("an erasure notice lists its indices once, in order")


def _require_short(raw: bytes) -> bytes:
    if len(raw) > ENTRY_BYTES_MAX:
        raise FormatError(f"an entry has at most {ENTRY_BYTES_MAX} bytes")
    return raw


def _prefixed(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value


def _take(raw: bytes, offset: int) -> tuple[bytes, int]:
    (size,) = _LENGTH.unpack_from(raw, offset)
    end = offset + _LENGTH.size + size
    if end > len(raw):
        raise FormatError("a field is longer than its entry")
    return raw[offset + _LENGTH.size : end], end


def _text(raw: bytes) -> str:
    """Printable ASCII without spaces: names and keys, never prose."""
    text = raw.decode("ascii")
    if not text or any(not "!" <= character <= "~" for character in text):
        raise FormatError("a name in an entry is not printable ASCII")
    return text


def _decode_genesis(prev: bytes, time: int, raw: bytes) -> GenesisEntry:
    suite, canonicaliser, rulebook_hash, secret = struct.unpack_from(">BB32s32s", raw)
    origin, offset = _take(raw, struct.calcsize(">BB32s32s"))
    vkey, offset = _take(raw, offset)
    if offset != len(raw):
        raise FormatError("bytes after the genesis entry")
    if suite != HASH_SUITE:
        raise FormatError("an unknown suite of hashes")
    return GenesisEntry(prev, time, _text(origin), suite, canonicaliser, rulebook_hash, secret, _text(vkey))


def _decode_erasure(prev: bytes, time: int, raw: bytes) -> ErasureEntry:
    reason, count = struct.unpack_from(">BI", raw)
    indices = struct.unpack(f">{count}Q", raw[struct.calcsize(">BI") :])
    _require_ascending(indices)
    return ErasureEntry(prev, time, reason, indices)


def _decode_succession(prev: bytes, time: int, raw: bytes) -> SuccessionEntry:
    kind, offset = _take(raw, 0)
    payload, offset = _take(raw, offset)
    if offset != len(raw):
        raise FormatError("bytes after the succession entry")
    return SuccessionEntry(prev, time, _text(kind), payload)
