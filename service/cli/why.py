"""`consent-ledger why`: answer a person who asks why they were mailed, and what is held of them."""

import json
from pathlib import Path
from typing import Any

import click

from service.cli.person_address import read_address
from service.cli.remote import Service, service_options

_SECONDS = 60


@click.command()
@click.argument("address")
@service_options
@click.option(
    "--lang",
    "language",
    type=click.Choice(["en", "nl"]),
    default="en",
    show_default=True,
    help="Of the letter.",
)
@click.option("--country", help="The person's country, as NL: the answers depend on it.")
@click.option("--recipient", "kind", help="consumer, sole_trader, legal_person or child.")
@click.option(
    "--html",
    "html_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the letter as one page of HTML here, instead of printing it.",
)
@click.option(
    "--proof",
    "proof_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the proof of the history here, for `consent-ledger verify`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--iso27560", is_flag=True, help="Print consent records as JSON-LD (ISO/IEC TS 27560, DPV).")
def why(  # noqa: PLR0913 - options
    *,
    address: str,
    url: str,
    key: str,
    language: str,
    country: str | None,
    kind: str | None,
    html_path: Path | None,
    proof_path: Path | None,
    as_json: bool,
    iso27560: bool,
) -> int:
    """Say what is held of ADDRESS (- reads it from standard input), and on what ground it was mailed.

    A letter to the person, to be sent as it is; with --json or --iso27560 the data themselves, which is what
    the person may take away (GDPR 15 and 20). Wants a key with the scope subject:read.
    """
    recipient = {name: value for name, value in (("country", country), ("kind", kind)) if value}
    body: dict[str, Any] = {
        "address": read_address(address),
        "language": language,
        "format": "iso27560" if iso27560 else "full",
        "recipient": recipient,
        "proof": proof_path is not None,
    }
    service = Service(url, key, without="try again", seconds=_SECONDS)
    answer = service.call("POST", "/v1/subjects/lookup", json.dumps(body).encode())
    if proof_path is not None:
        proof_path.write_text(answer["cl:proof" if iso27560 else "proof"], encoding="utf-8")
    if html_path is not None and not iso27560:
        html_path.write_text(answer["letter"]["html"], encoding="utf-8")
    if as_json or iso27560:
        click.echo(json.dumps(answer, ensure_ascii=False))
    elif html_path is None:
        click.echo(answer["letter"]["text"], nl=False)
    return 0
