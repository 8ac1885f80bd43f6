"""`consent-ledger keys wrapping`: the key that wraps what is sealed gives way to another, step by step."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.cli.options import database_options, settings_from
from service.wiring.database import database, make_fit
from service.wiring.replacing import Replacement, Status, Step, replacement

_RESTART = "restart every process, one after the other (machines with keys of their own need the same first)"
_KEY = click.argument("key", required=False)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def wrapping() -> None:
    """Replace the wrapping key while the service runs: add, switch, rewrap, retire.

    Each step refuses to come too early, says what comes next, and may be repeated. docs/operations.md has the
    whole procedure, also for a key that leaked.
    """


@wrapping.command()
@database_options
@_JSON
def status(*, as_json: bool, **options: Any) -> int:  # noqa: ANN401 - the database's
    """Say which keys there are, who holds them, and how much is sealed under each. Changes nothing."""
    with _bar("Looking") as told:
        found: Status = _on(lambda work: work.status(told), **options)
    _say_status(found, as_json=as_json)
    return 0


@wrapping.command()
@database_options
@_JSON
def add(*, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - the database's
    """Make a new key, and put it last: it opens, and seals nothing yet."""

    async def work(replacing: Replacement) -> Step:
        return replacing.add()

    step: Step = _on(work, **options)
    after = f"Put it into escrow (`keys escrow`), {_RESTART}, and go on with `keys wrapping switch`."
    _say(step, f"Key {step.key} stands last; {step.ring.ids[0]} seals. {after}", as_json=as_json)


@wrapping.command()
@database_options
@_JSON
@_KEY
def switch(*, key: str | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - the database's
    """Put KEY (or the last one) first: it seals from now on. Refuses while a process runs that lacks it."""
    step: Step = _on(lambda work: work.switch(key), **options)
    after = f"Now {_RESTART}, and go on with `keys wrapping rewrap`."
    _say(step, f"Key {step.key} stands first, and seals. {after}", as_json=as_json)


@wrapping.command()
@database_options
@_JSON
def rewrap(*, as_json: bool, **options: Any) -> int:  # noqa: ANN401 - the database's
    """Seal under the first key whatever another has sealed, beside running services.

    Killed, the same command goes on. Exit status 1 while something is left: somebody wrote it meanwhile, or a
    process was not restarted yet.
    """
    with _bar("Sealing anew") as told:
        found: Status = _on(lambda work: work.rewrap(told), **options)
    _say_status(found, as_json=as_json)
    left = found.found.rows - found.found.by_key[found.ring.ids[0]]
    if not left:
        click.echo("Nothing is left. What leaked leaves the pages with `consent-ledger scrub`.", err=True)
    return int(left > 0)


@wrapping.command()
@database_options
@_JSON
@click.option(
    "--now", "at_once", is_flag=True, help="Do not wait until tokens of exports that it made are over."
)
@_KEY
def retire(*, key: str | None, at_once: bool, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - the database's
    """Take KEY (or the one that does not seal) out. Refuses while anything is sealed under it.

    Unsubscribe links that were made under it go on working: what they need goes into unsubscribe.key.
    """
    step: Step = _on(lambda work: work.retire(key, at_once=at_once), **options)
    after = (
        f"Now {_RESTART}. Backups of the database from before need it: keep it in an escrow until the last of"
        " them is gone, and then destroy it."
    )
    _say(step, f"Key {step.key} is taken out. {after}", as_json=as_json)


def _on(work: Callable[[Replacement], Awaitable[Any]], **options: object) -> Any:  # noqa: ANN401 - what it returns
    settings = settings_from(**options)

    async def run(dsn: str) -> object:
        async with replacement(settings, dsn) as replacing:
            return await work(replacing)

    with database(settings) as dsn:
        make_fit(dsn, may_upgrade=False)
        return asyncio.run(run(dsn))


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _say(step: Step, told: str, *, as_json: bool) -> None:
    """Secrets, where the operator has to put them somewhere, go to standard output; the rest does not."""
    if as_json:
        put = {each.where: each.text for each in step.unkept}
        click.echo(msgspec.json.encode({"key": step.key, "keys": step.ring.ids, "put": put}))
        return
    for each in step.unkept:
        click.echo(f"{each.where}:\n{each.text.rstrip()}")
    if step.unkept:
        click.echo("It cannot be written from here: put what is printed above where it says.", err=True)
    click.echo(told, err=True)


def _say_status(status: Status, *, as_json: bool) -> None:
    found = status.found
    if as_json:
        keys = [{"key": key, "rows": found.by_key[key]} for key in status.ring.ids]
        processes = [{"process": each.process, "keys": each.keys} for each in status.holders]
        counts = {"unopened": dict(found.unopened), "replaced": found.replaced, "missed": found.missed}
        click.echo(msgspec.json.encode({"keys": keys, "processes": processes, **counts}))
        return
    for place, key in enumerate(status.ring.ids):
        what = "opens, and seals" if not place else "opens"
        click.echo(f"{key} {what}; {found.by_key[key]:,} rows are sealed under it")
    for table, rows in found.unopened.items():
        click.echo(f"{rows:,} rows of {table} open with none of them: put the key back that sealed them")
    for each in status.holders:
        click.echo(f"{each.process}: holds {', '.join(each.keys)}; {each.keys[0]} seals there")
