r"""What an export holds, and who says so: `manifest.json` lists every file, `manifest.note` is signed.

The note is a C2SP signed note by the log key, over three lines that no checkpoint can be taken for:

    consent-ledger/export/1
    ledger.example/acme/1
    <SHA-256 of manifest.json, hex>

A manifest covers the container too: `packed_sha256` is over the packed bytes of all files before it, and
everything else in the archive follows from names, sizes and checksums (`archive`).
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from service.core.canonical import canonical_json, parse_canonical
from service.core.errors import FormatError, SignatureError
from service.core.export.archive import Member, packed_digest
from service.core.notes import Signer, Verifier, open_note, sign_note

FORMAT: Final = "consent-ledger/export/1"
MANIFEST: Final = "manifest.json"
NOTE: Final = "manifest.note"

HexHash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
FileName = Annotated[
    str, Meta(pattern=r"^[a-zA-Z0-9_-][\w.-]*(/[a-zA-Z0-9_-][\w.-]*)*(?!\n)$", max_length=200)
]


class ListedFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One file: its size in bytes and the SHA-256 of its contents."""

    name: FileName
    sha256: HexHash
    size: Annotated[int, Meta(ge=0)]


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Every file of an export but the manifest and its note, in the order of the archive."""

    format: Literal["consent-ledger/export/1"] = FORMAT
    origin: str
    size: Annotated[int, Meta(ge=1)]
    root: HexHash
    packed_sha256: HexHash
    files: tuple[ListedFile, ...]


def manifest_bytes(
    origin: str, size: int, root: bytes, members: Sequence[Member], digests: Sequence[bytes]
) -> bytes:
    """The canonical JSON of a manifest. `digests`: the SHA-256 of each member's contents."""
    files = tuple(
        ListedFile(member.name, digest.hex(), member.size)
        for member, digest in zip(members, digests, strict=True)
    )
    manifest = Manifest(
        origin=origin,
        size=size,
        root=root.hex(),
        packed_sha256=packed_digest(members).hex(),
        files=files,
    )
    return canonical_json(msgspec.to_builtins(manifest) | {"format": FORMAT})


def parse_manifest(raw: bytes) -> Manifest:
    """Read a manifest strictly. Raises `FormatError`, also for a name that is listed twice."""
    try:
        manifest = msgspec.convert(parse_canonical(raw), Manifest)
    except msgspec.ValidationError as error:
        raise FormatError(f"not a manifest: {error}") from error
    names = [file.name for file in manifest.files]
    if len({*names, MANIFEST, NOTE}) != len(names) + 2:
        raise FormatError("a manifest lists every file once, and never itself")
    return manifest


def sign_manifest(raw: bytes, origin: str, signer: Signer) -> bytes:
    """The note by which the log key vouches for a manifest."""
    return sign_note(_text(raw, origin), [signer])


def check_manifest_note(note: bytes, raw: bytes, origin: str, verifiers: Sequence[Verifier]) -> None:
    """One of the log's keys must have signed for this very manifest.

    Raises `FormatError` and `SignatureError`.
    """
    opened, attested = open_note(note, verifiers)
    if opened.text != _text(raw, origin):
        raise SignatureError("the signed note is of another manifest")
    if not any(each.verifier.name == origin for each in attested):
        raise SignatureError("the log itself has not signed this manifest")


def _text(raw: bytes, origin: str) -> str:
    return f"{FORMAT}\n{origin}\n{hashlib.sha256(raw).hexdigest()}\n"
