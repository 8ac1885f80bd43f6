"""Signed notes (C2SP signed-note): a text that ends in a newline, an empty line, and signature lines.

    example.com/foo
    …
    <empty line>
    — example.com/foo <base64(key id[4] ‖ signature)>

The key id is SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4]. A signature by an unknown key says nothing and is
passed over; a wrong one by a known key condemns the note.
"""

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.cosignatures import (
    COSIGNATURE,
    ED25519,
    KEY_SIZES,
    MLDSA_COSIGNATURE,
    check_signature,
    cosigned_message,
    split_cosignature,
)
from service.core.errors import FormatError, SignatureError

NOTE_BYTES_MAX: Final = 1_000_000
SIGNATURES_MAX: Final = 100

_PREFIX: Final = "\u2014 "
_ID_SIZE: Final = 4
# A name is not empty and holds no space, plus sign or control character.
_NAME: Final = re.compile(r"[^\s+\x00-\x1f\x7f]{1,255}")
_VKEY: Final = re.compile(
    r"(?P<name>[^\s+\x00-\x1f\x7f]{1,255})\+(?P<id>[0-9a-f]{8})\+(?P<key>[A-Za-z0-9+/=]+)"
)
_SKEY: Final = re.compile(
    r"PRIVATE\+KEY\+(?P<name>[^\s+\x00-\x1f\x7f]{1,255})\+(?P<id>[0-9a-f]{8})\+(?P<key>[A-Za-z0-9+/=]+)"
)


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The first four bytes of the key's hash: tells keys of one name apart, proves nothing."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:_ID_SIZE]


@dataclass(frozen=True)
class Verifier:
    """A name and the public key that signs under it.

    `kind` is 0x01 for a log's signature, for a witness's cosignature 0x04 (Ed25519) or 0x06 (ML-DSA-44).
    """

    name: str
    kind: int
    public: bytes

    @cached_property
    def key_id(self) -> bytes:
        """The key's four-byte id."""
        return key_id(self.name, self.kind, self.public)

    @property
    def cosigns(self) -> bool:
        """Whether it is a witness's."""
        return self.kind in (COSIGNATURE, MLDSA_COSIGNATURE)

    @property
    def vkey(self) -> str:
        """The verifier key as text: `name+id+base64(type ‖ key)`."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(bytes([self.kind]) + self.public)}"

    def verify(self, text: str, signature: bytes) -> int | None:
        """Check a signature over a note's text; a cosignature's time (seconds since 1970) is returned.

        Raises `SignatureError`.
        """
        message, time = text.encode(), None
        if self.cosigns:
            time, signature = split_cosignature(self.name, self.kind, signature)
            message = cosigned_message(self.name, self.kind, text, time)
        check_signature(self.name, self.kind, self.public, signature, message)
        return time


@dataclass(frozen=True)
class Signer:
    """A name and the private key that signs under it."""

    name: str
    private: Ed25519PrivateKey

    @cached_property
    def verifier(self) -> Verifier:
        """The public side."""
        return Verifier(self.name, ED25519, self.private.public_key().public_bytes_raw())

    @property
    def skey(self) -> str:
        """The signer key as text, to be kept secret: `PRIVATE+KEY+name+id+base64(type ‖ seed)`."""
        return _skey(self.verifier, self.private)

    def sign(self, text: str) -> bytes:
        """The signature over a note's text."""
        return self.private.sign(text.encode())


@dataclass(frozen=True)
class Cosigner:
    """A witness: a name and the private key that cosigns under it (C2SP tlog-cosignature, Ed25519)."""

    name: str
    private: Ed25519PrivateKey

    @cached_property
    def verifier(self) -> Verifier:
        """The public side."""
        return Verifier(self.name, COSIGNATURE, self.private.public_key().public_bytes_raw())

    @property
    def skey(self) -> str:
        """The key as text, to be kept secret: `PRIVATE+KEY+name+id+base64(type ‖ seed)`."""
        return _skey(self.verifier, self.private)

    def cosign(self, text: str, time: int) -> str:
        """The signature line over a checkpoint's text, at this time in seconds since 1970."""
        signature = self.private.sign(cosigned_message(self.name, COSIGNATURE, text, time))
        return f"{_PREFIX}{self.name} {_base64(self.verifier.key_id + struct.pack('>Q', time) + signature)}\n"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: checked only as far as its shape."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note as parsed: the text that was signed, and whoever claims to have signed it."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Attested:
    """One signature that holds. `time` in seconds since 1970 for a cosignature, else None."""

    verifier: Verifier
    time: int | None


def parse_verifier(vkey: str) -> Verifier:
    """Read a verifier key. Raises `FormatError`, also when its id does not belong to its key."""
    found = _VKEY.fullmatch(vkey)
    if found is None:
        raise FormatError("a verifier key is name+id+key")
    raw = _unbase64(found["key"])
    if not raw or len(raw) - 1 != KEY_SIZES.get(raw[0]):
        raise FormatError("not a verifier key of Ed25519 or ML-DSA-44")
    verifier = Verifier(found["name"], raw[0], raw[1:])
    if verifier.key_id.hex() != found["id"]:
        raise FormatError("the id of this verifier key belongs to another key")
    return verifier


