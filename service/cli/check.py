"""`consent-ledger check`: ask a running service."""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import click

DENY = 1
_SECONDS = 15


@click.command()
@click.argument("address", required=False)
@click.option(
    "--file",
    "list_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV list instead of one ADDRESS; killed or cut off, the same command goes on with it.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the answers go. [default: LIST.answers.csv]",
)
@click.option("--column", help="With --file: which column holds the addresses, by name or number.")
@click.option("--encoding", help="With --file: how it is written. [default: found out]")
@click.option(
    "--patience",
    type=click.FloatRange(0),
    default=120.0,
    show_default=True,
    help="With --file: for how many seconds to try again when the service is away.",
)
@click.option("--url", envvar="CONSENT_LEDGER_URL", default="http://127.0.0.1:8000", show_default=True)
@click.option(
    "--key", envvar="CONSENT_LEDGER_KEY", required=True, help="An API key. Also CONSENT_LEDGER_KEY."
)
@click.option("--sender", required=True, help="Who wants to send.")
@click.option("--category", required=True, help="What kind of message, in the house's own words.")
@click.option("--channel", default="email", show_default=True)
@click.option("--message-kind", default="commercial", show_default=True, help="commercial, service, …")
@click.option("--product-category", help="What it is about.")
@click.option("--country", help="The recipient's country, as NL.")
@click.option("--recipient", "recipient_kind", help="consumer, sole_trader, legal_person or child.")
@click.option("--explain", "language", type=click.Choice(["en", "nl"]), help="Say why, in this language.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as the service gave it.")
def check(  # noqa: PLR0913 - options
    *,
    address: str | None,
    list_path: Path | None,
    out: Path | None,
    column: str | None,
    encoding: str | None,
    patience: float,
    url: str,
    key: str,
    as_json: bool,
    **asked: str | None,
) -> int:
    """Ask whether a message may be sent to ADDRESS (- reads it from standard input), or to a whole list.

    Exit status 0 for yes, 1 for no, 2 when there is no answer: then do not send either. With --file: 0 when
    every row was answered, 1 when some were refused (the output says why), 2 when it could not be finished.
    """
    if (address is None) == (list_path is None):
        raise click.UsageError("give one ADDRESS, or a list with --file")
    if list_path is not None:
        from service.cli.check_file.asking import Service  # noqa: PLC0415 - one address needs none of it
        from service.cli.check_file.command import check_table  # noqa: PLC0415 - same
        from service.cli.check_file.table import open_table  # noqa: PLC0415 - same

        channel = asked["channel"] or "email"
        table = open_table(list_path, column=column, encoding=encoding, channel=channel)
        target = out or list_path.with_name(f"{list_path.stem}.answers.csv")
        defaults = _defaults(asked)
        return check_table(Service(url, key), defaults, table, target, patience=patience, as_json=as_json)
    return _check_one(address or "", url, key, asked, as_json=as_json)


def _check_one(address: str, url: str, key: str, asked: dict[str, str | None], *, as_json: bool) -> int:
    value = sys.stdin.readline().strip() if address == "-" else address
    answer = _ask(url, key, _question(value, asked))
    if as_json:
        click.echo(json.dumps(answer))
    else:
        click.echo(f"{answer['decision'].upper()} ({answer['reason_code']})")
        if "explanation" in answer:
            click.echo(answer["explanation"])
    return 0 if answer["decision"] == "allow" else DENY


def _question(value: str, asked: dict[str, str | None]) -> dict[str, Any]:
    address = {"kind": "phone" if value.startswith("+") else "email", "value": value}
    explain = {"explain": asked["language"]} if asked["language"] else {}
    return _defaults(asked) | {"address": address} | explain


def _defaults(asked: dict[str, str | None]) -> dict[str, Any]:
    recipient = {"country": asked["country"], "kind": asked["recipient_kind"]}
    question: dict[str, Any] = {
        "sender": asked["sender"],
        "category": asked["category"],
        "channel": asked["channel"],
        "kind": asked["message_kind"],
        "recipient": {name: given for name, given in recipient.items() if given},
        "message": {"optout": True, "identity": True},
    }
    if asked["product_category"]:
        question["product_category"] = asked["product_category"]
    return question


def _ask(url: str, key: str, question: dict[str, Any]) -> dict[str, Any]:
    if not url.startswith(("http://", "https://")):
        raise click.ClickException("--url begins with http:// or https://")
    request = urllib.request.Request(  # noqa: S310 - the scheme was just checked
        f"{url.rstrip('/')}/v1/checks",
        json.dumps(question).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {key}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310 - as above
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as refusal:
        raise click.ClickException(_told(refusal)) from refusal
    except (OSError, ValueError) as error:
        raise click.ClickException(f"no answer from {url}: do not send, and try again") from error


def _told(refusal: urllib.error.HTTPError) -> str:
    try:
        problem = json.load(refusal)
        fields = ", ".join(error["pointer"] for error in problem.get("errors", []) if error.get("pointer"))
        return f"{problem['title']}: {problem.get('detail', '')}" + (f" ({fields})" if fields else "")
    except (ValueError, KeyError):
        return f"the service answered {refusal.code}"
