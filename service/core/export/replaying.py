"""Replaying an export (level L3): the log from its first entry, and everything that was derived from it.

An export of the whole ledger is replayed as `core.replay` says. Where only a part of the events is in it, the
log itself is still followed (links, times, epochs, checkpoints, tiles) and the events that are there are
opened; what came between them is not there to be looked at, and the report says so.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from service.core.checkpoint import Checkpoint
from service.core.errors import FormatError
from service.core.export import contents as at
from service.core.export.campaigns import ShownCampaign
from service.core.export.checking import Opened, Progress
from service.core.export.findings import Inspection
from service.core.merkle import TILE_WIDTH, TileRoot
from service.core.records import subject_key
from service.core.replay import Erased, Replay
from service.core.replay import Opened as OpenedEvent
from service.core.stamps import Stamped, StampTrail
from service.core.tiles import Tile, decode_entries, entry_bundle, tile_path

_PARTIAL_SAYS = frozenset({"chain_broken", "erasure_incomplete", "erasure_undone", "record_missing"})
"""What is no finding where events in between are not in the export."""


def replay_export(opened: Opened, stamped: Stamped | None, found: Inspection, progress: Progress) -> None:
    """Replay what is in the export, and note what is wrong. `stamped` checks time stamps."""
    if not opened.body.log:
        found.not_checked("log", "The log is not in this export, so it was not replayed.")
        _require_none_of(opened.names, found)
        return
    before = len(found.findings)
    secret = opened.keys.subject_key_secret
    replay = Replay(
        origin=opened.body.origin,
        verifiers=[opened.history.first],
        forms=opened.forms,
        subject_secret=bytes.fromhex(secret) if secret is not None else None,
    )
    replay.stamps = stamps = StampTrail(stamped, replay.find)
    _ReplayedLog(opened, found, replay, progress).run()
    whole = opened.body.scope == "ledger"
    if whole:
        replay.finish()
    for finding in replay.findings:
        if whole or finding.code not in _PARTIAL_SAYS:
            found.find(finding.code, finding.message, finding.index)
    found.counts.update(replay.counts)
    checkpoint = opened.checkpoint
    if (replay.size, replay.frontier.root()) != (checkpoint.size, checkpoint.root):
        found.find("root_differs", "the log in this export is not the one its checkpoint was signed over")
    found.settle("log", before, _sentence(replay, whole=whole))
    _note_stamps(stamps, found)
    found.replayed = whole and len(found.findings) == before


def _require_none_of(names: Iterable[str], found: Inspection) -> None:
    """Where no log is said to be in an export, nothing is that would look like it and that nobody checks."""
    for name in sorted(names):
        if name.startswith(("log/", "record/", "checkpoints/")):
            found.find("record_misplaced", f"{name} is in an export that says it holds no log")


def _note_stamps(stamps: StampTrail, found: Inspection) -> None:
    told = stamps.told()
    if told is not None:
        (found.passed if told[0] else found.not_checked)("time stamps", told[1])


def _sentence(replay: Replay, *, whole: bool) -> str:
    counts = replay.counts
    if whole:
        return (
            f"Replayed {replay.size} entries: {counts['events']} events of {counts['subjects']} subjects,"
            f" {counts['epochs']} epochs, {counts['checkpoints']} checkpoints,"
            f" {counts['erased']} events declared erased."
        )
    return f"Followed {replay.size} entries, {counts['epochs']} epochs; the events shown are in it."


def _held(line: at.RecordLine | None) -> OpenedEvent | Erased | None:
    if line is None:
        return None
    if line.opening is None or line.record is None:
        return Erased(bytes.fromhex(line.erased)) if line.erased is not None else None
    evidence = line.evidence.encode() if line.evidence is not None else None
    return OpenedEvent(line.opening, line.record.encode(), evidence)


class _ReplayedLog:
    """The log of one export, read file by file: one entry bundle at a time, and the records beside it."""

    def __init__(self, opened: Opened, found: Inspection, replay: Replay, progress: Progress) -> None:
        self._opened = opened
        self._found = found
        self._replay = replay
        self._progress = progress
        self._leaves: list[bytes] = []
        self._completed: dict[int, list[bytes]] = {}
        self._notes = self._all_notes()
        self._next_note = next(self._notes, None)
        self._secret = opened.keys.subject_key_secret
        self._known = opened.known
        self._newest_stamps = self._loose_stamps()
        self._campaign = ShownCampaign(opened, found) if opened.body.campaign is not None else None

    def run(self) -> None:
        """Feed every entry to the replay."""
        size = self._opened.checkpoint.size
        records: dict[int, at.RecordLine] = {}
        for start in range(0, size, TILE_WIDTH):
            if start % at.RECORDS_PER_FILE == 0:
                self._require_used(records)
                records = self._records(start // at.RECORDS_PER_FILE)
                if self._campaign is not None:
                    records |= self._campaign.event_between(start, start + at.RECORDS_PER_FILE)
            width = min(TILE_WIDTH, size - start)
            for entry in self._entries(start // TILE_WIDTH, width):
                self._feed(entry, records.pop(self._replay.size, None))
            self._compare_tile(Tile(0, start // TILE_WIDTH, width), self._leaves)
            self._leaves = []
            self._progress(self._replay.size, size)
        self._require_used(records)
        self._require_read(size)
        if self._campaign is not None:
            self._campaign.check(size)
        for level, hashes in self._completed.items():
            self._compare_tile(Tile(level, (size >> 8 * level) // TILE_WIDTH, len(hashes)), hashes)

    def _require_used(self, records: Iterable[int]) -> None:
        for index in records:
            self._found.find("record_misplaced", "a record stands in a file of other entries", index)

    def _require_read(self, size: int) -> None:
        """No file of records or checkpoints is left that nothing here has read."""
        if self._next_note is not None:
            self._found.find(
                "checkpoint_misplaced", "a checkpoint is out of order, or of no size of this log"
            )
        files = -(-size // at.RECORDS_PER_FILE), size // at.SIZES_PER_FILE + 1
        read = {at.record_name(number) for number in range(files[0])}
        read |= {at.checkpoints_name(number) for number in range(files[1])}
        for name in sorted(self._opened.names - read):
            if name.startswith(("record/", "checkpoints/")):
                code = "record_misplaced" if name.startswith("record/") else "checkpoint_misplaced"
                self._found.find(code, f"{name} is of no entries of this log")

    def _feed(self, entry: bytes, line: at.RecordLine | None) -> None:
        replay, index = self._replay, self._replay.size
        if line is not None:
            self._check_address(line)
        signed = self._note_of(index + 1)
        note = signed.note.encode() if signed is not None else None
        stamps = {*(signed.stamps if signed is not None else ()), *self._newest_stamps.pop(index + 1, ())}
        completed = replay.feed(entry, _held(line), note, sorted(stamps))
        self._leaves.append(replay.last_leaf_hash)
        for tile in completed:
            self._take(tile)
        for name, known in self._known.items():
            if known.size == replay.size:
                self._compare_known(name, known)

    def _entries(self, number: int, width: int) -> list[bytes]:
        name = at.LOG + tile_path(entry_bundle(number, width))
        try:
            entries = decode_entries(self._opened.read(name))
            if len(entries) != width:
                raise FormatError("it holds another number of entries")  # noqa: TRY301 - one finding
        except FormatError as error:
            self._found.find("entries_unreadable", f"{name}: {error}")
            return [b""] * width
        return entries

    def _records(self, number: int) -> dict[int, at.RecordLine]:
        name = at.record_name(number)
        if name not in self._opened.names:
            return {}
        try:
            lines = at.read_records(self._opened.read(name))
        except FormatError as error:
            self._found.find("records_unreadable", f"{name}: {error}")
            return {}
        self._found.counts["records"] += len(lines)
        return {line.index: line for line in lines}

    def _check_address(self, line: at.RecordLine) -> None:
        """Where K_sub is disclosed, the address beside a record must give its subject's key."""
        if self._secret is None or line.address is None:
            return
        kind, _, value = line.address.partition(":")
        key = subject_key(bytes.fromhex(self._secret), kind, value).hex()
        # The subject stands last in a record; the text of an event may name another anywhere before.
        if not (line.record or "").endswith(f'"subject":"{key}"}}'):
            self._found.find(
                "address_differs", "the address beside a record is not its subject's", line.index
            )

    def _all_notes(self) -> Iterator[at.CheckpointLine]:
        number = 0
        while (name := at.checkpoints_name(number)) in self._opened.names:
            try:
                yield from at.read_checkpoints(self._opened.read(name))
            except FormatError as error:
                self._found.find("checkpoints_unreadable", f"{name}: {error}")
            number += 1

    def _note_of(self, size: int) -> at.CheckpointLine | None:
        line = self._next_note
        if line is not None and line.size < size:
            self._found.find(
                "checkpoint_misplaced", "a checkpoint is out of order, or of no size of this log"
            )
            self._next_note = line = next(self._notes, None)
        if line is not None and line.size == size:
            self._next_note = next(self._notes, None)
            return line
        last = size == self._opened.checkpoint.size
        return at.CheckpointLine(size, self._opened.note.decode()) if last else None

    def _loose_stamps(self) -> dict[int, list[bytes]]:
        """The stamps in files of their own, by size: the newest may be one that no epoch holds yet."""
        found: dict[int, list[bytes]] = {}
        for name in self._opened.names:
            size = at.stamped_size(name)
            if size is not None:
                with suppress(FormatError):  # a file that cannot be read was found already
                    found[size] = [self._opened.read(name)]
        return found

    def _take(self, tile: TileRoot) -> None:
        row = self._completed.setdefault(tile.level, [])
        row.append(tile.hash)
        if len(row) == TILE_WIDTH:
            self._compare_tile(Tile(tile.level, tile.position // TILE_WIDTH), row)
            self._completed[tile.level] = []

    def _compare_tile(self, tile: Tile, hashes: list[bytes]) -> None:
        if not hashes:
            return
        name = at.LOG + tile_path(tile)
        try:
            same = self._opened.read(name) == b"".join(hashes)
        except FormatError:
            same = False
        if not same:
            self._found.find("tile_differs", f"{name} is not what the entries give")

    def _compare_known(self, name: str, known: Checkpoint) -> None:
        """What was known, or seen by a witness, must be the beginning of this log."""
        if self._replay.frontier.root() == known.root:
            self._found.held_before = True
            self._found.passed(name, f"The {known.size} entries known before are the beginning of these.")
        else:
            self._found.find("log_forked", "the log does not begin with the entries known before")
            self._found.failed(name, "What was known before is not the beginning of this log.")
