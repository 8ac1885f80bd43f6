"""`consent-ledger verifier`: the page in which anybody verifies a bundle, as one file."""

import sys
from pathlib import Path

import click

from service.ledger.verifier_page import verifier_page


@click.command()
@click.argument(
    "file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), default="verifier.html"
)
def verifier(*, file: Path) -> int:
    """Write the verifier's page to FILE (verifier.html), or - for standard output.

    Whoever opens it in a browser can drop a bundle and see each step pass or fail, without a network.
    """
    if str(file) == "-":
        sys.stdout.buffer.write(verifier_page())
        return 0
    try:
        file.write_bytes(verifier_page())
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from error
    click.echo(f"Written: {file}. Open it in a browser and drop a bundle.", err=True)
    return 0
