"""`consent-ledger check`: ask a running service."""

import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from service.cli.remote import asking, service_options
from service.client import Answer

DENY = 1
_PIPED_WIDTH = 160
_SECONDS = 15.0
_MARKS = {"yes": ("yes", "green"), "no": ("no", "red"), "unknown": ("?", "yellow")}


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
@service_options
@click.option("--sender", required=True, help="Who wants to send.")
@click.option("--category", required=True, help="What kind of message, in the house's own words.")
@click.option("--channel", default="email", show_default=True)
@click.option("--message-kind", default="commercial", show_default=True, help="commercial, service, …")
@click.option("--product-category", help="What it is about.")
@click.option("--country", help="The recipient's country, as NL.")
@click.option("--recipient", "recipient_kind", help="consumer, sole_trader, legal_person or child.")
@click.option("--local-time", help="The clock on the recipient's wall, as 14:30; for calls.")
@click.option(
    "--explain",
    "language",
    type=click.Choice(["en", "nl"]),
    is_flag=False,
    flag_value="en",
    help="Say why, step by step, in this language. [without one: en]",
)
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
        from service.cli.check_file.command import check_table  # noqa: PLC0415 - one address needs none of it
        from service.cli.check_file.table import open_table  # noqa: PLC0415 - same

        channel = asked["channel"] or "email"
        table = open_table(list_path, column=column, encoding=encoding, channel=channel)
        target = out or list_path.with_name(f"{list_path.stem}.answers.csv")
        defaults = _defaults(asked)
        with asking(url, key, without="do not send") as ledger:
            return check_table(ledger, defaults, table, target, patience=patience, as_json=as_json)
    return _check_one(address or "", url, key, asked, as_json=as_json)


def _check_one(address: str, url: str, key: str, asked: dict[str, str | None], *, as_json: bool) -> int:
    value = sys.stdin.readline().strip() if address == "-" else address
    with asking(url, key, without="do not send, and try again") as ledger:
        answer = ledger.check(_question(value, asked), seconds=_SECONDS)
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        _show(answer)
    return 0 if answer.allowed else DENY


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
    optional = {"product_category": asked["product_category"], "local_time": asked["local_time"]}
    return question | {name: given for name, given in optional.items() if given}


def _show(answer: Answer) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PIPED_WIDTH)
    style = "bold green" if answer.allowed else "bold red"
    console.print(Text(f"{answer.decision.upper()} ({answer.reason_code})", style))
    explanation = answer.explanation
    if explanation is None:
        return
    console.print(Padding(Text(explanation["text"]), (1, 0)))
    if explanation["steps"]:
        console.print(_steps(explanation["steps"]))


def _steps(steps: list[dict[str, Any]]) -> Table:
    table = Table("step", "", "why", "entries", "rule", box=SIMPLE_HEAD)
    for step in steps:
        mark, style = _MARKS[step["outcome"]]
        rule = step["rule"]
        table.add_row(
            Text(step["title"]),
            Text(mark, style),
            Text(step["sentence"]),
            Text(", ".join(map(str, step["events"]))),
            Text(f"{rule['citation']} [{rule['id']}]" if rule is not None else ""),
        )
    return table
