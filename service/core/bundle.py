r"""The bundle: everything that shows one answer, or one subject's whole history, in one JSON file.

    {"checkpoint":"ledger.example/acme/1\n1043\n…","decision":{…},"documents":{"<sha256>":"<text>",…},
     "epoch":"<base64>","format":"consent-ledger/bundle/1","genesis":"<base64>","log_proof":"<base64>",…,
     "subjects":[{"role":"address","events":[{"event":{…},"index":41,"opening":"…",…}],…}]}

A bundle is canonical JSON (RFC 8785) and nothing else: the same content has one sequence of bytes, and other
bytes are refused. What is a name (subject keys, documents, K_sub, key ids) is lower-case hexadecimal, all
other bytes are base64 (RFC 4648 §4). What follows from other parts is not shown: records and their entries
are put together again from what an event says, heads from the events, the token from question and answer.
The log key signs "clv1/bundle" ‖ SHA-256(the bundle's canonical bytes without `signature`).

Here is only the format. What a bundle proves is for `verifier` to find out.
"""

import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from service.core.canonical import parse_canonical
from service.core.errors import FormatError, ProofShapeError
from service.core.notes import Signer
from service.core.prefix_map import MISSING, MapLeaf, MapProof, MapResult
from service.core.records import HASH_SIZE

FORMAT: Final = "consent-ledger/bundle/1"

BUNDLE_BYTES_MAX: Final = 64 * 1024 * 1024
SUBJECTS_MAX: Final = 256
EVENTS_MAX: Final = 100_000
DOCUMENTS_MAX: Final = 10_000
SUCCESSIONS_MAX: Final = 1_000
ANCHORS_MAX: Final = 16
PATH_HASHES_MAX: Final = 63
"""A path in a tree of at most 2^63 - 1 leaves."""

MAP_DEPTH_MAX: Final = 256
"""A path in the map: one hash for each bit of a key at most."""

_SIGNED_TAG: Final = b"clv1/bundle"

_SUCCESSIONS: Final = Meta(min_length=1, max_length=SUCCESSIONS_MAX)
_ANCHORS: Final = Meta(min_length=1, max_length=ANCHORS_MAX)
Role = Literal["address", "linked", "sender"]
HexHash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
Hash = Annotated[bytes, Meta(min_length=HASH_SIZE, max_length=HASH_SIZE)]
Position = Annotated[int, Meta(ge=0)]
Path = Annotated[bytes, Meta(max_length=HASH_SIZE * PATH_HASHES_MAX)]
MapPath = Annotated[bytes, Meta(max_length=HASH_SIZE * MAP_DEPTH_MAX)]


class _Part(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """What all parts have in common: unknown fields are refused."""


class PlacedEntry(_Part, frozen=True):
    """An entry of the log at `index`."""

    index: Position
    entry: bytes


class ShownEvent(_Part, frozen=True):
    """One event of a subject: what its entry and its record are put together from.

    `event` is the record's. `evidence` is shown where it is still held, `evidence_hash` where it is not.
    After an erasure the entry's `commitment` stands in the place of all that it committed to.
    """

    index: Position
    prev_leaf_hash: Hash
    recorded_at_ms: Position
    commitment: Hash | UnsetType = UNSET
    opening: Hash | UnsetType = UNSET
    event: dict[str, Any] | UnsetType = UNSET
    evidence: dict[str, Any] | UnsetType = UNSET
    evidence_hash: Hash | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse an event that is shown in part, or twice."""
        held = [part is not UNSET for part in (self.opening, self.event)]
        evidence = [part is not UNSET for part in (self.evidence, self.evidence_hash)]
        erased = self.commitment is not UNSET
        if any(held) if erased else not all(held):
            raise ValueError("an event is shown with its contents, or with its commitment")
        if sum(evidence) > (not erased):
            raise ValueError("evidence is shown, or its hash")


class ShownAddress(_Part, frozen=True):
    """A canonical address; of kind "sender" the sender's id."""

    kind: Literal["email", "phone", "sender"]
    value: Annotated[str, Meta(min_length=1, max_length=320)]


class OtherLeaf(_Part, frozen=True):
    """The leaf that stands where the absent subject would."""

    key: Hash
    value: Hash


class ShownMapProof(_Part, frozen=True):
    """Where the search for a subject in the map ends: siblings from the lowest up, and a stranger's leaf.

    Siblings that are missing (`0^32`) are not among `siblings`: `empty` says at which places from the lowest
    (0) up they belong, ascending.
    """

    siblings: MapPath
    empty: Annotated[tuple[Position, ...], Meta(min_length=1, max_length=MAP_DEPTH_MAX)] | UnsetType = UNSET
    other_leaf: OtherLeaf | UnsetType = UNSET


class ShownSubject(_Part, frozen=True):
    """A subject with its whole history; without events it is not in the map.

    `address` is null where it is not known any more.
    """

    role: Role
    subject_key: HexHash
    address: ShownAddress | None
    map_proof: ShownMapProof
    events: Annotated[tuple[ShownEvent, ...], Meta(max_length=EVENTS_MAX)]


class ShownQuestion(_Part, frozen=True):
    """What was asked, for which time of sending, and as known when (null: now)."""

    body: dict[str, Any]
    at_ms: Position
    known_at_ms: Position | None


class ShownPast(_Part, frozen=True):
    """The epoch that was the newest at `known_at_ms`, and the one that followed it."""

    epoch: PlacedEntry
    next: PlacedEntry


class ShownConsistency(_Part, frozen=True):
    """That the log of `size` entries, which the asker held, is a beginning of this one."""

    size: Annotated[int, Meta(ge=1)]
    proof: Annotated[bytes, Meta(max_length=2 * HASH_SIZE * PATH_HASHES_MAX)]


class ShownToken(_Part, frozen=True):
    """The decision token's own parts, `iat` in seconds. Its claims are the bundle's, its key the bundle's."""

    iat: Position
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]


