"""`consent-ledger scrub`: leave nothing of erased and replaced keys on the database's pages."""

import asyncio
from pathlib import Path

import click

from service.cli.options import database_options, settings_from
from service.storage.scrub import scrub as scrub_tables
from service.wiring.database import database, make_fit


@click.command()
@database_options
def scrub(*, data_dir: Path | None, database_url: str | None, ledger: str | None) -> int:
    """Rewrite the tables whose rows are erased or sealed anew (VACUUM FULL): no page keeps old keys then.

    Run it after erasures, or once a wrapping key was replaced, at a quiet moment: appends and checks wait
    while a table is rewritten. What was written to backups and archived WAL before is out of its reach; those
    go with their own retention.
    """
    settings = settings_from(data_dir=data_dir, database_url=database_url, ledger=ledger)
    with database(settings) as dsn:
        make_fit(dsn, may_upgrade=False)
        sizes = asyncio.run(scrub_tables(dsn))
    for table, (before, after) in sizes.items():
        click.echo(f"{table}: {before:,} bytes before, {after:,} after")
    return 0
