"""`consent-ledger scenarios`: worked cases, through a real ledger."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from service.core.law.decision import decision_body
from service.core.law.explanation import Language, explain
from service.ledger.packs import boundary_cases, shipped_packs, worked_cases
from service.ledger.scenarios import (
    CASES_BYTES_MAX,
    CaseRefusal,
    CaseResult,
    MemoryLedger,
    ScenarioError,
    ScenarioLedger,
    read_cases,
    try_case,
)
from service.wiring.trial import trial_database, trial_ledger

DIFFERENT, NOT_RUN = 1, 2
_PIPED_WIDTH: Final = 180

Outcome = CaseResult | CaseRefusal


@click.command()
@click.argument("file", required=False, type=click.Path(allow_dash=True, path_type=Path), metavar="[FILE]")
@click.option(
    "--boundary",
    is_flag=True,
    help="Without FILE: the shipped cases on both sides of every boundary of the rules.",
)
@click.option("--only", metavar="ID", multiple=True, help="Run this case alone; repeatable.")
@click.option("--pure", is_flag=True, help="Decide in memory, without a database or a log.")
@click.option(
    "--explain",
    "language",
    type=click.Choice(["en", "nl"]),
    default="en",
    help="The language of --json's why.",
)
@click.option(
    "--database-url",
    envvar="DATABASE_URL",
    metavar="URL",
    help="A server to make a passing database on, instead of an embedded one. Also DATABASE_URL.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def scenarios(  # noqa: PLR0913 - one for each option
    *,
    file: Path | None,
    boundary: bool,
    only: tuple[str, ...],
    pure: bool,
    language: Language,
    database_url: str | None,
    as_json: bool,
) -> int:
    """Run the worked cases in FILE (- for standard input) and compare the answers.

    Without FILE the cases that ship with this program are run. Each fact is appended to a ledger of the
    case's own, in a database that is gone afterwards; then the ledger is asked. The schema of FILE is
    described in docs/rulebook.md.

    Exit status 0 when all are decided as expected, 1 when some are not, 2 when some could not be run.
    """
    cases = _chosen(_cases(file, boundary=boundary), only)
    outcomes = _run(cases, pure=pure, server=database_url or None)
    if as_json:
        body = _body(outcomes, cases, str(file) if file is not None else None, language)
        click.echo(msgspec.json.format(msgspec.json.encode(body)))
    else:
        _show(outcomes)
    refusals = [outcome for outcome in outcomes if isinstance(outcome, CaseRefusal)]
    for refusal in refusals:
        click.echo(f"consent-ledger: {' '.join(refusal.reason.split())}", err=True)
    if refusals:
        return NOT_RUN
    return 0 if _count(outcomes) == len(outcomes) else DIFFERENT


def _cases(file: Path | None, *, boundary: bool) -> list[dict[str, Any]]:
    if file is None:
        return read_cases(boundary_cases() if boundary else worked_cases())
    if boundary:
        raise click.ClickException("--boundary names cases that ship: leave FILE out, or --boundary")
    try:
        return read_cases(_read(file))
    except ScenarioError as error:
        raise click.ClickException(f"{file}: {error}") from error


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read(CASES_BYTES_MAX + 1)
    if file.is_dir():
        raise click.ClickException(f"{file} is a folder: name a file of cases")
    if not file.exists():
        raise click.ClickException(f"there is no file {file}: name a file of cases, or leave it out")
    with file.open("rb") as opened:
        return opened.read(CASES_BYTES_MAX + 1)


def _chosen(cases: list[dict[str, Any]], only: Sequence[str]) -> list[dict[str, Any]]:
    if not only:
        return cases
    unknown = set(only) - {str(case["id"]) for case in cases}
    if unknown:
        raise click.ClickException(f"there is no case {min(unknown)}")
    return [case for case in cases if str(case["id"]) in only]


def _run(cases: list[dict[str, Any]], *, pure: bool, server: str | None) -> list[Outcome]:
    with ExitStack() as stack:
        bar = stack.enter_context(_bar())
        task = bar.add_task("Starting a ledger" if not pure else "Deciding", total=len(cases))
        dsn = None if pure else stack.enter_context(trial_database(server))
        bar.update(task, description="Deciding")
        return asyncio.run(_outcomes(cases, dsn, lambda: bar.advance(task)))


async def _outcomes(cases: list[dict[str, Any]], dsn: str | None, done: Callable[[], None]) -> list[Outcome]:
    outcomes = []
    async with _ledger(dsn) as ledger:
        for case in cases:
            outcomes.append(await try_case(case, ledger))
            done()
    return outcomes


@asynccontextmanager
async def _ledger(dsn: str | None) -> AsyncIterator[ScenarioLedger]:
    if dsn is None:
        yield MemoryLedger(shipped_packs())
    else:
        async with trial_ledger(dsn) as ledger:
            yield ledger


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _count(outcomes: Sequence[Outcome]) -> int:
    return sum(isinstance(outcome, CaseResult) and outcome.as_expected for outcome in outcomes)


def _summary(outcomes: Sequence[Outcome]) -> str:
    return f"{_count(outcomes)} of {len(outcomes)} as expected"


def _body(
    outcomes: Sequence[Outcome], cases: list[dict[str, Any]], file: str | None, language: Language
) -> dict[str, Any]:
    described = {str(case["id"]): case for case in cases}
    return {
        "file": file,
        "summary": _summary(outcomes),
        "as_expected": _count(outcomes),
        "total": len(outcomes),
        "ok": _count(outcomes) == len(outcomes),
        "cases": [_case_body(outcome, described[outcome.id], language) for outcome in outcomes],
    }


def _case_body(outcome: Outcome, case: dict[str, Any], language: Language) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": outcome.id,
        "title": outcome.title,
        "jurisdiction": str(case.get("jurisdiction", "")),
    }
    if isinstance(outcome, CaseRefusal):
        return body | {"ok": False, "expected": None, "got": None, "error": outcome.reason}
    decision = decision_body(outcome.decision)
    return body | {
        "ok": outcome.as_expected,
        "expected": {"answer": outcome.expected[0], "reason_code": outcome.expected[1]},
        "got": {"answer": outcome.actual[0], "reason_code": outcome.actual[1]},
        "further_codes": decision["further_codes"],
        "decision": decision,
        "explanation": msgspec.to_builtins(explain(outcome.decision, language)),
        "error": None,
    }


def _show(outcomes: Sequence[Outcome]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PIPED_WIDTH)
    table = Table("id", "what", "expected", "got", "ok", box=SIMPLE_HEAD)
    table.columns[0].no_wrap = table.columns[4].no_wrap = True
    for outcome in outcomes:
        table.add_row(*_row(outcome))
    console.print(table)
    click.echo(_summary(outcomes))


def _row(outcome: Outcome) -> tuple[str | Text, ...]:
    title = Text(outcome.title)
    if isinstance(outcome, CaseRefusal):
        return Text(outcome.id), title, "", Text("not understood", "yellow"), Text("?", "yellow")
    expected, actual = (" ".join(pair) for pair in (outcome.expected, outcome.actual))
    if outcome.as_expected:
        return Text(outcome.id), title, Text(expected), Text(actual), Text("yes", "green")
    return Text(outcome.id), title, Text(expected), Text(actual, "bold red"), Text("NO", "bold red")
