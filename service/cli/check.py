"""`consent-ledger check`: ask a running service."""

import json
import sys
import urllib.error
import urllib.request
from typing import Any

import click

DENY = 1
_SECONDS = 15


@click.command()
@click.argument("address")
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
def check(*, address: str, url: str, key: str, as_json: bool, **asked: str | None) -> int:
    """Ask whether a message may be sent to ADDRESS (- reads it from standard input).

    Exit status 0 for yes, 1 for no, 2 when there is no answer: then do not send either.
    """
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
    recipient = {"country": asked["country"], "kind": asked["recipient_kind"]}
    question: dict[str, Any] = {
        "address": {"kind": "phone" if value.startswith("+") else "email", "value": value},
        "sender": asked["sender"],
        "category": asked["category"],
        "channel": asked["channel"],
        "kind": asked["message_kind"],
        "recipient": {name: given for name, given in recipient.items() if given},
        "message": {"optout": True, "identity": True},
    }
    optional = {"product_category": asked["product_category"], "explain": asked["language"]}
    return question | {name: given for name, given in optional.items() if given}


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
