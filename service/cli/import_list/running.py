"""From the first row to the last: planned, and with a service recorded, in memory that does not grow."""

import hashlib
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import click

from service.cli.import_list.job import Counts, Job
from service.cli.import_list.reading import Row, Sheet
from service.client import Ledger, NoAnswerError, Outcome, Problem
from service.core.errors import InputError
from service.ledger.importing.rows import Plan, Rows

_NOT_THE_ROWS: Final = frozenset({401, 403})
_CACHE_KIB: Final = 4_096


@dataclass(slots=True)
class _UnderWay:
    """A row whose events were sent: how many are still to be answered, and what was wrong with one."""

    row: Row
    plan: Plan | None
    left: int
    problem: str = ""


def plan_of(rows: Rows, row: Row) -> Plan | str:
    """What a row comes to, or why it cannot be taken."""
    if row.cells is None:
        return row.problem
    try:
        return rows.read(row.cells)
    except InputError as refusal:
        return str(refusal)


def try_out(
    sheet: Sheet, rows: Rows, advance: Callable[[], None], write: Callable[[dict[str, Any]], None]
) -> tuple[Counts, int]:
    """What an import would do; and how many events say what an earlier row of the list says.

    `write` is given each event.
    """
    counts, repeated = Counts(), 0
    # An empty name is a database of SQLite's own on disk, gone when it is closed.
    with closing(sqlite3.connect("")) as seen:
        seen.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        seen.execute("CREATE TABLE seen (id BLOB PRIMARY KEY) WITHOUT ROWID")
        for row in sheet.read():
            plan = plan_of(rows, row)
            if isinstance(plan, str):
                counts.refuse(row, plan)
            else:
                counts.take(plan.verdict, [event["type"] for event in plan.events])
                for event in plan.events:
                    write(event)
                    key = hashlib.sha256(event["source_event_id"].encode()).digest()[:16]
                    added = seen.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount
                    repeated += 1 - added
            advance()
    return counts, repeated


class Importing:
    """The rows of a list on their way into a service."""

    def __init__(self, sheet: Sheet, rows: Rows, job: Job, advance: Callable[[], None]) -> None:
        self._sheet = sheet
        self._rows = rows
        self._job = job
        self._advance = advance
        self._under_way: deque[_UnderWay] = deque()

    def run(self, ledger: Ledger, patience: float) -> None:
        """Record every row that is not in yet.

        Raises `click.ClickException` when the service refuses all of it, or stays away for longer than
        `patience` seconds: what was recorded is noted, and the same import goes on from there.
        """
        try:
            for outcome in ledger.record_many(self._events(), patience=patience):
                self._heard(outcome)
            self._settle()
        except NoAnswerError as failure:
            done = self._job.journal.rows
            raise click.ClickException(
                f"{failure}: {done} of {self._sheet.rows} rows are done. Run the same command again to go on."
            ) from None
        finally:
            self._job.keep()

    def _events(self) -> Iterator[dict[str, Any]]:
        for row in self._sheet.read(self._job.journal.rows):
            plan = plan_of(self._rows, row)
            if isinstance(plan, str):
                self._under_way.append(_UnderWay(row, None, 0, plan))
                self._settle()
            else:
                self._under_way.append(_UnderWay(row, plan, len(plan.events)))
                yield from plan.events

    def _heard(self, outcome: Outcome) -> None:
        first = self._under_way[0]
        first.left -= 1
        counts = self._job.journal.counts
        if outcome.receipt is not None and not outcome.receipt.replayed:
            counts.recorded += 1
        elif outcome.receipt is not None or _is_known(outcome.problem):
            counts.known += 1
        elif outcome.problem is not None:
            _require_row(outcome.problem)
            first.problem = str(outcome.problem)
        self._settle()

    def _settle(self) -> None:
        """Close the rows at the front that nothing more is to come for."""
        while self._under_way and self._under_way[0].left == 0:
            done = self._under_way.popleft()
            if done.plan is None or done.problem:
                self._job.refuse(done.row, done.problem)
            else:
                self._job.take(done.plan.verdict, [event["type"] for event in done.plan.events])
            self._advance()


def _is_known(problem: Problem | None) -> bool:
    """Whether this very fact is in the ledger, from another row: an id is made of the fact alone."""
    return problem is not None and problem.slug == "source-event-id-reused"


def _require_row(problem: Problem) -> None:
    """Raises `click.ClickException` for what is wrong with the command, and not with one row."""
    pointers = {str(place.get("pointer", "")) for place in problem.errors}
    if problem.status in _NOT_THE_ROWS or "/sender" in pointers:
        raise click.ClickException(f"{problem}. Nothing of that can be recorded")
