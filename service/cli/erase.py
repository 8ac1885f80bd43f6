"""`consent-ledger erase`: destroy everything that is held of a person, through a running service."""

import json
from typing import Any

import click

from service.cli.person_address import FROM_STANDARD_INPUT, read_address
from service.cli.remote import Service, service_options

_SECONDS = 60


@click.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")
@service_options
@click.option("--json", "as_json", is_flag=True, help="Print the answer as the service gave it.")
def erase(*, address: str, yes: bool, url: str, key: str, as_json: bool) -> int:
    """Destroy everything that is held of ADDRESS (- reads it from standard input), for good (GDPR 17).

    The address stays blocked: no import, purchase or contract lifts that, only the person's own new consent.
    What was recorded since the last `consent-ledger audit` cannot be erased: audit first. Exit status 0 when
    nothing is held any more, 2 when it could not be done.
    """
    if address == FROM_STANDARD_INPUT and not yes:
        raise click.UsageError("say --yes where the address comes from standard input")
    person = read_address(address)
    if not yes:
        click.confirm("Destroy everything that is held of this address? Nobody can undo it.", abort=True)
    service = Service(url, key, without="nothing may have been erased; do it again", seconds=_SECONDS)
    answer = service.call("POST", "/v1/subjects/erase", json.dumps({"address": person}).encode())
    click.echo(json.dumps(answer) if as_json else "\n".join(_sentences(answer)))
    return 0


def _sentences(answer: dict[str, Any]) -> list[str]:
    notice, linked = answer["notice"], answer["linked_addresses"]
    if notice is None:
        told = ["Nothing is held of this address. To have it blocked, record an objection."]
    elif notice["replayed"]:
        told = [f"It was erased before (notice at entry {notice['index']}); nothing has come since."]
    else:
        told = [
            f"Destroyed {answer['erased_events']} event(s); the notice stands at entry {notice['index']}."
        ]
    if linked:
        told.append(f"{linked} other address(es) of the same person are known, and were not erased.")
    return told
