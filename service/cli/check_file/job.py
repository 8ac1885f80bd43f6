"""The answers on disk: rows are durable before they count, so a killed job can go on."""

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from service.cli.check_file.table import Table, safe
from service.client import Line, Summary
from service.wiring.durable import replace_durably

COLUMNS: Final = ("decision", "reason_code", "needs_human", "expires_at", "problem")
_ROWS_KEPT_AT_ONCE: Final = 5_000


class CampaignDone(msgspec.Struct, omit_defaults=True):
    """A campaign of the job: row `first_row` (counted from 1, without the header) was its line 1."""

    campaign: str
    first_row: int
    summary: dict[str, Any] | None = None


class Journal(msgspec.Struct):
    """How far the job has come: so many rows, which are the first so many bytes of the output."""

    list_sha256: str
    question: dict[str, Any]
    column: int
    rows: int = 0
    size: int = 0
    allowed: int = 0
    denied: int = 0
    refused: int = 0
    campaigns: list[CampaignDone] = []


class Job:
    """One list being answered. What the journal counts is on disk, and nothing beyond it counts."""

    def __init__(self, table: Table, question: dict[str, Any], out: Path) -> None:
        """Begin, or go on where an earlier run stopped.

        Raises `click.ClickException` when the output is there already or belongs to something else.
        """
        self._out = out
        self._part = out.with_name(out.name + ".part")
        self._journal_path = out.with_name(out.name + ".part.json")
        self.proof_path = out.with_name(out.name + ".proof.json")
        self._table = table
        if out.exists():
            raise click.ClickException(f"{out} is there already: choose another --out, or remove it")
        self.journal = self._resumed(Journal(table.digest, question, table.column))
        self.resumed_at = self.journal.rows
        self._file = self._part.open("r+b" if self._part.exists() else "w+b")
        self._file.truncate(self.journal.size)
        self._file.seek(self.journal.size)
        self._buffer = io.StringIO()
        self._writer = csv.writer(self._buffer, delimiter=table.delimiter, lineterminator="\n")
        self._fresh = 0
        if self.journal.size == 0:
            self._write_header()

    def _resumed(self, new: Journal) -> Journal:
        if not (self._journal_path.exists() and self._part.exists()):
            return new
        try:
            old = msgspec.json.decode(self._journal_path.read_bytes(), type=Journal)
        except msgspec.MsgspecError:
            old = None
        same = old is not None and (old.list_sha256, old.question, old.column) == (
            new.list_sha256,
            new.question,
            new.column,
        )
        if old is None or not same or self._part.stat().st_size < old.size:
            raise click.ClickException(
                f"{self._part} belongs to another list or question: choose another --out, or remove it"
            )
        return old

    def _write_header(self) -> None:
        header = self._table.header
        if header is not None:
            self._writer.writerow([*map(safe, header), *COLUMNS])
        if self._table.encoding != "utf-8":
            # Whoever wrote the list with another encoding has a program that needs to be told this one.
            self._file.write("\ufeff".encode())
        self.keep()

    def begin_campaign(self, campaign: str) -> None:
        """Note a campaign, so that its rows can be proved even when it breaks off."""
        self.keep()
        self.journal.campaigns.append(CampaignDone(campaign, self.journal.rows + 1))
        self._keep_journal()

    def write(self, row: Sequence[str], line: Line) -> None:
        """Write one answered row. Only what the service allowed is an allow."""
        counts = self.journal
        if line.allowed:
            counts.allowed += 1
        elif line.answer is not None:
            counts.denied += 1
        else:
            counts.refused += 1
        self._writer.writerow([*map(safe, row), *_cells(line)])
        counts.rows += 1
        self._fresh += 1
        if self._fresh >= _ROWS_KEPT_AT_ONCE:
            self.keep()

    def end_campaign(self, summary: Summary) -> None:
        """Note what the service said of the campaign as a whole."""
        self.journal.campaigns[-1].summary = msgspec.to_builtins(summary)
        self.keep()

    def keep(self) -> None:
        """Make everything written so far durable, and then say so."""
        self._file.write(self._buffer.getvalue().encode("utf-8", "surrogatepass"))
        self._buffer.seek(0)
        self._buffer.truncate()
        self._file.flush()
        os.fsync(self._file.fileno())
        self.journal.size = self._file.tell()
        self._fresh = 0
        self._keep_journal()

    def finish(self) -> None:
        """Give output and proof their names."""
        self.keep()
        self._file.close()
        replace_durably(
            self.proof_path, json.dumps(msgspec.to_builtins(self.journal), indent=1).encode() + b"\n"
        )
        self._part.replace(self._out)
        self._journal_path.unlink()

    def stop(self) -> None:
        """Keep what there is, to go on another time."""
        if not self._file.closed:
            self.keep()
            self._file.close()

    def _keep_journal(self) -> None:
        replace_durably(self._journal_path, msgspec.json.encode(self.journal))


def _cells(line: Line) -> list[str]:
    answer, problem = line.answer, line.problem
    if answer is None:
        return ["refused", "", "", "", (problem.detail or problem.title) if problem is not None else ""]
    human = "yes" if answer.needs_human else "no"
    return [answer.decision, answer.reason_code, human, answer.expires_at or "", ""]
