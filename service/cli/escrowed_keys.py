"""`consent-ledger keys escrow` and `recover`: what may be kept elsewhere, encrypted."""

import asyncio
from pathlib import Path

import click

from service.cli.options import database_options, settings_from
from service.ledger.keys import LedgerKeys
from service.settings import Settings
from service.wiring.database import database, make_fit
from service.wiring.durable import replace_durably
from service.wiring.keys.escrow import escrow as encrypt
from service.wiring.keys.escrow import open_escrow
from service.wiring.keys.escrow import recover as put_back
from service.wiring.keys.files import keys_directory
from service.wiring.ledgers import open_parts

_PEM = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@database_options
@click.option(
    "--recipient",
    "recipients",
    metavar="CERTIFICATE",
    type=_PEM,
    multiple=True,
    required=True,
    help="PEM certificate of an RSA key; repeatable, each opens it.",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def escrow(
    *,
    data_dir: Path | None,
    database_url: str | None,
    ledger: str | None,
    recipients: tuple[Path, ...],
    file: Path,
) -> None:
    """Write subject key, wrapping keys and unsubscribe keys to FILE, encrypted. Never the signing key.

    Without a private key of one of the certificates nobody opens it, this program included. `openssl cms
    -decrypt -inform PEM` opens it too.
    """
    settings = settings_from(data_dir=data_dir, database_url=database_url, ledger=ledger)

    async def keys(dsn: str) -> LedgerKeys:
        async with open_parts(settings, dsn) as parts:
            return parts.keys

    with database(settings) as dsn:
        make_fit(dsn, may_upgrade=False)
        held = asyncio.run(keys(dsn))
    replace_durably(file.absolute(), encrypt(held, [each.read_bytes() for each in recipients]))
    click.echo(f"Encrypted to {len(recipients)} certificates. Try `keys recover` before you rely on it.")


@click.command()
@click.option(
    "--data",
    "data_dir",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where keys are kept. [default: var]",
)
@click.option("--ledger", metavar="NAME", help="Which ledger. [default: main]")
@click.option("--certificate", type=_PEM, required=True, help="The recipient's certificate (PEM).")
@click.option("--private-key", type=_PEM, required=True, help="Its private key (PEM).")
@click.option("--ask-password", is_flag=True, help="The private key is encrypted: ask for its password.")
@click.argument("file", type=_PEM)
def recover(
    *,
    data_dir: Path | None,
    ledger: str | None,
    certificate: Path,
    private_key: Path,
    ask_password: bool,
    file: Path,
) -> None:
    """Put keys back from an escrow FILE: those that are missing, and never over one that is there."""
    settings: Settings = settings_from(data_dir=data_dir, ledger=ledger)
    password = click.prompt("Password", hide_input=True, err=True).encode() if ask_password else None
    held = open_escrow(file.read_bytes(), certificate.read_bytes(), private_key.read_bytes(), password)
    directory = keys_directory(settings.data_dir, settings.ledger)
    written = put_back(held, directory)
    click.echo(f"{held.origin}: {', '.join(written) or 'nothing'} put into {directory}.")
    if not (directory / "signing.key").exists():
        click.echo("The signing key is in no escrow: docs/operations.md (Keys) says how to go on.", err=True)
