"""`consent-ledger report`: takes the report out of an export, as the page it is or as a PDF."""

from pathlib import Path

import click

from service.core.errors import FormatError
from service.core.export.archive import Archive
from service.core.export.contents import REPORT, REPORT_PDF
from service.printing import PrintingError, print_report


@click.command()
@click.argument("export", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def report(*, export: Path, out: Path) -> int:
    """Write the report in EXPORT to OUT, a .html or a .pdf.

    A PDF that is not in there is made, where the extra `pdf` is installed; any browser prints the .html just
    as well. The export is not checked: `consent-ledger verify` does.
    """
    if out.suffix not in (".html", ".pdf"):
        raise click.ClickException(f"{out} is neither .html nor .pdf")
    if out.exists():
        raise click.ClickException(f"{out} is there already: choose another name, or remove it")
    try:
        with export.open("rb") as file:
            archive = Archive(file)
            if out.suffix == ".html":
                wanted = archive.read(REPORT)[0]
            elif REPORT_PDF in archive:
                wanted = archive.read(REPORT_PDF)[0]
            else:
                wanted = print_report(archive.read(REPORT)[0].decode())
    except PrintingError as error:
        raise click.ClickException(f"{error}, or write a .html and print that") from error
    except (FormatError, UnicodeDecodeError) as error:
        raise click.ClickException(f"there is no report in {export}: {error}") from error
    out.write_bytes(wanted)
    click.echo(f"{out} is for reading; what proves it is {export}.")
    return 0
