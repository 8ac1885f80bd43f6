"""A list from beginning to end: read, asked, answered, written; with patience when the service is away."""

import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.cli.check_file.asking import Answered, AwayError, Began, Ended, Target, ask
from service.cli.check_file.job import Job
from service.cli.check_file.table import Table

REFUSED: Final = 1
FIRST_WAIT_SECONDS: Final = 1.0
WAIT_SECONDS_MAX: Final = 30.0


def check_table(
    service: Target, question: dict[str, Any], table: Table, out: Path, *, patience: float, as_json: bool
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
                lambda: _run(service, question, table, job, lambda: progress.advance(task)),
                lambda: job.journal.rows,
                progress.console.print,
                patience,
            )
        job.finish()
    except AwayError:
        done = job.journal.rows
        raise click.ClickException(
            f"no answer from {service.url} for {patience:.0f} seconds: {done} of {table.rows} rows are done."
            " Do not send to the others. Run the same command again to go on."
        ) from None
    finally:
        job.stop()
    _tell(job, out, as_json=as_json)
    return REFUSED if job.journal.refused else 0


def _patiently(
    run: Callable[[], None], done: Callable[[], int], say: Callable[[str], None], patience: float
) -> None:
    """Run, again after a while where the service was away. Raises `AwayError` when patience is at its end."""
    wait, since, before = FIRST_WAIT_SECONDS, time.monotonic(), done()
    while True:
        try:
            run()
        except AwayError:
            if done() > before:  # it was there in between: patience begins anew
                wait, since, before = FIRST_WAIT_SECONDS, time.monotonic(), done()
            left = since + patience - time.monotonic()
            if left <= 0:
                raise
            pause = min(wait, left)
            say(f"The service is away after row {done():,}: trying again in {pause:.0f} s.")
            time.sleep(pause)
            wait = min(wait * 2, WAIT_SECONDS_MAX)
        else:
            return


def _run(
    service: Target, question: dict[str, Any], table: Table, job: Job, advance: Callable[[], None]
) -> None:
    """Ask about every row that has no answer yet, as one campaign."""
    rows = ((row, table.address_of(row)) for row in table.read(job.journal.rows))
    first = next(rows, None)
    if first is None:
        return
    try:
        for said in ask(service, question, itertools.chain([first], rows)):
            if isinstance(said, Answered):
                job.write(said.row, said.answer)
                advance()
            elif isinstance(said, Began):
                job.begin_campaign(said.campaign)
            elif isinstance(said, Ended):
                job.end_campaign(said.summary)
    finally:
        job.keep()


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
