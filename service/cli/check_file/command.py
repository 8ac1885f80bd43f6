"""A list from beginning to end: read, asked, answered, written; with patience when the service is away."""

import itertools
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.cli.check_file.job import Job
from service.cli.check_file.table import Table
from service.client import Ledger, NoAnswerError

REFUSED: Final = 1
FIRST_WAIT_SECONDS: Final = 1.0
WAIT_SECONDS_MAX: Final = 30.0
_ADDRESS_CHARS_SENT: Final = 321  # one more than an address may have: what is longer is refused anyway


def check_table(
    ledger: Ledger, question: dict[str, Any], table: Table, out: Path, *, patience: float, as_json: bool
) -> int:
    """Answer a whole list. Returns 0, or 1 when some rows could not be answered.

    Raises `click.ClickException` when the service refuses, or stays away for longer than `patience` seconds.
    """
    console = Console(stderr=True, highlight=False)
    if table.guessed:
        console.print(f"{table.path} is no UTF-8: read as {table.encoding}. Say --encoding if that is wrong.")
    job = Job(table, question, out)
    if job.resumed_at:
        console.print(f"Going on after row {job.resumed_at:,} of {table.rows:,}.")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("Checking", total=table.rows, completed=job.journal.rows)
            _patiently(
                lambda: _run(ledger, question, table, job, lambda: progress.advance(task)),
                lambda: job.journal.rows,
                progress.console.print,
                patience,
            )
        job.finish()
    except NoAnswerError as failure:
        if failure.retry_after is None:
            raise
        done = job.journal.rows
        raise click.ClickException(
            f"{failure}: no answer for {patience:.0f} seconds: {done} of {table.rows} rows are done."
            " Do not send to the others. Run the same command again to go on."
        ) from None
    finally:
        job.stop()
    _tell(job, out, as_json=as_json)
    return REFUSED if job.journal.refused else 0


def _patiently(
    run: Callable[[], None], done: Callable[[], int], say: Callable[[str], None], patience: float
) -> None:
    """Run, and again where that may help. Raises `NoAnswerError` where not, or patience is at its end."""
    wait, since, before = FIRST_WAIT_SECONDS, time.monotonic(), done()
    while True:
        try:
            run()
        except NoAnswerError as failure:
            if failure.retry_after is None:
                raise
            if done() > before:  # it was there in between: patience begins anew
                wait, since, before = FIRST_WAIT_SECONDS, time.monotonic(), done()
            left = since + patience - time.monotonic()
            if left <= 0:
                raise
            pause = min(max(wait, failure.retry_after if failure.told else 0), left)
            say(f"The service is away after row {done():,}: trying again in {pause:.0f} s.")
            time.sleep(pause)
            wait = min(wait * 2, WAIT_SECONDS_MAX)
        else:
            return


def _run(
    ledger: Ledger, question: dict[str, Any], table: Table, job: Job, advance: Callable[[], None]
) -> None:
    """Ask about every row that has no answer yet, as one campaign."""
    rows = table.read(job.journal.rows)
    first = next(rows, None)
    if first is None:
        return
    asked: deque[list[str]] = deque()

    def checks() -> Iterator[dict[str, Any]]:
        for row in itertools.chain([first], rows):
            asked.append(row)
            yield {"address": _address(table.address_of(row))}

    campaign = ledger.campaign(question, checks())
    try:
        for line in campaign:
            if line.line == 1:
                job.begin_campaign(campaign.id)
            job.write(asked.popleft(), line)
            advance()
        job.end_campaign(campaign.summary)
    finally:
        job.keep()


def _address(value: str) -> dict[str, str]:
    kind = "phone" if value.startswith("+") else "email"
    return {"kind": kind, "value": value[:_ADDRESS_CHARS_SENT]}


def _tell(job: Job, out: Path, *, as_json: bool) -> None:
    counts = job.journal
    told = {
        "rows": counts.rows,
        "allow": counts.allowed,
        "deny": counts.denied,
        "refused": counts.refused,
        "out": str(out),
        "proof": str(job.proof_path),
    }
    if as_json:
        click.echo(json.dumps(told))
        return
    sys.stdout.write(
        f"{counts.rows:,} rows: {counts.allowed:,} allow, {counts.denied:,} deny, {counts.refused:,} refused."
        f" Answers in {out}, campaigns in {job.proof_path}.\n"
    )
