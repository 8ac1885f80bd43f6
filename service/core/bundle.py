r"""The bundle: everything that shows one answer, or one subject's whole history, in one JSON file.

    {"checkpoint":"ledger.example/acme/1\n1043\n…","decision":{…},"documents":{"<sha256>":"<text>",…},
     "epoch":{"entry":"<base64>","proof":"<base64>"},"format":"consent-ledger/bundle/1","genesis":{…},…,
     "subjects":[{"role":"address","events":[{"index":41,"entry":"…","opening":"…","proof":"…","record":"…"}],…}]}

A bundle is canonical JSON (RFC 8785) and nothing else: the same content has one sequence of bytes, and other
bytes are refused. Hashes and keys are lower-case hexadecimal; entries, openings, signatures and proofs base64
(RFC 4648 §4). A proof is its hashes one after the other, from the leaf upwards. Records are text, exactly as
they were hashed. The log key signs "clv1/bundle" ‖ SHA-256(the bundle's canonical bytes without `signature`).

Here is only the format. What a bundle proves is for `verifier` to find out.
"""

import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from service.core.canonical import parse_strict
from service.core.errors import FormatError, ProofShapeError
from service.core.notes import Signer
from service.core.prefix_map import MapLeaf, MapProof, MapResult
from service.core.records import HASH_SIZE

FORMAT: Final = "consent-ledger/bundle/1"

BUNDLE_BYTES_MAX: Final = 64 * 1024 * 1024
SUBJECTS_MAX: Final = 256
EVENTS_MAX: Final = 100_000
DOCUMENTS_MAX: Final = 10_000
PATH_HASHES_MAX: Final = 63
"""A path in a tree of at most 2^63 - 1 leaves."""

MAP_DEPTH_MAX: Final = 256
"""A path in the map: one hash for each bit of a key at most."""

_DEPTH_MAX: Final = 12
_SIGNED_TAG: Final = b"clv1/bundle"

Role = Literal["address", "linked", "sender"]
HexHash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
Position = Annotated[int, Meta(ge=0)]
Path = Annotated[bytes, Meta(max_length=HASH_SIZE * PATH_HASHES_MAX)]
MapPath = Annotated[bytes, Meta(max_length=HASH_SIZE * MAP_DEPTH_MAX)]


