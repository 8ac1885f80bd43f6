"""`consent-ledger report`: takes the report out of an export, as the page it is or printed to a PDF."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import click

from service.core.errors import FormatError
from service.core.export.archive import Archive
from service.core.export.contents import REPORT

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS_MAX: Final = 120


@click.command()
@click.argument("export", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def report(*, export: Path, out: Path) -> int:
    """Write the report in EXPORT to OUT, a .html or, where a Chromium is installed, a .pdf with its tags.

    Any other browser prints the .html just as well. The export is not checked: `consent-ledger verify` does.
    """
    if out.suffix not in (".html", ".pdf"):
        raise click.ClickException(f"{out} is neither .html nor .pdf")
    if out.exists():
        raise click.ClickException(f"{out} is there already: choose another name, or remove it")
    try:
        with export.open("rb") as file:
            page = Archive(file).read(REPORT)[0]
    except FormatError as error:
        raise click.ClickException(f"there is no report in {export}: {error}") from error
    if out.suffix == ".html":
        out.write_bytes(page)
    else:
        _print(page, out)
    click.echo(f"{out} is for reading; what proves it is {export}.")
    return 0


def _print(page: bytes, out: Path) -> None:
    """Print a page with a browser that has a profile of its own and no network to speak of."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise click.ClickException("no Chromium is installed: write a .html, and print it with any browser")
    with tempfile.TemporaryDirectory(prefix="consent-ledger-report-") as folder:
        source, printed = Path(folder) / "report.html", Path(folder) / "report.pdf"
        source.write_bytes(page)
        command = [
            *(browser, "--headless", "--disable-gpu", "--disable-background-networking"),
            *(["--no-sandbox"] if os.geteuid() == 0 else []),  # which the superuser has not
            *(f"--user-data-dir={folder}/profile", "--no-pdf-header-footer", "--export-tagged-pdf"),
            *("--generate-pdf-document-outline", f"--print-to-pdf={printed}", source.as_uri()),
        ]
        try:
            subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS_MAX)  # noqa: S603 - ours
            out.write_bytes(printed.read_bytes())
        except (subprocess.SubprocessError, OSError) as error:
            raise click.ClickException(
                "the browser could not print it: write a .html, and print that"
            ) from error
