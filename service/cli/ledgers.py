"""`consent-ledger ledgers`: the ledgers of a database, one a tenant, also while the service runs."""

import asyncio
import os
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from service.cli.options import database_options, settings_from
from service.core.errors import InputError
from service.core.notes import Verifier, parse_verifier
from service.ledger.generations import link_previous, next_origin
from service.settings import Settings
from service.storage.access import LedgerRow
from service.wiring.clock import now_ms
from service.wiring.compose import open_access, open_services
from service.wiring.database import database, make_fit
from service.wiring.keys.files import create_keys, have_keys, keys_directory
from service.wiring.ledgers import first_origin
from service.wiring.serving.bootstrap import FIRST_KEY_DAYS, prepare


@click.group()
def ledgers() -> None:
    """Make and list ledgers. Each has keys, log, senders and API keys of its own, and sees no other."""


@ledgers.command()
@database_options
@click.argument("name")
@click.option(
    "--after",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The newest checkpoint of a log that cannot go on, e.g. its high-water mark: this one is its next"
    " generation, and names it.",
)
@click.option("--after-key", metavar="VKEY", help="With --after: the key that signed it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def create(  # noqa: PLR0913 - one a flag
    *,
    data_dir: Path | None,
    database_url: str | None,
    ledger: str | None,
    name: str,
    after: Path | None,
    after_key: str | None,
    as_json: bool,
) -> None:
    """Make the ledger NAME: its keys, its genesis entry and a first API key, which is shown once.

    A service that runs on the same database and data directory serves it within two seconds.
    """
    if ledger is not None:
        raise click.UsageError("the ledger to make is named without --ledger")
    if (after is None) != (after_key is None):
        raise click.UsageError("--after and --after-key go together")
    previous = (after.read_bytes(), parse_verifier(after_key)) if after and after_key else None
    settings = settings_from(data_dir=data_dir, database_url=database_url, ledger=name)
    with database(settings) as dsn:
        make_fit(dsn, may_upgrade=settings.database_url is None)
        row, key = asyncio.run(_create(settings, dsn, previous))
    if as_json:
        click.echo(msgspec.json.encode({**_body(row), "key": key}))
        return
    click.echo(key)
    click.echo(
        f"Ledger {row.name} signs as {row.origin}. The key above has every scope for {FIRST_KEY_DAYS} days"
        f" and will not be shown again. Copy {keys_directory(settings.data_dir, row.name)} to a safe place.",
        err=True,
    )


async def _create(
    settings: Settings, dsn: str, previous: tuple[bytes, Verifier] | None = None
) -> tuple[LedgerRow, str | None]:
    async with open_access(dsn) as access:
        if any(row.name == settings.ledger for row in await access.ledgers()):
            raise InputError(
                f"there is a ledger {settings.ledger} already: see `consent-ledger ledgers list`"
            )
        if previous is not None:
            await access.ensure_ledger(settings.ledger, next_origin(*previous), now_ms())
    async with open_services(settings, dsn) as composition:
        key = await prepare(settings, composition, example_sender=False)
        if previous is not None:
            parts = next(each for each in composition.parts if each.name == settings.ledger)
            await link_previous(
                parts.store, parts.keys, parts.sealer, parts.mark, previous=previous, now_ms=now_ms()
            )
        return await composition.access.ledger(settings.ledger), key


@ledgers.command(name="make-keys")
@click.option(
    "--data",
    "data_dir",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to: DIR/keys/NAME. [default: var]",
)
@click.argument("name")
def make_keys(*, data_dir: Path | None, name: str) -> None:
    """Make the keys of the ledger NAME before it begins, without a database.

    For an orchestrator that hands them to every process, as a Kubernetes Secret does. The ledger that begins
    with them signs under the host that CONSENT_LEDGER_ORIGIN_HOST says now.
    """
    settings = settings_from(data_dir=data_dir, ledger=name)
    directory = keys_directory(settings.data_dir, name)
    if have_keys(directory):
        raise InputError(f"{directory} exists already: keys are never made again")
    keys = create_keys(directory, first_origin(settings), os.urandom)
    click.echo(directory)
    click.echo(f"They sign as {keys.origin}. Copy them to a safe place.", err=True)


@ledgers.command(name="list")
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_ledgers(
    *, data_dir: Path | None, database_url: str | None, ledger: str | None, as_json: bool
) -> None:
    """List the ledgers of the database."""
    settings = settings_from(data_dir=data_dir, database_url=database_url, ledger=ledger)

    async def work(dsn: str) -> list[LedgerRow]:
        async with open_access(dsn) as access:
            return await access.ledgers()

    with database(settings) as dsn:
        make_fit(dsn, may_upgrade=False)
        rows = asyncio.run(work(dsn))
    if as_json:
        click.echo(msgspec.json.encode([_body(row) for row in rows]))
        return
    table = Table("name", "origin")
    for row in rows:
        table.add_row(row.name, row.origin)
    Console().print(table)


def _body(row: LedgerRow) -> dict[str, object]:
    return {"name": row.name, "origin": row.origin}
