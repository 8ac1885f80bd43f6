"""How a log's signing key gives way to the next: an entry of the log that both keys have signed.

    {"new":"<vkey>","new_signature":"<base64>","old":"<vkey>","old_signature":"<base64>"}

is the payload (canonical JSON) of a succession entry of kind `signing-key`. Both keys sign

    "clv1/succession" ‖ prev_leaf_hash[32] ‖ u64(index) ‖ u16+old ‖ u16+new

so a succession holds at one place of one log, after exactly what that log held before. A checkpoint over more
entries than the succession's index is the new key's to sign, every one before it the old key's; what a token
or a bundle was signed with follows the size it names. Whoever trusts one key of the row so trusts them all,
each for its own stretch (the rule of TUF's root keys, with one key on either side).

A log that was begun because another could not go on says so in an entry of kind `previous-log`, with the
newest checkpoint known of the other, verbatim: `{"checkpoint":"<signed note>","vkey":"<its key>"}`. That is a
claim of the new log's key alone; the old log knows nothing of it.
"""

import base64
import binascii
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.core.canonical import canonical_json, parse_canonical
from service.core.checkpoint import Checkpoint, open_checkpoint
from service.core.cosignatures import ED25519
from service.core.entries import GenesisEntry, SuccessionEntry
from service.core.errors import FormatError, SignatureError
from service.core.notes import Signer, Verifier, parse_verifier

SIGNING_KEY: Final = "signing-key"
PREVIOUS_LOG: Final = "previous-log"

Payload = TypeVar("Payload")

_TAG: Final = b"clv1/succession"
_SIGNATURE_SIZE: Final = 64


class _Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    new: str
    new_signature: str
    old: str
    old_signature: str


class _Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    checkpoint: str
    vkey: str


@dataclass(frozen=True, slots=True)
class KeySuccession:
    """From the entry at `index` on, `new` signs what `old` signed before."""

    index: int
    recorded_at_ms: int
    old: Verifier
    new: Verifier


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """Every key a log has signed with, oldest first: that of its genesis, then by succession."""

    first: Verifier
    successions: tuple[KeySuccession, ...] = ()

    @property
    def current(self) -> Verifier:
        """The key that signs now."""
        return self.successions[-1].new if self.successions else self.first

    @property
    def keys(self) -> tuple[Verifier, ...]:
        """All of them, in the order in which they signed."""
        return (self.first, *(each.new for each in self.successions))

    def at(self, size: int) -> Verifier:
        """The key that signs what is said of the log's first `size` entries."""
        key = self.first
        for each in self.successions:
            if each.index >= size:
                break
            key = each.new
        return key

    def follow(self, index: int, entry: SuccessionEntry) -> "KeyHistory":
        """This history and the succession that stands at `index`.

        Raises `FormatError` and `SignatureError`, the latter also where it is not the current key that goes.
        """
        found = read_succession(index, entry)
        if found.old != self.current:
            raise SignatureError("a key succession begins with another key than the log's")
        if found.new in self.keys:
            raise SignatureError("a key that was given up comes back")
        if self.successions and index <= self.successions[-1].index:
            raise SignatureError("key successions are out of order")
        return KeyHistory(self.first, (*self.successions, found))


def log_key(genesis: GenesisEntry) -> Verifier:
    """The key a log was begun with. Raises `FormatError`, and `SignatureError` for another log's."""
    key = parse_verifier(genesis.vkey)
    if key.kind != ED25519 or key.name != genesis.origin:
        raise SignatureError("The key in the genesis entry is of another log.")
    return key


def key_history(genesis: GenesisEntry, entries: Iterable[tuple[int, SuccessionEntry]]) -> KeyHistory:
    """The keys of the log that began so; entries of other kinds are passed over.

    Raises `FormatError` and `SignatureError`.
    """
    history = KeyHistory(log_key(genesis))
    for index, entry in entries:
        if entry.kind == SIGNING_KEY:
            history = history.follow(index, entry)
    return history


def succession_entry(
    prev_leaf_hash: bytes, recorded_at_ms: int, index: int, *, old: Signer, new: Signer
) -> SuccessionEntry:
    """The entry by which `old` gives way to `new` at this place of the log."""
    vkeys = (old.verifier.vkey, new.verifier.vkey)
    message = _message(prev_leaf_hash, index, *vkeys)
    payload = {
        "new": vkeys[1],
        "new_signature": base64.b64encode(new.private.sign(message)).decode(),
        "old": vkeys[0],
        "old_signature": base64.b64encode(old.private.sign(message)).decode(),
    }
    return SuccessionEntry(prev_leaf_hash, recorded_at_ms, SIGNING_KEY, canonical_json(payload))


def read_succession(index: int, entry: SuccessionEntry) -> KeySuccession:
    """Read and check a key succession by itself. Raises `FormatError` and `SignatureError`."""
    if entry.kind != SIGNING_KEY:
        raise FormatError("not a succession of keys")
    payload = _read(entry.payload, _Payload)
    old, new = parse_verifier(payload.old), parse_verifier(payload.new)
    if {old.kind, new.kind} != {ED25519} or old.name != new.name:
        raise FormatError("a succession is from one key of a log to another")
    if old == new:
        raise FormatError("a key does not succeed itself")
    message = _message(entry.prev_leaf_hash, index, payload.old, payload.new)
    for key, signature in ((old, payload.old_signature), (new, payload.new_signature)):
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(_signature(signature), message)
        except InvalidSignature as error:
            raise SignatureError("a key succession is not signed by both keys") from error
    return KeySuccession(index, entry.recorded_at_ms, old, new)


def previous_log_entry(
    prev_leaf_hash: bytes, recorded_at_ms: int, *, note: bytes, key: Verifier
) -> SuccessionEntry:
    """The entry that names the log before this one by its newest known checkpoint."""
    payload = canonical_json({"checkpoint": note.decode(), "vkey": key.vkey})
    return SuccessionEntry(prev_leaf_hash, recorded_at_ms, PREVIOUS_LOG, payload)


def read_previous_log(entry: SuccessionEntry) -> tuple[Checkpoint, Verifier]:
    """The log before this one: its checkpoint, which its key has signed.

    Raises `FormatError` and `SignatureError`.
    """
    if entry.kind != PREVIOUS_LOG:
        raise FormatError("not a link to a log before")
    payload = _read(entry.payload, _Link)
    key = parse_verifier(payload.vkey)
    checkpoint, _ = open_checkpoint(payload.checkpoint.encode(), key.name, [key])
    return checkpoint, key


def trusted_with(history: KeyHistory, pinned: Sequence[Verifier]) -> bool:
    """Whether one of the keys of this log is among those that somebody trusts."""
    return any(key in pinned for key in history.keys)


def _message(prev_leaf_hash: bytes, index: int, old: str, new: str) -> bytes:
    parts = b"".join(struct.pack(">H", len(vkey)) + vkey.encode("ascii") for vkey in (old, new))
    return _TAG + prev_leaf_hash + struct.pack(">Q", index) + parts


def _read(raw: bytes, kind: type[Payload]) -> Payload:
    try:
        return msgspec.convert(parse_canonical(raw), kind)
    except msgspec.ValidationError:
        raise FormatError("the payload of a succession does not look like this") from None


def _signature(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError("a signature is base64") from error
    if len(raw) != _SIGNATURE_SIZE or base64.b64encode(raw).decode() != text:
        raise FormatError("a signature is 64 bytes in base64")
    return raw
