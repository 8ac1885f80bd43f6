"""`verify` and `audit` of an export, on the screen: each check, each finding on a line, what it is worth."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from service.core.export.auditing import audit_export, verify_export
from service.core.export.checking import Progress as Told
from service.core.export.findings import ExportCheck, ExportReport
from service.core.verdict import Check
from service.core.verify_signed import Trust

UNSOUND: Final = 1
MAGIC: Final = b"PK"

MARKS: Final = {"passed": ("✓", "green"), "failed": ("✗", "bold red"), "not checked": ("-", "yellow")}


UNPINNED: Final = (
    "Provided that the key is the operator's. Anybody can make a sound file under a key of their own: name"
    " the key that the operator publishes with --key."
)


def is_unpinned(checks: Iterable[Check | ExportCheck]) -> bool:
    """Whether the log's key was taken from what it signed."""
    return any(each.name == "key pinned" and each.outcome == "not checked" for each in checks)


def is_export(path: Path) -> bool:
    """Whether this file is a zip rather than a bundle."""
    if str(path) == "-" or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def check_file(path: Path, trust: Trust, held: Path | None, *, replay: bool, as_json: bool) -> int:
    """Verify an export, or audit it where `replay` is set. The exit status: 0 sound, 1 not."""
    note = held.read_bytes() if held is not None else None
    judge = audit_export if replay else verify_export
    with path.open("rb") as file, _bar() as bar:
        report = judge(file, trust, note, _teller(bar))
    if as_json:
        click.echo(msgspec.json.encode(report))
    else:
        _show(report)
    return 0 if report.sound else UNSOUND


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    console = Console(stderr=True)
    return Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    )


def _teller(bar: Progress) -> Told:
    task = bar.add_task("Checking", total=None)

    def tell(done: int, of: int) -> None:
        bar.update(task, completed=done, total=of)

    return tell


def _show(report: ExportReport) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for check in report.checks:
        mark, style = MARKS[check.outcome]
        line = Text(f"{mark} ", style)
        line.append(f"{check.name}: ", "bold")
        line.append(check.detail, style if check.outcome == "failed" else "")
        console.print(line)
    for finding in report.findings:
        console.print(Text(f"{finding.code}: {finding.message}", "red"))
    for sentence in report.not_shown:
        console.print(Text(f"Not shown: {sentence}", "yellow"))
    console.print()
    if report.sound:
        console.print(f"[bold green]SOUND, level {report.level}.[/bold green]")
        if is_unpinned(report.checks):
            console.print(Padding(Text(UNPINNED, "yellow"), (0, 0, 0, 2)), soft_wrap=False)
    else:
        console.print(f"[bold red]NOT SOUND: {len(report.findings)} finding(s).[/bold red]")
    console.print(Padding(Text(report.statement), (0, 0, 0, 2)), soft_wrap=False)
