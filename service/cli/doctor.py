"""`consent-ledger doctor`."""

from pathlib import Path

import click
import msgspec

from service.cli.options import database_options, settings_from
from service.settings import SettingsError
from service.wiring.doctor import Finding, examine
from service.wiring.doctor.findings import fault

_SIGNS = {"ok": "ok     ", "notice": "notice ", "fault": "FAULT  "}


@click.command()
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of findings and nothing else.")
def doctor(*, data_dir: Path | None, database_url: str | None, ledger: str | None, as_json: bool) -> int:
    """Look at everything that goes wrong in practice, and say what to do. Changes nothing.

    Works beside a running service and where none starts. Exit status 0 when there is no fault (notices may
    be), 1 when there is one.
    """
    try:
        settings = settings_from(data_dir=data_dir, database_url=database_url, ledger=ledger)
        found = examine(settings)
    except SettingsError as error:
        found = [fault("settings", str(error))]
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        _show(found)
    return int(any(each.verdict == "fault" for each in found))


def _show(found: list[Finding]) -> None:
    for each in found:
        click.echo(f"{_SIGNS[each.verdict]}{each.check}: {each.found}")
        if each.advice:
            click.echo(f"       → {each.advice}")
    faults = sum(each.verdict == "fault" for each in found)
    notices = sum(each.verdict == "notice" for each in found)
    click.echo(f"{faults} faults, {notices} notices, {len(found)} looked at.")
