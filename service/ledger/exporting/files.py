"""The files of an export that follow from the log: made again, the same to the byte, whenever wanted.

What the log alone does not give (bundles, the report) is frozen when the export is pinned and kept with it.
Everything here reads only what was committed below the pinned size, none of which ever changes; so no file of
an export has to be kept anywhere, and a reader may begin at any of them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from service.core.entries import EpochEntry, decode_entry, recorded_at_ms
from service.core.export import contents as at
from service.core.merkle import TILE_WIDTH, HashRange
from service.core.records import parse_record
from service.core.tiles import Tile, encode_entries, entry_bundle, tile_path
from service.ledger.campaigns.ports import CampaignStore
from service.ledger.exporting.ports import Scope
from service.ledger.opening import Opener, is_tombstone
from service.ledger.ports import EntryRow, SealedRow, Snapshot, Store

_CHECKPOINTS_PAGE = 4_096
_LATE_STAMPS_MAX = 100
_ANSWERS_AT_ONCE = 64 * TILE_WIDTH

File = tuple[str, bytes]


class _Unit(NamedTuple):
    """So many files that are made together."""

    files: int
    make: Callable[[], Awaitable[list[File]]]


@dataclass(frozen=True, slots=True)
class Pinned:
    """What an export is made from: its scope, and the size of the log it is pinned to.

    `campaign_count`: how many answers the campaign has that is in it, 0 where none is.
    """

    scope: Scope
    size: int
    documents: int
    campaign_count: int = 0

    @property
    def has_log(self) -> bool:
        """Whether the whole log is in it."""
        return self.scope.kind != "addresses"


class Files:
    """Makes the files of exports of one ledger."""

    def __init__(self, store: Store, opener: Opener, campaigns: CampaignStore) -> None:
        self._store = store
        self._opener = opener
        self._campaigns = campaigns

    def count(self, pinned: Pinned) -> int:
        """How many files there are."""
        return sum(unit.files for unit in self._units(pinned))

    async def from_(self, pinned: Pinned, start: int) -> AsyncIterator[File]:
        """The files from this one on, in order."""
        for unit in self._units(pinned):
            if start >= unit.files:
                start -= unit.files
                continue
            for file in (await unit.make())[start:]:
                yield file
            start = 0

    def _units(self, pinned: Pinned) -> Iterator[_Unit]:
        yield _Unit(pinned.documents, lambda: self._documents(pinned))
        for start in range(0, pinned.campaign_count, _ANSWERS_AT_ONCE):
            stop = min(start + _ANSWERS_AT_ONCE, pinned.campaign_count)
            yield _Unit(
                -(-(stop - start) // TILE_WIDTH),
                lambda start=start, stop=stop: self._answers(pinned.scope, start, stop),  # type: ignore[misc]  # bound
            )
        if not pinned.has_log:
            return
        size = pinned.size
        for start in range(0, size, at.RECORDS_PER_FILE):
            stop = min(start + at.RECORDS_PER_FILE, size)
            yield _Unit(
                2 * -(-(stop - start) // TILE_WIDTH) + 1,
                lambda start=start, stop=stop: self._group(pinned, start, stop),  # type: ignore[misc]  # bound
            )
        for tile in at.hash_tiles(size):
            if tile.level:
                yield _Unit(1, lambda tile=tile: self._tile(tile))  # type: ignore[misc]  # bound now
        for number in range(size // at.SIZES_PER_FILE + 1):
            yield _Unit(1, lambda number=number: self._checkpoints(size, number))  # type: ignore[misc]  # same

    async def _documents(self, pinned: Pinned) -> list[File]:
        async with self._store.snapshot() as snapshot:
            return await documents_below(snapshot, pinned.size)

    async def _group(self, pinned: Pinned, start: int, stop: int) -> list[File]:
        """Entries and hashes of up to 4,096 entries, and what opens them."""
        async with self._store.snapshot() as snapshot:
            rows = await snapshot.entries(start, stop)
            records = await self._records(snapshot, pinned.scope, rows, start, stop)
        files: list[File] = []
        for first in range(0, len(rows), TILE_WIDTH):
            part = rows[first : first + TILE_WIDTH]
            number, width = (start + first) // TILE_WIDTH, len(part)
            hashes = b"".join(row.leaf_hash for row in part)
            files += [
                (
                    _in_log(entry_bundle(number, width)),
                    encode_entries([row.entry for row in part]),
                ),
                (_in_log(Tile(0, number, width)), hashes),
            ]
        files.append((at.record_name(start // at.RECORDS_PER_FILE), at.lines_bytes(records)))
        return files

    async def _records(
        self, snapshot: Snapshot, scope: Scope, rows: list[EntryRow], start: int, stop: int
    ) -> list[at.RecordLine]:
        if scope.kind == "campaign":
            return []
        times = {row.index: recorded_at_ms(row.entry) for row in rows}
        held = [
            row
            for row in await snapshot.records(start, stop)
            if _within(times[row.index], scope.since_ms, scope.until_ms)
        ]
        secrets = await snapshot.secrets(list({row.subject_key for row in held}))
        by_subject: dict[bytes, list[SealedRow]] = {}
        for row in held:
            by_subject.setdefault(row.subject_key, []).append(row)
        lines: list[at.RecordLine] = []
        for key, own in by_subject.items():
            secret = secrets.get(key)
            address = self._opener.address(key, secret)
            if scope.sender is None:
                lines += [
                    at.RecordLine(index=row.index, erased=key.hex()) for row in own if is_tombstone(row)
                ]
            for event in self._opener.events(key, secret, own):
                if scope.sender is not None and not concerns(event.record, scope.sender):
                    continue
                lines.append(
                    at.RecordLine(
                        index=event.index,
                        opening=event.opening,
                        record=event.record.decode(),
                        evidence=event.evidence.decode() if event.evidence is not None else None,
                        address=f"{address.kind}:{address.value}" if address is not None else None,
                    )
                )
        return sorted(lines, key=lambda line: line.index)

    async def _tile(self, tile: Tile) -> list[File]:
        first = tile.index * TILE_WIDTH
        wanted = HashRange(tile.level, first, first + tile.width)
        async with self._store.snapshot() as snapshot:
            hashes = (await snapshot.hashes([wanted]))[wanted]
        return [(_in_log(tile), b"".join(hashes))]

    async def _checkpoints(self, size: int, number: int) -> list[File]:
        lines: list[at.CheckpointLine] = []
        start = max(number * at.SIZES_PER_FILE, 1)
        stop = min((number + 1) * at.SIZES_PER_FILE, size + 1)
        async with self._store.snapshot() as snapshot:
            stamps = await _stamps(snapshot, size, start, stop)
            while page := await snapshot.checkpoints(start, _CHECKPOINTS_PAGE):
                lines += [
                    at.CheckpointLine(own, note.decode(), stamps.get(own, ()))
                    for own, note in page
                    if own < stop
                ]
                start = page[-1][0] + 1
                if start >= stop:
                    break
        return [(at.checkpoints_name(number), at.lines_bytes(lines))]

    async def _answers(self, scope: Scope, start: int, stop: int) -> list[File]:
        campaign = bytes.fromhex(scope.campaign or "")
        files: list[File] = []
        for first in range(start, stop, TILE_WIDTH):
            width = min(TILE_WIDTH, stop - first)
            wanted = HashRange(0, first, first + width)
            hashes = (await self._campaigns.hashes(campaign, [wanted]))[wanted]
            name = at.CAMPAIGN + tile_path(Tile(0, first // TILE_WIDTH, width))
            files.append((name, b"".join(hashes)))
        return files


async def _stamps(snapshot: Snapshot, size: int, start: int, stop: int) -> dict[int, tuple[bytes, ...]]:
    """The time stamps of checkpoints of `start` ≤ size < `stop`, up to the one that the last epoch holds.

    Those that came later, though of a checkpoint below `size`, are not what this state of the log knew.
    """
    last = decode_entry((await snapshot.entries_at([size - 1]))[size - 1].entry)
    newest = await snapshot.timestamps(1, size, _LATE_STAMPS_MAX)
    held = [row.size for row in newest if isinstance(last, EpochEntry) and row.digest == last.anchor_hash]
    found: dict[int, tuple[bytes, ...]] = {}
    for row in await snapshot.timestamps(start, min(stop - 1, *held), stop - start) if held else ():
        found[row.size] = (row.token, *found.get(row.size, ()))
    return found


async def documents_below(snapshot: Snapshot, size: int) -> list[File]:
    """Every document that was published below this size, by kind and in the order of publication."""
    return [
        (at.document_name(kind, row.digest.hex()), row.body)
        for kind in at.DOCUMENT_KINDS
        for row in await snapshot.documents_of(kind)
        if row.index < size
    ]


def concerns(record: bytes, sender: str) -> bool:
    """Whether the event of a record is one of this sender's."""
    event = parse_record(record).event
    named = {event.get(name) for name in ("sender", "seller", "to", "from", "received_by", "collected_by")}
    senders = event.get("senders")
    return sender in named or (isinstance(senders, list) and sender in senders)


def _in_log(tile: Tile) -> str:
    return at.LOG + tile_path(tile)


def _within(moment: int, since: int | None, until: int | None) -> bool:
    return (since is None or moment >= since) and (until is None or moment < until)
