"""`consent-ledger rulebook`: show, try and publish what decides."""

import json
from pathlib import Path
from typing import Any, Final

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from service.cli.remote import Service, service_options

CHANGES = 1
_SECONDS: Final = 60.0
_RULEBOOK_BYTES_MAX: Final = 1024 * 1024
_YEARS: Final = click.IntRange(1970, 2100)
_FILE = click.argument("file", type=click.Path(path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print the answer as the service gave it.")


@click.group()
def rulebook() -> None:
    """Show, try and publish the rulebook of a running service."""


@rulebook.command()
@service_options
@click.argument("digest", required=False)
def show(*, url: str, key: str, digest: str | None) -> None:
    """Print the rulebook in force as JSON, or the one with this hash, in force or not."""
    path = f"/v1/rulebook/{digest}" if digest is not None else "/v1/rulebook"
    if digest is not None and not digest.isalnum():
        raise click.ClickException("a rulebook is named by 64 hexadecimal digits")
    click.echo(json.dumps(_service(url, key).call("GET", path)["rulebook"], indent=2, ensure_ascii=False))


@rulebook.command(name="list")
@service_options
@_JSON
def list_rulebooks(*, url: str, key: str, as_json: bool) -> None:
    """List every publication of a rulebook, oldest first."""
    answer = _service(url, key).call("GET", "/v1/rulebooks")
    if as_json:
        click.echo(json.dumps(answer))
        return
    table = Table("id", "label", "entry", "published", "in force", box=SIMPLE_HEAD)
    for item in answer["items"]:
        table.add_row(
            item["id"],
            Text(item["label"]),
            str(item["index"]),
            item["published_at"],
            "yes" if item["in_force"] else "",
        )
    _console().print(table)


@rulebook.command(name="try")
@service_options
@_FILE
@click.option(
    "--questions", type=click.Path(path_type=Path), help="Ask these (a JSON list) instead of about everybody."
)
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), help="Look at this many subjects. [default: 10000]"
)
@click.option("--at", help="At this time instead of now, as 2027-01-01T00:00:00Z.")
@_JSON
def try_rulebook(  # noqa: PLR0913 - one a flag
    *,
    url: str,
    key: str,
    file: Path,
    questions: Path | None,
    limit: int | None,
    at: str | None,
    as_json: bool,
) -> int:
    """Say which answers would change under the rulebook in FILE (JSON). Nothing is published.

    Exit status 0 when none would, 1 when some would, 2 when it is refused or cannot be tried.
    """
    body: dict[str, Any] = {"rulebook": _read(file)}
    if questions is not None:
        body["questions"] = _read(questions)
    body |= {name: given for name, given in (("limit", limit), ("at", at)) if given is not None}
    found = _service(url, key).call("POST", "/v1/rulebook/dry-run", json.dumps(body).encode())
    if as_json:
        click.echo(json.dumps(found))
    else:
        _show(found)
    return CHANGES if found["changed"] else 0


@rulebook.command()
@service_options
@_FILE
@_JSON
def publish(*, url: str, key: str, file: Path, as_json: bool) -> None:
    """Put the rulebook in FILE (JSON) in force. One that is refused changes nothing."""
    answer = _service(url, key).call("PUT", "/v1/rulebook", json.dumps(_read(file)).encode())
    if as_json:
        click.echo(json.dumps(answer))
    else:
        click.echo(f"In force from entry {answer['receipt']['index']}: {answer['id']}")


@rulebook.command()
@click.argument("countries", nargs=-1, required=True, metavar="COUNTRY...")
@click.option("--from", "first", type=_YEARS, required=True, help="The first year.")
@click.option("--to", "last", type=_YEARS, required=True, help="The last year.")
def holidays(*, countries: tuple[str, ...], first: int, last: int) -> None:
    """Print the public holidays of countries, to be pinned in a rulebook under `holidays`.

    They hold throughout the country; read them before you publish. After the last year no day counts as a
    business day.
    """
    from holidays import country_holidays  # noqa: PLC0415 - large, and needed here alone

    pinned = {}
    for country in countries:
        try:
            days = country_holidays("GB" if country == "UK" else country, years=range(first, last + 1))
        except NotImplementedError:
            raise click.ClickException(
                f"no holidays are known of {country[:8]}: name countries as NL"
            ) from None
        pinned[country] = sorted(day.isoformat() for day in days)
    click.echo(json.dumps({"holidays": pinned}, indent=2))


def _service(url: str, key: str) -> Service:
    return Service(url, key, without="nothing was changed, try again", seconds=_SECONDS)


def _read(file: Path) -> Any:  # noqa: ANN401 - any JSON
    if not file.is_file():
        raise click.ClickException(f"there is no file {file}")
    with file.open("rb") as opened:
        raw = opened.read(_RULEBOOK_BYTES_MAX + 1)
    if len(raw) > _RULEBOOK_BYTES_MAX:
        raise click.ClickException(f"{file} is larger than a rulebook may be (1 MiB)")
    try:
        return json.loads(raw, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise click.ClickException(
            f"{file}: line {error.lineno}, column {error.colno}: this is not JSON ({error.msg})"
        ) from error
    except (ValueError, RecursionError) as error:
        raise click.ClickException(f"{file}: this is not the JSON of a rulebook ({error})") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=180)


def _show(found: dict[str, Any]) -> None:
    console = _console()
    if found["changes"]:
        table = Table("answers", "now", "then", "for example", box=SIMPLE_HEAD)
        for change in found["changes"]:
            first = change["sample"][0]
            table.add_row(
                str(change["count"]),
                _short(change["old"]),
                _short(change["new"]),
                f"{first['sender']} {first['category']} {first['channel']} to {first['subject_key'][:16]}…",
            )
        console.print(table)
    part = "" if found["complete"] else " (a part: raise --limit to see more)"
    click.echo(
        f"{found['changed']} of {found['questions']} answers would change;"
        f" {found['subjects_looked_at']} of {found['subjects']} subjects looked at{part}."
    )
    click.echo(f"Nothing was published. It would be {found['rulebook_tried']}.")


def _short(answer: dict[str, str]) -> Text:
    styles = {"allow": "green", "deny": "red", "none": "yellow"}
    return Text(f"{answer['decision']} {answer['reason_code']}", styles[answer["decision"]])
