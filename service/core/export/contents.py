r"""What the files of an export are called and hold.

    README.txt                       what this is, in words
    report.html, report.pdf          the report for people (the PDF where one could be made)
    verifier.html                    checks a bundle in a browser, without a network; beside bundles only
    export.json                      what was asked for, and what is therefore in here
    checkpoint                       the signed head that everything is of (C2SP)
    witness/checkpoint               the newest state that witnesses have cosigned, where that is an older one
    timestamp/<size>.tsr             the newest RFC 3161 time stamp of a checkpoint (DER), for tools of others
    consistency/<size>               that the log of that size is the beginning of this one
    keys.json                        the keys the log has signed with; K_sub where disclosed
    document/<kind>/<hash>.json      forms, rulebooks, packs, senders under the SHA-256 of their text
    bundle/0001.json                 one bundle an address, in the order of the request
    line/0001/001.json               a bundle for each line of a campaign that asked about that address
    campaign/…                       question, runs and hash tiles of a campaign's answers
    log/tile/<L>/<N>, log/tile/entries/<N>   the log (C2SP tlog-tiles)
    record/x000/001.jsonl            openings, records, evidence and addresses of entries 4,096 N and on
    checkpoints/000.jsonl            checkpoints of the sizes from 65,536 N on, and their time stamps
    manifest.json, manifest.note     see `manifest`

No name of a file holds anything about a person.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from service.core.canonical import canonical_json, parse_canonical
from service.core.entries import GenesisEntry, SuccessionEntry, decode_entry
from service.core.errors import FormatError
from service.core.merkle import TILE_WIDTH
from service.core.succession import KeyHistory, key_history
from service.core.tiles import LEVEL_MAX, Tile, entry_bundle, tile_path

README: Final = "README.txt"
REPORT: Final = "report.html"
REPORT_PDF: Final = "report.pdf"
VERIFIER: Final = "verifier.html"
EXPORT: Final = "export.json"
CHECKPOINT: Final = "checkpoint"
WITNESSED: Final = "witness/checkpoint"
KEYS: Final = "keys.json"
LOG: Final = "log/"
RECORDS_PER_FILE: Final = 4_096
SIZES_PER_FILE: Final = 65_536
CAMPAIGN: Final = "campaign/"
CAMPAIGN_EVENT: Final = "campaign/event.json"
CAMPAIGN_QUESTION: Final = "campaign/question.json"
CAMPAIGN_RUNS: Final = "campaign/runs.json"

ScopeKind = Literal["ledger", "sender", "campaign", "addresses"]
DocumentKind = Literal["form", "rulebook", "pack", "sender"]
DOCUMENT_KINDS: Final[tuple[DocumentKind, ...]] = ("form", "rulebook", "pack", "sender")
_LINE_NAME: Final = re.compile(r"line/(\d{4})/\d{3}\.json")
_LINE: Final = msgspec.json.Encoder(order="sorted")


class ExportBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`export.json`. `log`: whether the whole log is in here, without which nothing can be replayed.

    `from` and `to` are RFC 3339, of `recorded_at`; `to` is not included. `subjects`: the subject keys of the
    addresses asked for, in hex. `unsearched`: so many campaigns, the oldest, were not searched for lines
    about them. `held_sizes`: of checkpoints that are proved to begin this log. `disclosed`: whether K_sub is
    in `keys.json`.
    """

    format: Literal["consent-ledger/export/1"] = "consent-ledger/export/1"
    origin: str
    scope: ScopeKind
    sender: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    campaign: str | None = None
    subjects: tuple[str, ...] = ()
    log: bool
    unsearched: int = 0
    held_sizes: tuple[int, ...] = ()
    disclosed: bool
    language: Literal["en", "nl"]
    size: Annotated[int, Meta(ge=1)]
    recorded_at: str


class KeysBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`keys.json`: every key the log has signed with, and how one led to the next.

    `genesis` and `successions` are entries of the log, the latter with their indices, from which `vkeys`
    follow. `subject_key_secret`: K_sub, which ties subject keys to addresses, where it is disclosed.
    """

    genesis: bytes
    successions: tuple[tuple[int, bytes], ...]
    vkeys: tuple[str, ...]
    subject_key_secret: str | None


class RecordLine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True, gc=False):
    """One event: what opens its entry. `address` is "kind:value", where it is still held.

    Of an event whose contents were erased there is the subject key alone (`erased`, hex).
    """

    index: int
    opening: bytes | None = None
    record: str | None = None
    erased: str | None = None
    evidence: str | None = None
    address: str | None = None


class CheckpointLine(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A signed checkpoint, the size it was signed for, and its time stamps (RFC 3161, DER).

    Of the stamps there are those up to the one that the last epoch holds.
    """

    size: int
    note: str
    stamps: tuple[bytes, ...] = ()


class CampaignRuns(Struct, frozen=True, forbid_unknown_fields=True):
    """From line `[0]` on (counted from 1), answers are of the state at position `[1]`, for the time `[2]`."""

    count: int
    runs: tuple[tuple[int, int, int], ...]