def parse_signer(skey: str) -> Signer:
    """Read a signer key. Raises `FormatError`, which never repeats it."""
    signer = Signer(*_parse_skey(skey, ED25519))
    _check_skey(skey, signer.verifier)
    return signer


def parse_cosigner(skey: str) -> Cosigner:
    """Read a witness's key. Raises `FormatError`, which never repeats it."""
    cosigner = Cosigner(*_parse_skey(skey, COSIGNATURE))
    _check_skey(skey, cosigner.verifier)
    return cosigner


def _parse_skey(skey: str, kind: int) -> tuple[str, Ed25519PrivateKey]:
    found = _SKEY.fullmatch(skey)
    if found is None:
        raise FormatError("a signer key is PRIVATE+KEY+name+id+key")
    raw = _unbase64(found["key"])
    if len(raw) != 1 + KEY_SIZES[kind] or raw[0] != kind:
        raise FormatError("not a signer key of this kind")
    return found["name"], Ed25519PrivateKey.from_private_bytes(raw[1:])


def _check_skey(skey: str, verifier: Verifier) -> None:
    if f"+{verifier.key_id.hex()}+" not in skey:
        raise FormatError("the id of this signer key belongs to another key")


def _skey(verifier: Verifier, private: Ed25519PrivateKey) -> str:
    seed = _base64(bytes([verifier.kind]) + private.private_bytes_raw())
    return f"PRIVATE+KEY+{verifier.name}+{verifier.key_id.hex()}+{seed}"


def sign_note(text: str, signers: Sequence[Signer]) -> bytes:
    """A note over `text`, with one line for each signer."""
    _check_text(text)
    lines = [
        f"{_PREFIX}{signer.name} {_base64(signer.verifier.key_id + signer.sign(text))}\n"
        for signer in signers
    ]
    return (text + "\n" + "".join(lines)).encode()


def parse_note(raw: bytes) -> Note:
    """Read a note strictly. Raises `FormatError`."""
    if len(raw) > NOTE_BYTES_MAX:
        raise FormatError("a note of this size is not read")
    try:
        whole = raw.decode()
    except UnicodeDecodeError as error:
        raise FormatError("a note is UTF-8") from error
    head, separator, tail = whole.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise FormatError("a note is a text, an empty line and signature lines")
    text = head + "\n"
    _check_text(text)
    lines = tail[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise FormatError("more signatures than are read")
    return Note(text, tuple(_parse_signature(line) for line in lines))


def open_note(raw: bytes, verifiers: Sequence[Verifier]) -> tuple[Note, tuple[Attested, ...]]:
    """Read a note and check it: at least one of `verifiers` must have signed, and none wrongly.

    Raises `FormatError` or `SignatureError`.
    """
    note = parse_note(raw)
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    attested: dict[tuple[str, bytes], Attested] = {}
    for line in note.signatures:
        verifier = known.get((line.name, line.key_id))
        if verifier is not None:
            time = verifier.verify(note.text, line.signature)
            attested.setdefault((line.name, line.key_id), Attested(verifier, time))
    if not attested:
        raise SignatureError("nobody known has signed this note")
    return note, tuple(attested.values())


def with_signatures(note: bytes, lines: Iterable[str]) -> bytes:
    """The note with these signature lines, which nobody has checked, after its own."""
    return note + "".join(lines).encode()


def cosignatures_in(answer: bytes, text: str, verifiers: Sequence[Verifier]) -> list[tuple[Attested, str]]:
    """What a witness answered (C2SP tlog-witness): the lines by known witnesses, each with what it attests.

    Lines by others are passed over. Raises `FormatError`, and `SignatureError` for a known one that is wrong.
    """
    note = parse_note((text + "\n").encode() + answer)
    if note.text != text:
        raise FormatError("a witness answers with signature lines alone")
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    found = []
    for line in note.signatures:
        verifier = known.get((line.name, line.key_id))
        if verifier is not None and verifier.cosigns:
            attested = Attested(verifier, verifier.verify(text, line.signature))
            found.append((attested, f"{_PREFIX}{line.name} {_base64(line.key_id + line.signature)}\n"))
    return found


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(char < " " and char != "\n" for char in text):
        raise FormatError("the text of a note ends in a newline and holds no control characters")


def _parse_signature(line: str) -> Signature:
    name, space, blob = line.removeprefix(_PREFIX).partition(" ")
    if not line.startswith(_PREFIX) or not space or not _NAME.fullmatch(name):
        raise FormatError("a signature line is a dash, a name and a signature")
    raw = _unbase64(blob)
    if len(raw) <= _ID_SIZE:
        raise FormatError("a signature is longer than its key id")
    return Signature(name, raw[:_ID_SIZE], raw[_ID_SIZE:])


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _unbase64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError("not base64") from error
    if _base64(raw) != text:
        raise FormatError("not base64 in its only form")
    return raw
