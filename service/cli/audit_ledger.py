"""`consent-ledger audit` without a file: the full replay, straight from the database."""

import asyncio
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.cli.options import settings_from
from service.core.stamps import Stamped
from service.ledger.audit import Audit, AuditReport
from service.ledger.audit import Progress as Report
from service.ledger.opening import Opener
from service.settings import Settings
from service.telemetry.logs import configure_logging
from service.wiring.database import database, make_fit
from service.wiring.ledgers import open_parts

FINDINGS = 1


def audit_database(
    *,
    data_dir: Path | None,
    database_url: str | None,
    ledger: str | None,
    stamped: Stamped | None,
    as_json: bool,
    write_mark: bool,
) -> int:
    """Replay a ledger's database. The exit status: 0 sound, 1 not. `stamped` checks time stamps."""
    configure_logging()
    settings = settings_from(data_dir=data_dir, database_url=database_url, ledger=ledger)
    with database(settings) as dsn:
        make_fit(dsn, may_upgrade=False)
        with _bar() as bar:
            task = bar.add_task("Replaying", total=None)
            report = asyncio.run(
                run_audit(
                    settings,
                    dsn,
                    lambda done, total: bar.update(task, completed=done, total=total),
                    stamped=stamped,
                    write_mark=write_mark,
                )
            )
    if as_json:
        click.echo(msgspec.json.encode(_body(report)))
    else:
        _show(report)
    return 0 if report.is_sound else FINDINGS


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


async def run_audit(
    settings: Settings,
    dsn: str,
    progress: Report = lambda _done, _total: None,
    *,
    stamped: Stamped | None = None,
    write_mark: bool = False,
) -> AuditReport:
    """Replay one ledger, and note it where it is sound. Raises what `open_parts` and `Audit.run` raise."""
    async with open_parts(settings, dsn) as parts:
        report = await Audit(parts.store, parts.keys, Opener(parts.sealer), parts.mark).run(progress, stamped)
        if write_mark and [finding.code for finding in report.findings] == ["mark_missing"]:
            await parts.mark.advance(report.size, report.checkpoint.encode())
            report.findings.clear()
        if report.is_sound:
            root = bytes.fromhex(report.root)
            await parts.erasures.audited(report.size, root, parts.clock())
    return report


def _body(report: AuditReport) -> dict[str, object]:
    return {
        "sound": report.is_sound,
        "size": report.size,
        "root": report.root,
        "counts": dict(report.counts),
        "stamps": report.stamps,
        "findings": report.findings,
    }


def _show(report: AuditReport) -> None:
    for finding in report.findings:
        click.echo(f"{finding.code}: {finding.message}")
    counts = report.counts
    click.echo(
        f"Replayed {report.size} entries: {counts['events']} events of {counts['subjects']} subjects,"
        f" {counts['epochs']} epochs, {counts['erased']} declared erased."
    )
    if report.stamps is not None:
        click.echo(f"Time stamps: {report.stamps}")
    if report.is_sound:
        click.echo("Sound at level L3: everything follows from the log, and the log is what was signed.")
    else:
        click.echo(f"{len(report.findings)} findings: this is not what was signed.")
