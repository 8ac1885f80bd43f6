"""`consent-ledger audit`: the full replay, of an export or straight from the database."""

from pathlib import Path

import click

from service.cli.database_options import database_options
from service.cli.export.told import check_file, is_export
from service.cli.trusted import stamped_by, trust_of


@click.command()
@click.argument("export", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--key", "keys", metavar="VKEY", multiple=True, help="With EXPORT: a key you trust.")
@click.option(
    "--held",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With EXPORT: a checkpoint of this log that you kept from before.",
)
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With EXPORT: logs and witnesses you trust, and how many must have cosigned (C2SP tlog-policy).",
)
@click.option(
    "--timestamps",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The certificates (PEM) of a time-stamping authority you trust.",
)
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option(
    "--write-mark",
    is_flag=True,
    help="Where nothing but the high-water mark is missing, write it: you say that this is the newest state.",
)
def audit(  # noqa: PLR0913 - options
    *,
    export: Path | None,
    keys: tuple[str, ...],
    held: Path | None,
    policy: Path | None,
    timestamps: Path | None,
    data_dir: Path | None,
    database_url: str | None,
    ledger: str | None,
    as_json: bool,
    write_mark: bool,
) -> int:
    """Replay the whole ledger (level L3) and compare everything with what was signed.

    With EXPORT, the zip that `consent-ledger export` wrote, nothing else is needed. Without, the database is
    read, also beside a running service. One line for each finding; exit status 0 when there is none, 1 when
    there are some, 2 when it could not be done. A sound audit of the database is noted in it: up to there the
    log is vouched for, and persons may be erased.
    """
    if export is None:
        if keys or held is not None or policy is not None:
            raise click.UsageError("--key, --held and --policy are about an export: name its file")
        from service.cli.audit_ledger import audit_database  # noqa: PLC0415 - an auditor may have no database

        return audit_database(
            data_dir=data_dir,
            database_url=database_url,
            ledger=ledger,
            stamped=stamped_by(timestamps) if timestamps else None,
            as_json=as_json,
            write_mark=write_mark,
        )
    if not is_export(export):
        raise click.ClickException(_no_export(export))
    return check_file(export, trust_of(keys, policy, timestamps), held, replay=True, as_json=as_json)


def _no_export(path: Path) -> str:
    with path.open("rb") as file:
        is_json = file.read(1) == b"{"
    if is_json:
        return f"{path} is no export (a zip). A bundle is verified: consent-ledger verify {path}"
    return f"{path} is no export: it is no zip, or its beginning is missing"
