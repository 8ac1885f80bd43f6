"""`consent-ledger export`: asks for an export, prepares it, and writes it to a file."""

import asyncio
import hashlib
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from service.cli.export.job import ExportFile
from service.cli.options import database_options, settings_from
from service.core.errors import GoneError, InputError, NotFoundError
from service.ledger.addresses import CanonicalAddress, canonical_address
from service.ledger.exporting.exports import ADDRESSES_MAX, Exports
from service.ledger.exporting.freezing import scope_bytes
from service.ledger.exporting.ports import ExportRow, Scope
from service.settings import Settings
from service.wiring.database import database, make_fit
from service.wiring.exporting import open_exports

WHO: Final = "command line"
_WAIT_SECONDS: Final = 0.5
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--address", "addresses", multiple=True, metavar="ADDRESS", help="An address; repeatable.")
@click.option(
    "--addresses",
    "address_file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="A file with an address a line, or -.",
)
@click.option("--sender", help="The events of this sender.")
@click.option("--since", metavar="TIME", help="Recorded at or after this time (RFC 3339).")
@click.option("--until", metavar="TIME", help="Recorded before this time.")
@click.option("--campaign", help="A checked campaign, by its id.")
@click.option("--size", type=click.IntRange(min=1), help="As of the checkpoint of this size, not the newest.")
@click.option(
    "--held-size",
    "held_sizes",
    type=click.IntRange(min=1),
    multiple=True,
    help="The size of a checkpoint that the reader kept: proved to be the beginning of this log; repeatable.",
)
@click.option("--disclose", is_flag=True, help="With the secret that ties addresses to entries.")
@click.option("--language", type=click.Choice(["en", "nl"]), default="en", help="Of the report.")
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def export(  # noqa: PLR0913 - options
    *,
    out: Path,
    addresses: tuple[str, ...],
    address_file: Path | None,
    since: str | None,
    until: str | None,
    data_dir: Path | None,
    database_url: str | None,
    ledger: str | None,
    as_json: bool,
    **named: Any,  # noqa: ANN401 - fields of a scope, under their own names
) -> int:
    """Write an export to the file OUT.zip: the whole ledger, or what the options name.

    Works beside a running service. Killed or cut off, the same command goes on where it stopped. That it was
    asked for, and handed out, is recorded in the ledger.
    """
    wanted = _addresses(addresses, address_file)
    scope = Scope(
        kind=_kind(wanted, named["sender"], named["campaign"]),
        addresses=wanted,
        since_ms=_time(since, "--since"),
        until_ms=_time(until, "--until"),
        **named,
    )
    settings = settings_from(data_dir=data_dir, database_url=database_url, ledger=ledger)
    asked = hashlib.sha256(scope_bytes(scope) + settings.ledger.encode()).hexdigest()
    file = ExportFile(out, asked)
    with database(settings) as dsn:
        make_fit(dsn, may_upgrade=False)
        row, digest = asyncio.run(_export(settings, dsn, scope, file))
    _tell(row, digest, out, as_json=as_json)
    return 0


def _tell(row: ExportRow, digest: str, out: Path, *, as_json: bool) -> None:
    if as_json:
        told = {"export": row.export_id, "size": row.size, "bytes": row.bytes, "sha256": digest}
        click.echo(msgspec.json.encode(told | {"file": str(out)}))
        return
    click.echo(f"{out}: {row.bytes:,} bytes, {row.planned:,} files, of the first {row.size:,} entries.")
    click.echo(f"SHA-256 {digest}")
    click.echo(f"Check it with: consent-ledger audit {out}")


def _kind(
    addresses: tuple[CanonicalAddress, ...], sender: str | None, campaign: str | None
) -> Literal["ledger", "sender", "campaign", "addresses"]:
    if sum((bool(addresses), sender is not None, campaign is not None)) > 1:
        raise click.UsageError("addresses, --sender and --campaign exclude each other")
    if addresses:
        return "addresses"
    return "sender" if sender is not None else "campaign" if campaign is not None else "ledger"


def _addresses(given: tuple[str, ...], path: Path | None) -> tuple[CanonicalAddress, ...]:
    lines = list(given)
    if path is not None:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        lines += [line.strip() for line in text.splitlines() if line.strip()]
    found: dict[CanonicalAddress, None] = {}
    for number, line in enumerate(lines, 1):
        try:
            found[canonical_address("phone" if line.startswith("+") else "email", line)] = None
        except InputError as error:
            raise click.ClickException(f"address {number}: {error}") from error
    if len(found) > ADDRESSES_MAX:
        raise click.ClickException(f"at most {ADDRESSES_MAX:,} addresses go into one export")
    if (given or path is not None) and not found:
        raise click.ClickException("no address was given")
    return tuple(found)


def _time(text: str | None, option: str) -> int | None:
    if text is None:
        return None
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    raise click.UsageError(f"{option} is a time like 2026-11-01 or 2026-11-01T09:00:00Z")


async def _export(settings: Settings, dsn: str, scope: Scope, file: ExportFile) -> tuple[ExportRow, str]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    bar = Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    )
    async with open_exports(settings, dsn) as exports:
        row = await _begun(exports, scope, file)
        with bar:
            row = await _prepared(exports, row, bar, bar.add_task("Preparing", total=None))
            digest = await _write(exports, row, file, bar, bar.add_task("Writing", total=row.bytes))
    return row, digest


async def _begun(exports: Exports, scope: Scope, file: ExportFile) -> ExportRow:
    """The export that an earlier run began, or a new one."""
    if file.export_id is not None:
        with suppress(NotFoundError):
            row = await exports.find(file.export_id)
            if row.status in ("preparing", "ready"):
                return row
    row = await exports.create(scope, WHO)
    file.begin(row.export_id)
    return row


async def _prepared(exports: Exports, row: ExportRow, bar: Progress, task: TaskID) -> ExportRow:
    """Prepare it, or wait for whoever is at it already."""
    while row.status == "preparing":
        mine = await exports.prepare(
            row.export_id, lambda done, of: bar.update(task, completed=done, total=of)
        )
        row = await exports.find(row.export_id)
        if not mine:
            bar.update(task, completed=row.done, total=row.planned or None)
            await asyncio.sleep(_WAIT_SECONDS)
    if row.status != "ready":
        raise GoneError(f"this export is {row.status}: run the command again for another")
    bar.update(task, visible=False)
    return row


async def _write(exports: Exports, row: ExportRow, out: ExportFile, bar: Progress, task: TaskID) -> str:
    """Write what is not written yet; the SHA-256 of the whole file."""
    await exports.begin_download(row.export_id, WHO, "file")
    file, offset = out.open(await exports.files(row))
    digest = hashlib.sha256()
    with file:
        file.seek(0)
        left = offset
        while left:
            chunk = file.read(min(left, 1 << 20))
            digest.update(chunk)
            left -= len(chunk)
        bar.update(task, completed=offset)
        async for chunk in exports.read(row, offset):
            file.write(chunk)
            digest.update(chunk)
            bar.advance(task, len(chunk))
        out.finish(file)
    return digest.hexdigest()
