"""`consent-ledger serve`."""

import sys
from pathlib import Path

import click

from service.cli.options import database_options, settings_from
from service.wiring.serving.serve import Serving, serve_as_worker
from service.wiring.serving.serve import serve as run_service

_WORKERS_MAX = 64


@click.command()
@click.option("--host", metavar="HOST", help="Where to listen. [default: 127.0.0.1]")
@click.option(
    "--port", metavar="PORT", type=click.IntRange(0, 65535), help="0: any free port. [default: 8000]"
)
@database_options
@click.option(
    "--workers",
    type=click.IntRange(1, _WORKERS_MAX),
    default=1,
    show_default=True,
    help="Processes that share the port.",
)
@click.option("--with-worker", is_flag=True, help="Deliver webhooks too: all on one machine.")
@click.option(
    "--no-first-key",
    is_flag=True,
    help="Print no API key on the first start: see `consent-ledger keys create`.",
)
@click.option("--example-sender", is_flag=True, help="Register the sender acme, to try things out.")
def serve(  # noqa: PLR0913 - one a flag
    *,
    host: str | None,
    port: int | None,
    data_dir: Path | None,
    database_url: str | None,
    ledger: str | None,
    workers: int,
    with_worker: bool,
    no_first_key: bool,
    example_sender: bool,
) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish what was accepted.

    Without a database URL an embedded PostgreSQL runs under the data directory. The first start makes the
    ledger and prints an API key. Logs are JSON lines on standard error.
    """
    settings = settings_from(
        host=host, port=port, data_dir=data_dir, database_url=database_url, ledger=ledger
    )
    serving = Serving(
        workers, example_sender=example_sender, with_worker=with_worker, first_key=not no_first_key
    )
    run_service(settings, serving)


@click.command(hidden=True)
def worker() -> None:
    """Serve as one of several: started by `serve --workers`, never by hand."""
    serve_as_worker(sys.stdin.readline().encode())
