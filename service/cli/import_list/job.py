"""How far an import has come, durable before it counts, and the rows that were refused."""

import csv
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Final

import click
import msgspec

from service.cli.check_file.table import safe
from service.cli.import_list.reading import LINE_COLUMN, PROBLEM_COLUMN, Row, Sheet
from service.ledger.importing.rows import VERDICTS
from service.wiring.durable import replace_durably

SHOWN_MAX: Final = 10
_ROWS_KEPT_AT_ONCE: Final = 1_000


class Counts(msgspec.Struct):
    """What became of rows and events. Every row is in `verdicts` or in `refused`, and in one of them only.

    `recorded` are the events that are new, `known` those that were in the ledger before.
    """

    verdicts: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(VERDICTS, 0))
    refused: int = 0
    events: dict[str, int] = msgspec.field(default_factory=dict)
    recorded: int = 0
    known: int = 0
    problems: list[tuple[str, str]] = msgspec.field(default_factory=list)

    @property
    def rows(self) -> int:
        """So many rows were looked at."""
        return sum(self.verdicts.values()) + self.refused

    def refuse(self, row: Row, problem: str) -> None:
        """A row that cannot be taken."""
        self.refused += 1
        if len(self.problems) < SHOWN_MAX:
            self.problems.append((row.place, problem))

    def take(self, verdict: str, events: list[str]) -> None:
        """A row that can."""
        self.verdicts[verdict] += 1
        for kind in events:
            self.events[kind] = self.events.get(kind, 0) + 1


class Journal(msgspec.Struct):
    """How far it has come: so many rows; the refused ones are the first so many bytes of their file."""

    list_sha256: str
    options_sha256: str
    rows: int = 0
    size: int = 0
    counts: Counts = msgspec.field(default_factory=Counts)
    finished: bool = False
    rejects_sha256: str = ""


class Job:
    """One list on its way into the ledger."""

    def __init__(self, sheet: Sheet, options_sha256: str, rejects: Path) -> None:
        """Begin, or go on where an earlier run stopped.

        Raises `click.ClickException` where the file of refused rows belongs to something else.
        """
        self.rejects = rejects
        self._sheet = sheet
        self._journal_path = rejects.with_name(rejects.name + ".json")
        self.journal = self._begun(Journal(sheet.digest, options_sha256))
        self.resumed_at = self.journal.rows
        self._file = rejects.open("r+b" if rejects.exists() else "w+b")
        self._file.truncate(self.journal.size)
        self._file.seek(self.journal.size)
        self._buffer = io.StringIO(newline="")
        self._writer = csv.writer(self._buffer, delimiter=sheet.delimiter or ",", lineterminator="\n")
        self._fresh = 0
        if self.journal.size == 0 and not sheet.as_json:
            self._write_header()
        self.keep()

    def _begun(self, new: Journal) -> Journal:
        if not self.rejects.exists():
            return new
        try:
            old = msgspec.json.decode(self._journal_path.read_bytes(), type=Journal)
        except (OSError, msgspec.MsgspecError):
            old = None
        same = old is not None and (old.list_sha256, old.options_sha256) == (
            new.list_sha256,
            new.options_sha256,
        )
        if old is not None and not old.finished and same and self.rejects.stat().st_size >= old.size:
            return old
        if old is None or not old.finished or old.rejects_sha256 != _digest(self.rejects):
            # Somebody may be mending it, or another import is not at its end.
            raise click.ClickException(
                f"{self.rejects} is there already, and not as a finished import left it:"
                " choose another --rejects, or remove it"
            )
        return new

    def _write_header(self) -> None:
        if self._sheet.encoding != "utf-8":
            # Whoever wrote the list with another encoding has a program that needs to be told this one.
            self._file.write("\ufeff".encode())
        mine = [name for name in self._sheet.header if name not in (LINE_COLUMN, PROBLEM_COLUMN)]
        self._writer.writerow([LINE_COLUMN, PROBLEM_COLUMN, *map(safe, mine)])

    def refuse(self, row: Row, problem: str) -> None:
        """Hand a row back, to be mended."""
        self.journal.counts.refuse(row, problem)
        if self._sheet.as_json:
            self._buffer.write(_object(row, problem) + "\n")
        else:
            self._writer.writerow([row.place, problem, *map(safe, row.given)])
        self._step()

    def take(self, verdict: str, events: list[str]) -> None:
        """A row whose events are all in the ledger."""
        self.journal.counts.take(verdict, events)
        self._step()

    def _step(self) -> None:
        self.journal.rows += 1
        self._fresh += 1
        if self._fresh >= _ROWS_KEPT_AT_ONCE:
            self.keep()

    def keep(self) -> None:
        """Make everything so far durable, and then say so."""
        # What is no text in the list's encoding goes back as the bytes that it was.
        self._file.write(self._buffer.getvalue().encode("utf-8", "surrogateescape"))
        self._buffer.seek(0)
        self._buffer.truncate()
        self._file.flush()
        os.fsync(self._file.fileno())
        self.journal.size = self._file.tell()
        self._fresh = 0
        self._write_journal()

    def finish(self) -> None:
        """Say that every row was seen to."""
        self.stop()
        self.journal.finished = True
        self.journal.rejects_sha256 = _digest(self.rejects)
        self._write_journal()

    def stop(self) -> None:
        """Keep what there is, to go on another time."""
        if not self._file.closed:
            self.keep()
            self._file.close()

    def _write_journal(self) -> None:
        replace_durably(self._journal_path, msgspec.json.format(msgspec.json.encode(self.journal), indent=1))


def _object(row: Row, problem: str) -> str:
    text = row.given[0] if row.given else ""
    ours = {LINE_COLUMN: row.first_line, PROBLEM_COLUMN: problem}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    rest = (
        {name: value for name, value in found.items() if name not in ours}
        if isinstance(found, dict)
        else None
    )
    return json.dumps(ours | (rest if rest is not None else {"text": text}), ensure_ascii=False)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
