"""`consent-ledger partition`: the audit of the map for an auditor who may see no records."""

import asyncio
from pathlib import Path

import click
import msgspec

from service.cli.database_options import database_options
from service.core.errors import FormatError
from service.core.notes import Verifier, parse_verifier
from service.core.partition import PartitionReplay, read_beginning, read_line
from service.settings import Settings

FINDINGS = 1


@click.group()
def partition() -> None:
    """Show, and check, that no event was left out of the map, without showing any record."""


@partition.command()
@database_options
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def write(*, data_dir: Path | None, database_url: str | None, ledger: str | None, file: Path) -> None:
    """Write to FILE every entry of the log, and under which pseudonym each event stands.

    No address and no record is in it; yet who has it sees which events are one person's: give it to an
    auditor under contract, and to nobody else.
    """
    from service.cli.options import settings_from  # noqa: PLC0415 - an auditor may have no database
    from service.telemetry.logs import configure_logging  # noqa: PLC0415 - an auditor may have no database
    from service.wiring.database import database, make_fit  # noqa: PLC0415 - an auditor may have no database

    configure_logging()
    settings = settings_from(data_dir=data_dir, database_url=database_url, ledger=ledger)
    with database(settings) as dsn:
        make_fit(dsn, may_upgrade=False)
        asyncio.run(_write(settings, dsn, file))
    click.echo(f"Written to {file}. `consent-ledger partition check {file}` needs nothing else.")


async def _write(settings: Settings, dsn: str, file: Path) -> None:
    from service.ledger.proving.partitioning import partition_lines  # noqa: PLC0415 - as above
    from service.wiring.ledgers import open_parts  # noqa: PLC0415 - as above

    async with open_parts(settings, dsn) as parts:
        with file.open("wb") as out:
            async for line in partition_lines(parts.store, parts.keys.origin):
                out.write(line)


@partition.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key", "keys", metavar="VKEY", multiple=True, required=True, help="The key the log begins with."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def check(*, file: Path, keys: tuple[str, ...], as_json: bool) -> int:
    """Derive tree and map of the log in FILE again, and compare them with every checkpoint and epoch.

    Needs neither a database nor the service. One line for each finding; exit status 0 when there is none, 1
    when there are some.
    """
    replay = _replayed(file, [parse_verifier(key) for key in keys])
    if as_json:
        said = {"sound": not replay.findings, "size": replay.size, "findings": replay.findings}
        click.echo(msgspec.json.encode(said | {"counts": dict(replay.counts)}))
    else:
        for finding in replay.findings:
            click.echo(f"{finding.code}: {finding.message}")
        if not replay.findings:
            counts = replay.counts
            click.echo(
                f"Sound: {counts['events']} events of {counts['subjects']} pseudonyms, every one in the map"
                f" of each of {counts['epochs']} epochs. Whose they are was not looked at."
            )
    return FINDINGS if replay.findings else 0


def _replayed(file: Path, verifiers: list[Verifier]) -> PartitionReplay:
    """Raises `FormatError` with the line that is none of a partition."""
    number = 1
    with file.open("rb") as lines:
        try:
            beginning = read_beginning(lines.readline())
            replay = PartitionReplay(beginning.origin, verifiers)
            for number, line in enumerate(lines, 2):  # noqa: B007 - the error names it
                replay.feed_assigned(*read_line(line))
        except FormatError as error:
            raise FormatError(f"{file} is no partition, or a damaged one: line {number}: {error}") from None
    if replay.size != beginning.size:
        raise FormatError(f"{replay.size} entries are there, and {beginning.size} were announced")
    replay.finish()
    return replay