def history_of(keys: KeysBody) -> KeyHistory:
    """The log's keys, each of which has signed for the next. Raises `FormatError` and `SignatureError`."""
    genesis = decode_entry(keys.genesis)
    entries = [(index, decode_entry(raw)) for index, raw in keys.successions]
    if not isinstance(genesis, GenesisEntry):
        raise FormatError("the log's keys do not begin with its genesis entry")
    history = key_history(
        genesis, [(index, entry) for index, entry in entries if isinstance(entry, SuccessionEntry)]
    )
    if tuple(key.vkey for key in history.keys) != keys.vkeys:
        raise FormatError("these are not the keys that the log's own entries name")
    return history


_RECORD: Final = msgspec.json.Decoder(RecordLine)
_CHECKPOINT: Final = msgspec.json.Decoder(CheckpointLine)


def body_bytes(body: Struct) -> bytes:
    """Any of the above in canonical JSON."""
    return canonical_json(msgspec.to_builtins(body))


def read_body(raw: bytes, kind: type[Any]) -> Any:  # noqa: ANN401 - of the kind that was named
    """Read it back. Raises `FormatError`."""
    try:
        return msgspec.convert(parse_canonical(raw), kind)
    except msgspec.ValidationError as error:
        raise FormatError(f"not what this file should hold: {error}") from error


def lines_bytes(lines: list[RecordLine] | list[CheckpointLine]) -> bytes:
    """Lines of JSON, one an item."""
    return _LINE.encode_lines(lines)


def read_records(raw: bytes) -> list[RecordLine]:
    """The lines of a file of records, ascending. Raises `FormatError`."""
    try:
        lines = _RECORD.decode_lines(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FormatError("not lines of records") from error
    _require_plain(raw, lines, [line.index for line in lines])
    return lines


def read_checkpoints(raw: bytes) -> list[CheckpointLine]:
    """The lines of a file of checkpoints. Raises `FormatError`."""
    try:
        lines = _CHECKPOINT.decode_lines(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FormatError("not lines of checkpoints") from error
    _require_plain(raw, lines, [line.size for line in lines])
    return lines


def _require_plain(raw: bytes, lines: list[RecordLine] | list[CheckpointLine], places: list[int]) -> None:
    """Refuse what one reader would take and another pass over: a place, or a field, that stands twice.

    A field that stands twice makes a line longer than what was read of it; so does white space.
    """
    if any(later <= earlier for earlier, later in pairwise(places)):
        raise FormatError("lines are out of order, or stand twice")
    if len(lines_bytes(lines)) != len(raw):
        raise FormatError("a line holds more than what is read of it")


def document_name(kind: str, digest: str) -> str:
    """Where a document stands."""
    return f"document/{kind}/{digest}.json"


def bundle_name(number: int) -> str:
    """Where the bundle of the address at this place of the request stands, counted from 1."""
    return f"bundle/{number:04d}.json"


def line_name(address: int, number: int) -> str:
    """Where the bundle of a campaign's line stands: of the address at this place, counted from 1 each."""
    return f"line/{address:04d}/{number:03d}.json"


def place_of_line(name: str) -> int | None:
    """The place of the address whose line stands under this name; None for another file."""
    found = _LINE_NAME.fullmatch(name)
    return int(found[1]) if found is not None else None


def record_name(number: int) -> str:
    """Where the records of the entries from `number * RECORDS_PER_FILE` on stand."""
    return f"record/{_digits(number)}.jsonl"


def checkpoints_name(number: int) -> str:
    """Where the checkpoints of the sizes from `number * SIZES_PER_FILE` on stand."""
    return f"checkpoints/{_digits(number)}.jsonl"


def timestamp_name(size: int) -> str:
    """Where the time stamp of the checkpoint of this size stands."""
    return f"timestamp/{size}.tsr"


def stamped_size(name: str) -> int | None:
    """Of which size a file of this name holds a time stamp; None: it holds none."""
    size = name.removeprefix("timestamp/").removesuffix(".tsr")
    return int(size) if name == f"timestamp/{size}.tsr" and size.isdecimal() else None


def consistency_name(size: int) -> str:
    """Where the proof stands that the log of this size is the beginning of the one exported.

    As a witness is asked (C2SP tlog-witness `add-checkpoint`): old size, proof, and the newer checkpoint.
    """
    return f"consistency/{size}"


def _digits(number: int) -> str:
    return tile_path(Tile(0, number)).removeprefix("tile/0/")


def hash_tiles(size: int) -> Iterator[Tile]:
    """The hash tiles of a tree of this size, level by level (tlog-tiles)."""
    for level in range(LEVEL_MAX + 1):
        count = size >> (8 * level)
        if not count:
            return
        yield from _tiles(level, count)


def entry_bundles(size: int) -> Iterator[Tile]:
    """The entry bundles of a log of this size."""
    for tile in _tiles(0, size):
        yield entry_bundle(tile.index, tile.width)


def _tiles(level: int, count: int) -> Iterator[Tile]:
    for index in range(count // TILE_WIDTH):
        yield Tile(level, index)
    if count % TILE_WIDTH:
        yield Tile(level, count // TILE_WIDTH, count % TILE_WIDTH)