class _Part(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """What all parts have in common: unknown fields are refused."""


class ShownLeaf(_Part, frozen=True):
    """An entry of the log and its audit path. Where it stands is said by its place in the bundle."""

    entry: bytes
    proof: Path


class PlacedLeaf(_Part, frozen=True):
    """An entry of the log at `index`, and its audit path."""

    index: Position
    entry: bytes
    proof: Path


class ShownEvent(_Part, frozen=True):
    """One event of a subject. After an erasure `opening` and `record` are null: the entry is all there is.

    `evidence` is shown where it is still held: canonical JSON, to which the record is committed.
    """

    index: Position
    entry: bytes
    proof: Path
    opening: Annotated[bytes, Meta(min_length=HASH_SIZE, max_length=HASH_SIZE)] | None
    record: str | None
    evidence: str | UnsetType = UNSET


class ShownAddress(_Part, frozen=True):
    """A canonical address; of kind "sender" the sender's id."""

    kind: Literal["email", "phone", "sender"]
    value: Annotated[str, Meta(min_length=1, max_length=320)]


class ShownHead(_Part, frozen=True):
    """The head of a subject's chain, as the map holds it."""

    event_count: Annotated[int, Meta(ge=1)]
    last_index: Position
    chain: HexHash


class OtherLeaf(_Part, frozen=True):
    """The leaf that stands where the absent subject would."""

    key: HexHash
    value: HexHash


class ShownMapProof(_Part, frozen=True):
    """Where the search for a subject in the map ends: siblings from the lowest up, and a stranger's leaf."""

    siblings: MapPath
    other_leaf: OtherLeaf | None


class ShownSubject(_Part, frozen=True):
    """A subject with its whole history; `head` null and no events: it is not in the map.

    `address` is null where it is not known any more.
    """

    role: Role
    subject_key: HexHash
    address: ShownAddress | None
    head: ShownHead | None
    map_proof: ShownMapProof
    events: Annotated[tuple[ShownEvent, ...], Meta(max_length=EVENTS_MAX)]


class ShownQuestion(_Part, frozen=True):
    """What was asked, for which time of sending, and as known when (null: now)."""

    body: dict[str, Any]
    at_ms: Position
    known_at_ms: Position | None


class ShownPast(_Part, frozen=True):
    """The epoch that was the newest at `known_at_ms`, and the one that followed it."""

    epoch: PlacedLeaf
    next: PlacedLeaf


class ShownConsistency(_Part, frozen=True):
    """That the log of `size` entries, which the asker held, is a beginning of this one."""

    size: Annotated[int, Meta(ge=1)]
    proof: Annotated[bytes, Meta(max_length=2 * HASH_SIZE * PATH_HASHES_MAX)]


class ShownCampaign(_Part, frozen=True):
    """The campaign in which the question was asked, and that the answer is line `line` of it.

    `event` is its `campaign_checked`; `epoch` the state of the log that the line was answered from; `proof`
    the audit path of leaf `line` - 1 in the tree of the campaign's answers.
    """

    event: ShownEvent
    epoch: PlacedLeaf
    line: Annotated[int, Meta(ge=1)]
    proof: Path


class BundleSignature(_Part, frozen=True):
    """By whom (the four bytes of a C2SP key id, in hex) and the Ed25519 signature."""

    key_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(?!\n)$")]
    value: Annotated[bytes, Meta(min_length=64, max_length=64)]


class Bundle(_Part, frozen=True):
    """A bundle as read. `subject_key_secret` is K_sub, null where it is not disclosed.

    `erasures` are the notices that explain events without a record; `past` belongs to a question with a
    `known_at_ms` before the newest epoch; `campaign` to a question that was one line of a campaign;
    `consistency` to an asker who held an older checkpoint.
    """

    origin: Annotated[str, Meta(min_length=1, max_length=255)]
    checkpoint: Annotated[str, Meta(min_length=1, max_length=100_000)]
    genesis: ShownLeaf
    epoch: ShownLeaf
    subjects: Annotated[tuple[ShownSubject, ...], Meta(min_length=1, max_length=SUBJECTS_MAX)]
    documents: Annotated[dict[HexHash, str], Meta(max_length=DOCUMENTS_MAX)]
    question: ShownQuestion | None
    decision: dict[str, Any] | None
    token: str | None
    subject_key_secret: HexHash | None
    format: Literal["consent-ledger/bundle/1"] = FORMAT
    consistency: ShownConsistency | UnsetType = UNSET
    erasures: Annotated[tuple[PlacedLeaf, ...], Meta(min_length=1, max_length=EVENTS_MAX)] | UnsetType = UNSET
    past: ShownPast | UnsetType = UNSET
    campaign: ShownCampaign | UnsetType = UNSET
    signature: BundleSignature | UnsetType = UNSET


_ENCODER: Final = msgspec.json.Encoder(order="sorted")


def encode_bundle(bundle: Bundle) -> bytes:
    """The canonical bytes of a bundle."""
    return _ENCODER.encode(bundle)


def signed_message(bundle: Bundle) -> bytes:
    """What the log key signs of a bundle."""
    unsigned = msgspec.structs.replace(bundle, signature=UNSET)
    return _SIGNED_TAG + hashlib.sha256(encode_bundle(unsigned)).digest()


def sign_bundle(bundle: Bundle, signer: Signer) -> bytes:
    """The canonical bytes of a bundle, signed."""
    signature = BundleSignature(
        key_id=signer.verifier.key_id.hex(), value=signer.private.sign(signed_message(bundle))
    )
    return encode_bundle(msgspec.structs.replace(bundle, signature=signature))


def parse_bundle(raw: bytes) -> Bundle:
    """Read a bundle strictly.

    Raises `FormatError` for what is no JSON, of another format or version, too large, has unknown or missing
    fields, or is not in canonical form.
    """
    if len(raw) > BUNDLE_BYTES_MAX:
        raise FormatError("a bundle of this size is not read")
    value = parse_strict(raw, max_depth=_DEPTH_MAX)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise FormatError("not a bundle of a version that is known here")
    try:
        bundle = msgspec.convert(value, Bundle)
    except msgspec.ValidationError as error:
        raise FormatError("a bundle does not look like this" + _place(error)) from None
    # Covers what no single rule above does: order, white space, escapes, base64 in another spelling, nulls
    # for what is left out.
    if encode_bundle(bundle) != raw:
        raise FormatError("not in canonical form (RFC 8785)")
    return bundle


def split_hashes(joined: bytes) -> tuple[bytes, ...]:
    """The hashes of a proof. Raises `ProofShapeError` when there is a part of one."""
    if len(joined) % HASH_SIZE:
        raise ProofShapeError("a proof is a row of whole hashes")
    return tuple(joined[at : at + HASH_SIZE] for at in range(0, len(joined), HASH_SIZE))


def join_hashes(hashes: Iterable[bytes]) -> bytes:
    """The hashes of a proof, one after the other."""
    return b"".join(hashes)


def shown_map_proof(proof: MapProof) -> ShownMapProof:
    """A map proof as a bundle shows it: the subject's own leaf follows from its head and is left out."""
    other = proof.other
    return ShownMapProof(
        siblings=join_hashes(proof.siblings),
        other_leaf=OtherLeaf(key=other.key.hex(), value=other.value.hex()) if other is not None else None,
    )


def read_map_proof(shown: ShownMapProof, *, present: bool) -> MapProof:
    """The map proof of a subject that is said to be there, or not.

    Raises `ProofShapeError` when the siblings are no hashes.
    """
    siblings = split_hashes(shown.siblings)
    other = None
    if shown.other_leaf is not None:
        other = MapLeaf(bytes.fromhex(shown.other_leaf.key), bytes.fromhex(shown.other_leaf.value))
    result = MapResult.NON_INCLUSION_PARENT if other is None else MapResult.NON_INCLUSION_LEAF
    return MapProof(MapResult.INCLUSION if present else result, len(siblings), siblings, other)


def _place(error: msgspec.ValidationError) -> str:
    """Where in the bundle, in msgspec's words; never a value, which could be an address."""
    _, separator, place = str(error).rpartition(" - at ")
    return f" (at {place})" if separator else ""
