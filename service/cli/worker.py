"""`consent-ledger worker`."""

from pathlib import Path

import click

from service.cli.options import database_options, settings_from
from service.telemetry.logs import configure_logging
from service.wiring.delivering import work


@click.command()
@database_options
def worker(*, data_dir: Path | None, database_url: str | None, ledger: str | None) -> None:
    """Deliver webhooks until SIGTERM or Ctrl-C, then let what is under way end.

    Delivers for every ledger of the database. Several workers may run at once, on one machine or many; what
    one that dies had taken is taken over by the others within a minute. Logs are JSON lines on standard
    error.
    """
    configure_logging()
    work(settings_from(data_dir=data_dir, database_url=database_url, ledger=ledger))
