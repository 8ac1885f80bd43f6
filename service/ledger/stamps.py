"""A time stamp of a checkpoint as it is kept."""

import hashlib

from msgspec import Struct


class TimestampRow(Struct, frozen=True, gc=False):
    """A time-stamp response (RFC 3161, DER) over the checkpoint of this size, under its SHA-256."""

    size: int
    digest: bytes
    token: bytes
    stamped_at_ms: int


def timestamp_digest(token: bytes) -> bytes:
    """What the next epoch holds of a time stamp: its SHA-256."""
    return hashlib.sha256(token).digest()
