"""`consent-ledger subscriptions`: webhooks of the ledger, also while the service runs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from service.api.deliveries import attempt_view, delivery_view
from service.api.subscriptions import view
from service.api.times import milliseconds_of
from service.cli.options import database_options, settings_from
from service.ledger.delivering.cloud_events import Filter
from service.ledger.delivering.deliveries import Lane
from service.ledger.delivering.signatures import OVERLAP_DEFAULT_S, OVERLAP_MAX_S
from service.ledger.delivering.subscriptions import Definition, Span, State, Subscription, Subscriptions
from service.wiring.database import database, make_fit
from service.wiring.ledgers import open_parts

T = TypeVar("T")
Options = dict[str, Any]
_LANES: tuple[Lane, ...] = ("live", "replay", "control")
_STATES: tuple[State, ...] = ("waiting", "done", "dead")


@click.group()
def subscriptions() -> None:
    """Begin, look at, pause, resume and end webhooks."""


_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _shared(command: Callable[..., None]) -> Callable[..., None]:
    return database_options(_json(command))


def _moment(_: click.Context, __: click.Parameter, text: str | None) -> int | None:
    """A time of the command line, in milliseconds."""
    try:
        return None if text is None else milliseconds_of(datetime.fromisoformat(text))
    except (ValueError, TypeError):
        raise click.BadParameter("a time with its zone, as in 2026-11-23T10:15:00Z") from None


@subscriptions.command()
@_shared
@click.option("--name", required=True, help="What it is for, in your words.")
@click.option("--url", required=True, help="Where events are to be sent; https.")
@click.option("--type", "types", multiple=True, help="Which events; repeatable. [default: all]")
@click.option("--sender", "senders", multiple=True, help="Of which senders; repeatable. [default: all]")
@click.option("--category", "categories", multiple=True, help="Repeatable. [default: all]")
@click.option("--channel", "channels", multiple=True, help="Repeatable. [default: all]")
@click.option("--with-address", is_flag=True, help="Tell the address each event concerns.")
@click.option("--source", help="Tell this source's own id for each person. [default: none]")
@click.option("--after", type=click.IntRange(0), help="Begin after this position. [default: from now on]")
def create(*, as_json: bool, name: str, url: str, **options: Any) -> None:  # noqa: ANN401 - options
    """Begin one, and print its secret: it cannot be shown again."""
    kinds = [frozenset(options.pop(kind)) for kind in ("types", "senders", "categories", "channels")]
    shown = (options.pop(option) for option in ("with_address", "after", "source"))
    asked = Definition(name, url, Filter(*kinds), *shown)

    async def work(use: Subscriptions) -> dict[str, Any]:
        found, secret = await use.create(asked)
        return {**_body(found, await use.head()), "secret": secret}

    made = _run(work, options)
    if as_json:
        _print_json(made)
        return
    click.echo(f"{made['id']}\n{made['secret']}")
    click.echo("Pending until its endpoint answers. The secret will not be shown again.", err=True)


@subscriptions.command(name="list")
@_shared
def list_all(*, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - options
    """List them, with what each has waiting."""

    async def work(use: Subscriptions) -> list[dict[str, Any]]:
        head = await use.head()
        return [_body(found, head) for found in await use.list()]

    _show(
        _run(work, options),
        ("id", "name", "url", "status", "backlog", "consecutive_failures", "last_success_at"),
        as_json=as_json,
    )


@subscriptions.command()
@_shared
@click.argument("subscription_id")
def show(*, as_json: bool, subscription_id: str, **options: Any) -> None:  # noqa: ANN401 - options
    """Show one: how far it is behind and how its endpoint has been answering."""
    _one(lambda use: use.read(subscription_id), options, as_json=as_json)


@subscriptions.command()
@_shared
@click.argument("subscription_id")
def pause(*, as_json: bool, subscription_id: str, **options: Any) -> None:  # noqa: ANN401 - options
    """Stop deliveries; what happens meanwhile waits."""
    _one(lambda use: use.pause(subscription_id), options, as_json=as_json)


@subscriptions.command()
@_shared
@click.argument("subscription_id")
def enable(*, as_json: bool, subscription_id: str, **options: Any) -> None:  # noqa: ANN401 - options
    """Resume where it stopped: nothing is left out."""
    _one(lambda use: use.enable(subscription_id), options, as_json=as_json)


@subscriptions.command()
@_shared
@click.argument("subscription_id")
def delete(*, as_json: bool, subscription_id: str, **options: Any) -> None:  # noqa: ANN401 - options
    """End it, with everything that is on its way."""
    _run(lambda use: use.delete(subscription_id), options)
    _print_json({"deleted": subscription_id}) if as_json else click.echo("Deleted.")


@subscriptions.command()
@_shared
@click.argument("subscription_id")
@click.option(
    "--overlap",
    type=click.IntRange(0, OVERLAP_MAX_S),
    default=OVERLAP_DEFAULT_S,
    show_default=True,
    help="Seconds for which the secret before signs on.",
)
@click.option("--force", is_flag=True, help="Also while an earlier overlap is open.")
def rotate(*, as_json: bool, subscription_id: str, overlap: int, force: bool, **options: Any) -> None:  # noqa: ANN401 - options
    """Make a new secret and print it: it cannot be shown again."""
    secret = _run(lambda use: use.rotate(subscription_id, overlap, force=force), options)
    _print_json({"secret": secret}) if as_json else click.echo(secret)


@subscriptions.command()
@_shared
@click.argument("subscription_id")
def test(*, as_json: bool, subscription_id: str, **options: Any) -> None:  # noqa: ANN401 - options
    """Send a test event, once, and print its id."""
    event_id = _run(lambda use: use.test(subscription_id), options)
    _print_json({"event_id": event_id}) if as_json else click.echo(event_id)


@subscriptions.command()
@_shared
@click.argument("subscription_id")
@click.argument("url")
def move(*, as_json: bool, subscription_id: str, url: str, **options: Any) -> None:  # noqa: ANN401 - options
    """Send to URL from now on, once it has answered a verification; nothing is lost meanwhile."""
    _one(lambda use: use.move(subscription_id, url), options, as_json=as_json)


@subscriptions.command()
@_shared
@click.argument("subscription_id")
@click.argument("first", type=click.IntRange(0), required=False)
@click.argument("last", type=click.IntRange(0), required=False)
@click.option("--from", "since", callback=_moment, metavar="TIME", help="From then on, in place of FIRST.")
@click.option("--until", callback=_moment, metavar="TIME", help="Up to this time, in place of LAST.")
@click.option("--only-dead", is_flag=True, help="Those only that were given up.")
def replay(*, as_json: bool, subscription_id: str, only_dead: bool, **options: Any) -> None:  # noqa: ANN401 - options
    """Send positions FIRST to LAST again, slowly, or what was recorded between two times (RFC 3339).

    Without LAST or --until it goes up to the newest event.
    """
    span = Span(*(options.pop(name) for name in ("first", "last", "since", "until")))
    count = _run(lambda use: use.replay(subscription_id, span, only_dead=only_dead), options)
    _print_json({"deliveries": count}) if as_json else click.echo("Under way.")


@subscriptions.command()
@_shared
@click.argument("subscription_id")
@click.option("--lane", type=click.Choice(_LANES), default="live", show_default=True)
@click.option("--state", type=click.Choice(_STATES))
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def deliveries(
    *,
    as_json: bool,
    subscription_id: str,
    lane: Lane,
    state: State | None,
    limit: int,
    **options: Any,  # noqa: ANN401 - options
) -> None:
    """List deliveries, newest first."""

    async def work(use: Subscriptions) -> list[dict[str, Any]]:
        rows = await use.deliveries(subscription_id, lane, 2**62, state, limit)
        return [delivery_view(row) for row in rows]

    _show(
        _run(work, options),
        ("position", "type", "state", "attempts", "recorded_at", "next_attempt_at"),
        as_json=as_json,
    )


@subscriptions.command()
@_shared
@click.argument("subscription_id")
@click.argument("position", type=click.IntRange(0))
@click.option("--lane", type=click.Choice(_LANES), default="live", show_default=True)
def attempts(*, as_json: bool, subscription_id: str, position: int, lane: Lane, **options: Any) -> None:  # noqa: ANN401 - options
    """List the attempts at one delivery."""

    async def work(use: Subscriptions) -> list[dict[str, Any]]:
        return [attempt_view(row) for row in await use.attempts(subscription_id, lane, position)]

    _show(
        _run(work, options),
        ("attempt", "started_at", "ended_at", "outcome", "status", "answer"),
        as_json=as_json,
    )


def _run(work: Callable[[Subscriptions], Awaitable[T]], options: Options) -> T:
    settings = settings_from(**options)

    async def on_parts(dsn: str) -> T:
        async with open_parts(settings, dsn) as parts:
            return await work(parts.subscriptions)

    with database(settings) as dsn:
        make_fit(dsn, may_upgrade=False)
        return asyncio.run(on_parts(dsn))


def _one(
    work: Callable[[Subscriptions], Awaitable[Subscription]], options: Options, *, as_json: bool
) -> None:
    async def body(use: Subscriptions) -> dict[str, Any]:
        return _body(await work(use), await use.head())

    found = _run(body, options)
    if as_json:
        _print_json(found)
    else:
        for name, value in found.items():
            click.echo(f"{name}: {'' if value is None else value}")


def _show(rows: Sequence[dict[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        _print_json(rows)
        return
    table = Table(*(name.replace("_", " ") for name in columns))
    for row in rows:
        table.add_row(*("" if row[name] is None else str(row[name]) for name in columns))
    Console().print(table)


def _body(found: Subscription, head: int) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.to_builtins(view(found, head))
    return body


def _print_json(body: object) -> None:
    click.echo(msgspec.json.encode(body))
