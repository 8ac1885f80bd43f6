"""`consent-ledger migrate`."""

from pathlib import Path

import click

from service.cli.options import database_options, settings_from
from service.wiring.database import database, make_fit


@click.command()
@database_options
def migrate(*, data_dir: Path | None, database_url: str | None, ledger: str | None) -> None:
    """Bring the database to this version's schema.

    Running it again changes nothing. The login needs the right to create tables and roles.
    """
    settings = settings_from(data_dir=data_dir, database_url=database_url, ledger=ledger)
    with database(settings) as dsn:
        before, now = make_fit(dsn, may_upgrade=True)
    if before == now:
        click.echo(f"The database has schema {now} already.")
    else:
        click.echo(f"The database has schema {now} now (before: {before or 'none'}).")
