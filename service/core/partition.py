"""The index-partition audit: that no event was left out of the map, for an auditor who may see no records.

    {"format":"consent-ledger/partition/1","origin":"ledger.example/acme/1","size":1043}
    {"entry":"<base64>"}
    {"entry":"<base64>","subject":"<subject key, hex>"}
    {"checkpoint":"<signed note>","entry":"<base64>"}

A line an entry, in the log's order, each in canonical JSON; beside every event whose it is, under its
pseudonym, and nothing of its record. Every event stands in exactly one chain, each chain is built from the
commitments that the log publishes, and every epoch must commit to the map of them all. What is left to cheat
with is to assign an event to the wrong subject: that shows where its record is opened, in a bundle or a full
replay.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from service.core.canonical import canonical_json, parse_canonical
from service.core.entries import EpochEntry, ErasureEntry, EventEntry
from service.core.errors import FormatError
from service.core.notes import Verifier
from service.core.replay import Erased, Opened, Replay

FORMAT: Final = "consent-ledger/partition/1"
LINE_BYTES_MAX: Final = 300_000

Read = TypeVar("Read", bound="Beginning | Line")


class Beginning(Struct, frozen=True, forbid_unknown_fields=True):
    """The first line: of which log this is, and how many entries follow."""

    format: Literal["consent-ledger/partition/1"]
    origin: Annotated[str, Meta(min_length=1, max_length=255)]
    size: Annotated[int, Meta(ge=1)]


class Line(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One entry; `subject` beside an event, `checkpoint` where one was signed for the size after it."""

    entry: str
    subject: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")] | None = None
    checkpoint: str | None = None


def write_line(line: Beginning | Line) -> bytes:
    """A line with its line feed."""
    return canonical_json(msgspec.to_builtins(line)) + b"\n"


def read_beginning(raw: bytes) -> Beginning:
    """The first line. Raises `FormatError`."""
    return _read(raw, Beginning)


def read_line(raw: bytes) -> tuple[bytes, bytes | None, bytes | None]:
    """Entry, subject key and checkpoint of a line. Raises `FormatError`."""
    line = _read(raw, Line)
    try:
        entry = base64.b64decode(line.entry, validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError("an entry is base64") from error
    subject = bytes.fromhex(line.subject) if line.subject is not None else None
    return entry, subject, line.checkpoint.encode() if line.checkpoint is not None else None


class PartitionReplay(Replay):
    """Derives tree and map of a log from its entries and whose each event is. Findings as a `Replay`'s.

    Besides, `event_unassigned`: an event without a subject, and `assignment_misplaced`: a subject beside
    another entry. Rulebooks and records are not looked at.
    """

    def __init__(self, origin: str, verifiers: Sequence[Verifier]) -> None:
        super().__init__(origin=origin, verifiers=verifiers, forms={})

    def feed_assigned(self, entry: bytes, subject: bytes | None, note: bytes | None) -> None:
        """Take the next entry, and whose it is."""
        index, events = self.size, self.counts["events"]
        self.feed(entry, Erased(subject) if subject is not None else None, note)
        if subject is not None and self.counts["events"] == events:
            self.find("assignment_misplaced", index, f"entry {index} is no event, and has a subject")

    def _take_event(self, index: int, entry: EventEntry, opened: Opened | Erased | None) -> None:
        if isinstance(opened, Erased):
            self._lengthen(opened.subject_key, index, entry, b"")
            return
        self.find("event_unassigned", index, f"nobody is named whose event entry {index} is")
        self._map_is_known = False

    def _take_epoch(self, index: int, entry: EpochEntry) -> None:
        self._rulebook_hash = entry.rulebook_hash  # which rulebook was announced stands in records
        super()._take_epoch(index, entry)

    def _take_erasure(self, index: int, entry: ErasureEntry) -> None:
        del index
        self.counts["erased"] += len(entry.indices)


def _read(raw: bytes, kind: type[Read]) -> Read:
    if len(raw) > LINE_BYTES_MAX or not raw.endswith(b"\n"):
        raise FormatError("a line is cut off, or longer than any")
    try:
        return msgspec.convert(parse_canonical(raw[:-1]), kind)
    except msgspec.ValidationError:
        raise FormatError("not a line of an index partition") from None
