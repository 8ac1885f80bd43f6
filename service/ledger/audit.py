"""The audit: reads one state of the whole ledger, replays it (L3), and compares what the service believes.

Beside the log itself, that is: the head row, the tile roots, each subject's head and standing, the map's
strata, the documents, and the high-water mark outside the database.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from service.core.canonical import parse_canonical
from service.core.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from service.core.errors import ForkError, LedgerError, ProofError
from service.core.events import Form, parse_form
from service.core.merkle import HashRange, TileRoot, plan_root, root_from
from service.core.notes import parse_note
from service.core.replay import Erased, Finding, Opened, Replay
from service.core.stamps import Stamped, StampTrail
from service.core.succession import KeyHistory
from service.ledger.key_following import read_history
from service.ledger.keys import LedgerKeys
from service.ledger.opening import Opener, is_tombstone
from service.ledger.ports import Head, HighWaterMark, SealedRow, Snapshot, Store

PAGE = 1_000
_DOCUMENT_KINDS = ("form", "rulebook", "pack", "sender")

Progress = Callable[[int, int], None]
"""Told how many entries were replayed, and of how many."""


@dataclass(slots=True)
class AuditReport:
    """What was looked at, and what is not as it was signed."""

    size: int = 0
    root: str = ""
    checkpoint: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    stamps: str | None = None

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


class Audit:
    """One audit of one ledger."""

    def __init__(self, store: Store, keys: LedgerKeys, opener: Opener, mark: HighWaterMark) -> None:
        self._store = store
        self._keys = keys
        self._opener = opener
        self._mark = mark

    async def run(self, progress: Progress, stamped: Stamped | None = None) -> AuditReport:
        """Replay everything. `stamped` checks time stamps.

        Raises `UnavailableError` when the database cannot be read.
        """
        early: list[Finding] = []
        # Before the snapshot: the mark may be behind the state that is read, never ahead of it.
        mark = self._mark.read()
        async with self._store.snapshot() as snapshot:
            head = await snapshot.head()
            history = await self._key_history(snapshot)
            marked = self._marked(mark, history, early)
            forms = await _read_documents(snapshot, early)
            replay = Replay(
                origin=self._keys.origin,
                verifiers=[history.first],
                forms=forms,
                subject_secret=self._keys.subject_key_secret,
            )
            replay.findings.extend(early)
            replay.stamps = stamps = StampTrail(stamped, replay.find)
            for start in range(0, head.size, PAGE):
                await self._replay_page(snapshot, replay, start, min(start + PAGE, head.size))
                progress(replay.size, head.size)
            replay.finish()
            _compare_head(replay, head)
            await _compare_subjects(snapshot, replay)
            await _compare_strata(snapshot, replay)
            if marked is not None:
                await _compare_mark(snapshot, replay, marked)
        report = AuditReport(
            head.size, replay.frontier.root().hex(), head.checkpoint.decode(errors="replace")
        )
        report.counts, report.findings = replay.counts, replay.findings
        told = stamps.told()
        report.stamps = told[1] if told is not None else None
        return report

    async def _replay_page(self, snapshot: Snapshot, replay: Replay, start: int, stop: int) -> None:
        rows = {row.index: row for row in await snapshot.entries(start, stop)}
        held = {row.index: row for row in await snapshot.records(start, stop)}
        notes = dict(await snapshot.checkpoints(start + 1, stop - start))
        stamps: dict[int, list[bytes]] = {}
        for stamp in await snapshot.timestamps(start + 1, stop, stop - start):
            stamps.setdefault(stamp.size, []).append(stamp.token)
        opened = await self._open(snapshot, replay, list(held.values()))
        completed: list[TileRoot] = []
        for index in range(start, stop):
            row = rows.get(index)
            if row is None:
                replay.find("entry_missing", index, f"entry {index} is not in the database")
                completed += replay.feed(b"", None, notes.get(index + 1))
                continue
            size = index + 1
            completed += replay.feed(row.entry, opened.get(index), notes.get(size), stamps.get(size, ()))
            if row.leaf_hash != replay.last_leaf_hash:
                replay.find("leaf_hash_differs", index, f"the hash kept for entry {index} is another entry's")
        await _compare_tiles(snapshot, replay, completed)

    async def _open(
        self, snapshot: Snapshot, replay: Replay, rows: list[SealedRow]
    ) -> dict[int, Opened | Erased]:
        secrets = await snapshot.secrets(list({row.subject_key for row in rows}))
        opened: dict[int, Opened | Erased] = {}
        for row in rows:
            if is_tombstone(row):
                opened[row.index] = Erased(row.subject_key)
            try:
                for event in self._opener.events(row.subject_key, secrets.get(row.subject_key), [row]):
                    opened[row.index] = Opened(event.opening, event.record, event.evidence)
            except ForkError as error:
                replay.find("seal_broken", row.index, f"what is sealed for entry {row.index}: {error}")
        return opened

    async def _key_history(self, snapshot: Snapshot) -> KeyHistory:
        """The keys that the log names, where ours is among them; else ours alone, and the replay says why."""
        own = KeyHistory(self._keys.signer.verifier)
        try:
            history = await read_history(snapshot)
        except LedgerError:
            return own
        return history if own.first in history.keys else own

    def _marked(self, note: bytes | None, history: KeyHistory, findings: list[Finding]) -> Checkpoint | None:
        """The newest checkpoint that was signed, as it is known outside the database."""
        if note is None:
            message = "there is no high-water mark beside the database"
            findings.append(Finding("mark_missing", None, message))
            return None
        try:
            size = parse_checkpoint(parse_note(note).text).size
            return open_checkpoint(note, self._keys.origin, [history.at(size)])[0]
        except ProofError as error:
            findings.append(Finding("mark_unsigned", None, f"the high-water mark: {error}"))
            return None


async def _compare_mark(snapshot: Snapshot, replay: Replay, marked: Checkpoint) -> None:
    """The log must extend what was signed: a restored backup, a cut tail or a rewritten one does not."""
    if marked.size > replay.size:
        message = f"the log has {replay.size} entries, and a checkpoint over {marked.size} was signed"
        replay.find("log_behind_mark", None, message)
        return
    try:
        root = root_from(marked.size, await snapshot.hashes(plan_root(marked.size)))
    except ProofError:
        root = b""  # entries are missing, which the replay has said already
    if root != marked.root:
        message = f"the first {marked.size} entries are not those the high-water mark was signed over"
        replay.find("mark_differs", None, message)


async def _read_documents(snapshot: Snapshot, findings: list[Finding]) -> dict[str, Form]:
    forms: dict[str, Form] = {}
    for kind in _DOCUMENT_KINDS:
        for row in await snapshot.documents_of(kind):
            name = row.digest.hex()
            if hashlib.sha256(row.body).digest() != row.digest:
                findings.append(
                    Finding("document_differs", row.index, f"the text of {kind} {name} was changed")
                )
                continue
            try:
                if kind == "form":
                    forms[name] = parse_form(parse_canonical(row.body))
            except LedgerError as error:
                findings.append(Finding("document_garbled", row.index, f"{kind} {name}: {error}"))
    return forms


def _compare_head(replay: Replay, head: Head) -> None:
    derived = {
        "last_leaf_hash": replay.last_leaf_hash,
        "frontier": replay.frontier.to_bytes(),
        "root": replay.frontier.root(),
        "map_root": replay.map_root,
        "rulebook_hash": replay.rulebook_hash,
        "subject_count": len(replay.subjects),
        "epoch_index": replay.size - 1,
        "recorded_at_ms": replay.recorded_at_ms,
        "checkpoint": replay.last_note,
    }
    for name, value in derived.items():
        if getattr(head, name) != value:
            replay.find("head_differs", None, f"the head row's {name} is not what the log gives")


async def _compare_tiles(snapshot: Snapshot, replay: Replay, tiles: list[TileRoot]) -> None:
    for tile in tiles:
        wanted = HashRange(tile.level, tile.position, tile.position + 1)
        if (await snapshot.hashes([wanted]))[wanted] != [tile.hash]:
            replay.find("tile_differs", None, f"tile {tile.position} of level {tile.level} is not the log's")


async def _compare_subjects(snapshot: Snapshot, replay: Replay) -> None:
    left = dict(replay.subjects)
    after = b""
    while page := await snapshot.subjects_after(after, PAGE):
        for key, row in page:
            derived = left.pop(key, None)
            name = key.hex()[:12]
            if derived is None:
                replay.find("subject_unknown", None, f"subject {name}… has no event in the log")
            elif (row.event_count, row.last_index, row.chain) != derived[:3]:
                replay.find("subject_differs", derived.last_index, f"the head of subject {name}… was changed")
            elif row.standing != derived.standing:
                replay.find("standing_differs", derived.last_index, f"the standing of {name}… was changed")
        after = page[-1][0]
    for key, derived in left.items():
        message = f"subject {key.hex()[:12]}… is not in the database"
        replay.find("subject_missing", derived.last_index, message)


async def _compare_strata(snapshot: Snapshot, replay: Replay) -> None:
    left = dict(replay.strata)
    after: str | None = None
    while page := await snapshot.strata_after(after, PAGE):
        for prefix, slots in page:
            derived = left.pop(prefix, None)
            if derived is None or derived.to_bytes() != slots:
                replay.find("stratum_differs", None, f"the map's stratum at {prefix!r} was changed")
        after = page[-1][0]
    for prefix in left:
        replay.find("stratum_missing", None, f"the map's stratum at {prefix!r} is not in the database")
