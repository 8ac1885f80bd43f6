"""`consent-ledger import`: its options, and the order of things."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, get_args

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.cli.import_list.job import Job
from service.cli.import_list.reading import Sheet, open_sheet
from service.cli.import_list.running import Importing, try_out
from service.cli.import_list.telling import as_json, console, show_columns, show_counts
from service.client import Ledger
from service.core.errors import InputError
from service.core.events.values import Channel, ImportOrigin, Method
from service.ledger.importing.mapping import (
    PRESETS,
    ColumnMap,
    State,
    as_toml,
    map_columns,
    preset_for,
    read_preset,
    shipped_preset,
)
from service.ledger.importing.rows import About, Rows
from service.ledger.importing.times import read_moment, read_zone

REFUSED: Final = 1
_PHONE: Final = frozenset({"sms", "phone_live", "robocall", "fax"})


@click.command("import")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--commit", is_flag=True, help="Record it. Without this nothing is recorded: a dry run.")
@click.option("--sender", required=True, help="Who mailed these people, and may want to again.")
@click.option("--category", "categories", multiple=True, required=True, help="What they agreed to.")
@click.option("--channel", "channels", multiple=True, type=click.Choice(get_args(Channel)), default=["email"])
@click.option("--preset", type=click.Choice(PRESETS), help="Whose export it is. [default: found out]")
@click.option(
    "--mapping",
    "mapping_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file (TOML) that says what the columns mean.",
)
@click.option(
    "--map", "told", multiple=True, metavar="MEANING=COLUMN", help="What one column means; again for more."
)
@click.option(
    "--events",
    "events_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With a dry run: write the events here, as lines for POST /v1/events/batch.",
)
@click.option("--show-mapping", is_flag=True, help="Print the mapping as a file, and do nothing else.")
@click.option(
    "--status",
    type=click.Choice(get_args(State)),
    help="What rows are that tell no status; if a no, what all are.",
)
@click.option("--timezone", metavar="ZONE", help="Of times without one, as Europe/Amsterdam or +01:00.")
@click.option("--time-format", "formats", multiple=True, metavar="FORMAT", help="As %d/%m/%Y %H:%M.")
@click.option("--exported-at", metavar="TIME", help="When the list was made, for rows that tell no time.")
@click.option("--form", help="The id of the published form by which people signed up.")
@click.option("--box", help="Its box.")
@click.option("--method", type=click.Choice(get_args(Method)), help="What people did, if they used no form.")
@click.option("--origin", type=click.Choice(get_args(ImportOrigin)), default="transfer", show_default=True)
@click.option("--source", metavar="NAME", help="What the list is called in the ledger. [default: the preset]")
@click.option("--encoding", help="How the list is written. [default: found out]")
@click.option(
    "--rejects",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where rows go that are refused. [default: FILE.rejects.csv]",
)
@click.option(
    "--patience",
    type=click.FloatRange(0),
    default=120.0,
    show_default=True,
    help="For how many seconds to try again when the service is away.",
)
@click.option("--url", envvar="CONSENT_LEDGER_URL", default="http://127.0.0.1:8000", show_default=True)
@click.option("--key", envvar="CONSENT_LEDGER_KEY", help="An API key, for --commit. Also CONSENT_LEDGER_KEY.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the counts as JSON.")
def import_list(path: Path, *, encoding: str | None, show_mapping: bool, **options: Any) -> int:  # noqa: ANN401 - options
    """Take over an old list (CSV, or lines of JSON) with what it can show, row by row.

    A dry run says what each row is worth. --commit records it; killed or cut off, the same command goes on.
    Running it twice changes nothing. It never lifts a no: a no in the list counts, and one in the ledger
    stays.

    Exit status 0 when every row was taken, 1 when some were refused (they are handed back, with the reason),
    2 when it could not be finished.
    """
    sheet = open_sheet(path, encoding)
    with _said():
        mapping = _mapping(sheet, **options)
        rows = Rows(mapping, _about(mapping, **options), time.time_ns() // 1_000_000)  # noqa: TID251 - a program
    if show_mapping:
        click.echo(as_toml(mapping), nl=False)
        return 0
    say = console()
    if not options["json_wanted"]:
        show_columns(say, sheet, mapping)
    return _commit(say, sheet, rows, options) if options["commit"] else _dry_run(say, sheet, rows, options)


def _dry_run(say: Console, sheet: Sheet, rows: Rows, options: dict[str, Any]) -> int:
    with _progress(say, sheet, "Reading", 0) as advance, _writing(options["events_path"]) as write:
        counts, repeated = try_out(sheet, rows, advance, write)
    if options["json_wanted"]:
        as_json(counts, committed=False, repeated=repeated)
    else:
        show_counts(counts, repeated=repeated, rejects=None)
        click.echo("Nothing was recorded. Say --commit to do it.")
    return REFUSED if counts.refused else 0


def _commit(say: Console, sheet: Sheet, rows: Rows, options: dict[str, Any]) -> int:
    if not options["key"]:
        raise click.UsageError("--commit needs --key, or CONSENT_LEDGER_KEY")
    path = sheet.path
    ending = path.suffix if sheet.as_json else ".csv"
    rejects = options["rejects"] or path.with_name(f"{path.stem}.rejects{ending}")
    job = Job(sheet, rows.fingerprint, rejects)
    if job.resumed_at:
        say.print(f"Going on after row {job.resumed_at:,} of {sheet.rows:,}.")
    try:
        with (
            _progress(say, sheet, "Importing", job.resumed_at) as advance,
            Ledger(options["url"], options["key"], verify=False) as ledger,
        ):
            Importing(sheet, rows, job, advance).run(ledger, options["patience"])
        job.finish()
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    finally:
        job.stop()
    counts = job.journal.counts
    if options["json_wanted"]:
        as_json(counts, committed=True, recorded=counts.recorded, known=counts.known, rejects=str(rejects))
    else:
        show_counts(counts, repeated=None, rejects=str(rejects))
    return REFUSED if counts.refused else 0


def _mapping(sheet: Sheet, **options: Any) -> ColumnMap:  # noqa: ANN401 - options
    preset = preset_for(sheet.header) if sheet.has_header else None
    if options["preset"]:
        preset = shipped_preset(options["preset"])
    elif options["mapping_path"]:
        preset = read_preset(options["mapping_path"].read_bytes())
    told = []
    for each in options["told"]:
        meaning, equals, heading = each.partition("=")
        if not equals:
            raise InputError("--map says MEANING=COLUMN")
        told.append((meaning.strip(), heading))
    if not sheet.has_header and len(sheet.header) == 1:
        told = told or [("address", sheet.header[0])]
    if not sheet.has_header and "address" not in dict(told):
        raise InputError("the list has no headings: say what its columns mean, as --map address=1")
    return map_columns(sheet.header, preset, told, options["status"], options["formats"])


def _about(mapping: ColumnMap, **options: Any) -> About:  # noqa: ANN401 - options
    kinds = {"phone" if channel in _PHONE else "email" for channel in options["channels"]}
    if len(kinds) != 1:
        raise InputError("one list holds e-mail addresses or phone numbers: its channels are of one kind")
    return About(
        sender=options["sender"],
        categories=options["categories"],
        channels=options["channels"],
        kind="phone" if "phone" in kinds else "email",
        source=f"import:{options['source'] or mapping.name}"[:200],
        form=options["form"],
        box=options["box"],
        method=options["method"],
        origin=options["origin"],
        exported_at=_moment(options["exported_at"], options["timezone"]),
        timezone=options["timezone"],
    )


def _moment(text: str | None, zone: str | None) -> datetime | None:
    return read_moment(text, read_zone(zone) if zone else None).first if text else None


@contextmanager
def _writing(path: Path | None) -> Iterator[Callable[[dict[str, Any]], None]]:
    if path is None:
        yield lambda _event: None
        return
    with path.open("xb") as file:
        yield lambda event: file.writelines((msgspec.json.encode(event), b"\n"))


@contextmanager
def _said() -> Iterator[None]:
    """What is wrong with the command, as commands say it."""
    try:
        yield
    except InputError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def _progress(say: Console, sheet: Sheet, doing: str, done: int) -> Iterator[Callable[[], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=say, transient=True) as progress:
        task = progress.add_task(doing, total=sheet.rows, completed=done)
        yield lambda: progress.advance(task)