class CampaignEvent(_Part, frozen=True):
    """The event `campaign_checked` of a campaign, and its whole record: its history is not shown."""

    index: Position
    prev_leaf_hash: Hash
    recorded_at_ms: Position
    opening: Hash
    record: dict[str, Any]


class ShownCampaign(_Part, frozen=True):
    """The campaign in which the question was asked, and that the answer is line `line` of it.

    `epoch` is the state of the log that the line was answered from; `proof` the audit path of leaf `line` - 1
    in the tree of the campaign's answers.
    """

    event: CampaignEvent
    epoch: PlacedEntry
    line: Annotated[int, Meta(ge=1)]
    proof: Path


class ShownAnchor(_Part, frozen=True):
    """A checkpoint of the log, no newer than the bundle's, that others attest: by cosignature or stamp.

    `proof` is the RFC 9162 consistency proof from it, empty for one of the same size; `timestamp` an RFC 3161
    response (DER) over its text.
    """

    checkpoint: Annotated[str, Meta(min_length=1, max_length=100_000)]
    proof: Annotated[bytes, Meta(max_length=2 * HASH_SIZE * PATH_HASHES_MAX)]
    timestamp: Annotated[bytes, Meta(min_length=1, max_length=100_000)] | UnsetType = UNSET


class BundleSignature(_Part, frozen=True):
    """By whom (the four bytes of a C2SP key id, in hex) and the Ed25519 signature."""

    key_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{8}(?!\n)$")]
    value: Annotated[bytes, Meta(min_length=64, max_length=64)]


class Bundle(_Part, frozen=True):
    """A bundle as read. `subject_key_secret` is K_sub, null where it is not disclosed.

    `genesis` and `epoch` are the first and the last entry; `log_proof` is the one multiproof for every entry
    that is shown.

    `erasures` are the notices that explain events without contents; `past` belongs to a question with a
    `known_at_ms` before the newest epoch; `campaign` to a question that was one line of a campaign;
    `consistency` to an asker who held an older checkpoint; `successions` to a log whose signing key gave way
    to others; `anchors` are what others attest of it.
    """

    origin: Annotated[str, Meta(min_length=1, max_length=255)]
    checkpoint: Annotated[str, Meta(min_length=1, max_length=100_000)]
    genesis: bytes
    epoch: bytes
    log_proof: bytes
    subjects: Annotated[tuple[ShownSubject, ...], Meta(min_length=1, max_length=SUBJECTS_MAX)]
    documents: Annotated[dict[HexHash, str], Meta(max_length=DOCUMENTS_MAX)]
    question: ShownQuestion | None
    decision: dict[str, Any] | None
    token: ShownToken | None
    subject_key_secret: HexHash | None
    format: Literal["consent-ledger/bundle/1"] = FORMAT
    consistency: ShownConsistency | UnsetType = UNSET
    erasures: Annotated[tuple[PlacedEntry, ...], Meta(min_length=1, max_length=EVENTS_MAX)] | UnsetType = (
        UNSET
    )
    past: ShownPast | UnsetType = UNSET
    campaign: ShownCampaign | UnsetType = UNSET
    successions: Annotated[tuple[PlacedEntry, ...], _SUCCESSIONS] | UnsetType = UNSET
    anchors: Annotated[tuple[ShownAnchor, ...], _ANCHORS] | UnsetType = UNSET
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
    value = parse_canonical(raw)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise FormatError("not a bundle of a version that is known here")
    try:
        bundle = msgspec.convert(value, Bundle)
    except msgspec.ValidationError as error:
        raise FormatError("a bundle does not look like this" + _place(error)) from None
    # Covers what no rule above does: base64 in another spelling, nulls for what is left out.
    if encode_bundle(bundle) != raw:
        raise FormatError("a part of the bundle is not written in its only form")
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
    """A map proof as a bundle shows it: the subject's own leaf follows from its events and is left out."""
    other = proof.other
    empty = tuple(place for place, sibling in enumerate(proof.siblings) if sibling == MISSING)
    return ShownMapProof(
        siblings=join_hashes(sibling for sibling in proof.siblings if sibling != MISSING),
        empty=empty or UNSET,
        other_leaf=OtherLeaf(key=other.key, value=other.value) if other is not None else UNSET,
    )


def read_map_proof(shown: ShownMapProof, *, present: bool) -> MapProof:
    """The map proof of a subject that is said to be there, or not.

    Raises `ProofShapeError` when the siblings are no hashes, or the empty ones have no place among them.
    """
    held = iter(split_hashes(shown.siblings))
    empty = shown.empty if shown.empty is not UNSET else ()
    depth = len(shown.siblings) // HASH_SIZE + len(empty)
    places = set(empty)
    if list(empty) != sorted(places) or (empty and empty[-1] >= depth):
        raise ProofShapeError("the empty siblings are out of order, or beyond the path")
    siblings = tuple(MISSING if place in places else next(held) for place in range(depth))
    if siblings.count(MISSING) != len(empty):
        raise ProofShapeError("an empty sibling is shown as a hash")
    other = None
    if shown.other_leaf is not UNSET:
        other = MapLeaf(shown.other_leaf.key, shown.other_leaf.value)
    result = MapResult.NON_INCLUSION_PARENT if other is None else MapResult.NON_INCLUSION_LEAF
    return MapProof(MapResult.INCLUSION if present else result, len(siblings), siblings, other)


def _place(error: msgspec.ValidationError) -> str:
    """Where in the bundle, in msgspec's words; never a value, which could be an address."""
    _, separator, place = str(error).rpartition(" - at ")
    return f" (at {place})" if separator else ""
