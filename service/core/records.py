"""What is private about an event and how the public log commits to it.

A record is canonical JSON; the log holds only `commitment(opening, record)`. Every hash input starts with a
tag of its own and holds its variable parts length-prefixed or last: no two can be mistaken for each other.
"""

import hashlib
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from service.core.canonical import parse_canonical
from service.core.errors import FormatError

HASH_SIZE: Final = 32
ZERO_HASH: Final = bytes(HASH_SIZE)
"""Head of a subject's chain before its first event, and the link of the first leaf."""

SCHEMA_VERSION: Final = 1
KEY_SIZE: Final = 32

_SECRETS_KEPT: Final = 64
_SUBJECT_TAG: Final = b"clv1/subject"
_DEDUP_TAG: Final = b"clv1/dedup"
_BODY_TAG: Final = b"clv1/body"
_SOURCE_TAG: Final = b"clv1/source"
_COMMIT_TAG: Final = b"clv1/commit"
_CHAIN_TAG: Final = b"clv1/chain"
_HEAD_TAG: Final = b"clv1/head"
_EVIDENCE_TAG: Final = b"clv1/evidence"
_SECRET_TAG: Final = b"clv1/ksub"
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_FIELDS: Final = frozenset({"event", "origin", "prev", "schema", "seq", "subject"})


class Record(msgspec.Struct, frozen=True):
    """A record read back. `event` is the body that `events.recorded_from_body` understands."""

    event: dict[str, Any]
    origin: str
    prev: bytes
    seq: int
    subject_key: bytes
    evidence: bytes | None


def record_bytes(
    body: bytes, *, origin: str, subject_key: bytes, seq: int, prev: bytes, evidence: bytes | None
) -> bytes:
    """The canonical JSON of a record, spliced from `body`, which must itself be canonical JSON of an object.

    `seq` counts the subject's events from 0; `prev` is the head of its chain before this one.
    """
    sealed = f'"evidence":"{evidence.hex()}",' if evidence is not None else ""
    return b'{"event":%b,%b"origin":"%b","prev":"%b","schema":%d,"seq":%d,"subject":"%b"}' % (
        body,
        sealed.encode(),
        origin.encode("ascii"),
        prev.hex().encode(),
        SCHEMA_VERSION,
        seq,
        subject_key.hex().encode(),
    )


def parse_record(raw: bytes) -> Record:
    """Read a record strictly. Raises `FormatError` for what `record_bytes` would not have written."""
    value = parse_canonical(raw)
    if not isinstance(value, dict) or not _FIELDS <= value.keys() <= _FIELDS | {"evidence"}:
        raise FormatError("not the fields of a record")
    if type(value["schema"]) is not int or value["schema"] != SCHEMA_VERSION:
        raise FormatError("not a record of a known version")
    if type(value["seq"]) is not int or value["seq"] < 0:
        raise FormatError("seq counts from 0")
    if not isinstance(value["event"], dict) or not isinstance(value["origin"], str):
        raise FormatError("a record has an event and an origin")
    return Record(
        event=value["event"],
        origin=value["origin"],
        prev=_hash(value["prev"]),
        seq=value["seq"],
        subject_key=_hash(value["subject"]),
        evidence=_hash(value["evidence"]) if "evidence" in value else None,
    )


def _hash(value: object) -> bytes:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise FormatError("a hash is 64 lower-case hexadecimal digits")
    return bytes.fromhex(value)


def _require_opening(opening: bytes) -> None:
    if len(opening) != HASH_SIZE:
        raise FormatError(f"an opening has {HASH_SIZE} bytes")


def _require_secret(secret: bytes) -> None:
    # HMAC pads short keys with zeros, so that a key and the key with a zero byte appended would be the same.
    if len(secret) != KEY_SIZE:
        raise FormatError(f"the subject key secret has exactly {KEY_SIZE} bytes")


def _keyed(secret: bytes, message: bytes) -> bytes:
    _require_secret(secret)
    keyed = _keyed_hash(secret).copy()
    keyed.update(message)
    return keyed.finalize()


@lru_cache(maxsize=_SECRETS_KEPT)
def _keyed_hash(secret: bytes) -> HMAC:
    """HMAC-SHA-256 that has taken in its key: every name of a ledger begins here, and copying it is cheap."""
    return HMAC(secret, SHA256())


def subject_key(secret: bytes, kind: str, canonical: str) -> bytes:
    """The name of a subject: HMAC-SHA-256 of its kind and canonical address under the ledger's K_sub."""
    kind_bytes, address = kind.encode("ascii"), canonical.encode()
    message = b"%b%b%b%b%b" % (
        _SUBJECT_TAG,
        len(kind_bytes).to_bytes(1),
        kind_bytes,
        len(address).to_bytes(2),
        address,
    )
    return _keyed(secret, message)


def subject_keys(secret: bytes, kind: str) -> Callable[[bytes], bytes]:
    """`subject_key` for many addresses of one kind: what all of them share is hashed once.

    The function it returns takes the UTF-8 bytes of a canonical address.
    """
    _require_secret(secret)
    padded = secret.ljust(hashlib.sha256().block_size, b"\0")
    begun = b"%b%b%b" % (_SUBJECT_TAG, len(kind).to_bytes(1), kind.encode("ascii"))
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + begun)
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def key_of(address: bytes) -> bytes:
        first, second = inner.copy(), outer.copy()
        first.update(len(address).to_bytes(2) + address)
        second.update(first.digest())
        return second.digest()

    return key_of


def dedup_key(secret: bytes, source: str, source_event_id: str) -> bytes:
    """The keyed hash by which a source's own event id is known for ever, without keeping the id."""
    source_bytes = source.encode()
    return _keyed(
        secret, _DEDUP_TAG + len(source_bytes).to_bytes(2) + source_bytes + source_event_id.encode()
    )


def source_tag(secret: bytes, source: str) -> bytes:
    """The keyed hash by which what one source says of a subject is found again, without keeping its name."""
    return _keyed(secret, _SOURCE_TAG + source.encode())


def body_tag(secret: bytes, content: bytes) -> bytes:
    """The keyed hash by which a repeated id is told to carry the same event or another one."""
    return _keyed(secret, _BODY_TAG + content)


def commitment(opening: bytes, record: bytes) -> bytes:
    """What the log holds of an event; reveals nothing without the 32 random bytes of `opening`."""
    _require_opening(opening)
    return hashlib.sha256(_COMMIT_TAG + opening + record).digest()


def evidence_commitment(opening: bytes, evidence: bytes) -> bytes:
    """What the record holds of the evidence, which can be destroyed on its own."""
    _require_opening(opening)
    return hashlib.sha256(_EVIDENCE_TAG + opening + evidence).digest()


def chain(previous: bytes, index: int, committed: bytes) -> bytes:
    """The head of a subject's chain after the event at log index `index` with commitment `committed`."""
    return hashlib.sha256(_CHAIN_TAG + previous + index.to_bytes(8) + committed).digest()


def head_value(event_count: int, last_index: int, chain_head: bytes) -> bytes:
    """The value of a subject in the map: how many events, where the last one stands, and the chain's head."""
    return hashlib.sha256(_HEAD_TAG + event_count.to_bytes(8) + last_index.to_bytes(8) + chain_head).digest()


def secret_commitment(secret: bytes) -> bytes:
    """What the genesis entry says of K_sub, so that a disclosed K_sub can be checked."""
    _require_secret(secret)
    return hashlib.sha256(_SECRET_TAG + secret).digest()
