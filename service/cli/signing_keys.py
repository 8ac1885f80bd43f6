"""`consent-ledger keys rotate-signing` and `retire-signing`: the key that signs the log."""

import asyncio
from pathlib import Path

import click
import msgspec

from service.cli.options import database_options, settings_from
from service.wiring.database import database, make_fit
from service.wiring.keys.files import keys_directory
from service.wiring.rotating import retire_signing_key, rotate_signing_key


@click.command(name="rotate-signing")
@database_options
@click.option(
    "--stolen",
    is_flag=True,
    help="The old key is in other hands: delete it here, and let it sign nothing more.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rotate_signing(
    *, data_dir: Path | None, database_url: str | None, ledger: str | None, stolen: bool, as_json: bool
) -> None:
    """Let the ledger's signing key give way to a new one, also while the service runs.

    The log records it, signed by both keys, so whoever knows the old key follows. The old one goes on signing
    checkpoints beside the new one until `retire-signing`, for witnesses that do not know the new one yet.
    Interrupted, the same command finishes it.
    """
    settings = settings_from(data_dir=data_dir, database_url=database_url, ledger=ledger)
    with database(settings) as dsn:
        make_fit(dsn, may_upgrade=False)
        done = asyncio.run(rotate_signing_key(settings, dsn, keep_previous=not stolen))
    said = {"old": done.old.vkey, "new": done.new.vkey, "position": done.position}
    if as_json:
        click.echo(msgspec.json.encode(said))
        return
    click.echo(done.new.vkey)
    click.echo(
        f"The log is signed by the key above from position {done.position} on. Publish it where the old one"
        f" stands, give it to your witnesses, and copy {keys_directory(settings.data_dir, settings.ledger)}"
        " to a safe place.",
        err=True,
    )


@click.command(name="retire-signing")
@database_options
def retire_signing(*, data_dir: Path | None, database_url: str | None, ledger: str | None) -> None:
    """Delete the signing key before the present one: checkpoints are signed by the present one alone."""
    settings = settings_from(data_dir=data_dir, database_url=database_url, ledger=ledger)
    with database(settings) as dsn:
        make_fit(dsn, may_upgrade=False)
        current = asyncio.run(retire_signing_key(settings, dsn))
    click.echo(current.vkey)
