"""Checkpoints (C2SP tlog-checkpoint): the signed head of the log, as a note of exactly three lines.

    ledger.example.com/acme/1
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

Origin, size in decimal, RFC 6962 root in base64. We write no extension lines and accept none: they are not
covered by every kind of cosignature, and nobody could audit them.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from service.core.cosignatures import ED25519
from service.core.errors import FormatError, SignatureError
from service.core.merkle import SIZE_MAX
from service.core.notes import Attested, Signer, Verifier, open_note, parse_note, sign_note

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_ORIGIN: Final = re.compile(r"[a-z0-9][a-z0-9.:-]*(?:/[a-z0-9][a-z0-9._-]*)+")
_LINES: Final = 3
_ROOT_SIZE: Final = 32
ORIGIN_CHARS_MAX: Final = 255


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was signed: at this size, the log of this origin has this root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The three lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def check_origin(origin: str) -> str:
    """The origin itself, if we may sign under it: host, ledger, generation. Raises `FormatError`."""
    if len(origin) > ORIGIN_CHARS_MAX or not _ORIGIN.fullmatch(origin):
        raise FormatError("an origin is a host name and a path in lower case, like ledger.example/acme/1")
    return origin


def sign_checkpoint(origin: str, size: int, root: bytes, signers: Sequence[Signer]) -> bytes:
    """The signed note for this head."""
    return sign_note(Checkpoint(origin, size, root).text, signers)


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint strictly. Raises `FormatError`."""
    lines = text.split("\n")
    if len(lines) != _LINES + 1 or lines[_LINES]:
        raise FormatError("a checkpoint has three lines")
    origin, size, root_text = lines[:_LINES]
    if not origin or not _SIZE.fullmatch(size) or int(size) > SIZE_MAX:
        raise FormatError("a checkpoint has an origin and a size in plain decimal")
    try:
        root = base64.b64decode(root_text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError("the root of a checkpoint is base64") from error
    if len(root) != _ROOT_SIZE or base64.b64encode(root).decode() != root_text:
        raise FormatError("the root of a checkpoint is a hash")
    return Checkpoint(origin, int(size), root)


def open_checkpoint(
    raw: bytes, origin: str, verifiers: Sequence[Verifier]
) -> tuple[Checkpoint, tuple[Attested, ...]]:
    """Read a signed checkpoint of `origin`; one of its own keys among `verifiers` must have signed it.

    Raises `FormatError` and `SignatureError`, the latter also for a checkpoint of another origin.
    """
    note, attested = open_note(raw, verifiers)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != origin:
        raise SignatureError("this checkpoint is of another log")
    if not any(each.verifier.name == origin and each.verifier.kind == ED25519 for each in attested):
        raise SignatureError("the log itself has not signed this checkpoint")
    return checkpoint, attested


def open_held(raw: bytes, origin: str, keys_at: Callable[[int], Sequence[Verifier]]) -> Checkpoint:
    """A checkpoint of `origin` that a reader kept in a file. `keys_at`: the log's keys for a size.

    Raises `FormatError` and `SignatureError`, in words for somebody who handed in the wrong file.
    """
    try:
        held = parse_checkpoint(parse_note(raw).text)
    except FormatError as error:
        raise FormatError(f"The file named as a checkpoint held before is none: {error}.") from error
    if held.origin != origin:
        raise SignatureError(
            f"The checkpoint held before is of another log, {held.origin}; this is {origin}."
        )
    try:
        return open_checkpoint(raw, origin, keys_at(held.size))[0]
    except SignatureError as error:
        raise SignatureError(
            "The checkpoint held before names this log, and none of its keys has signed it: keep both."
        ) from error
