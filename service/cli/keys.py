"""`consent-ledger keys`: API keys of the ledger, also while the service runs."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from service.api.callers.key_desk import KEY_DAYS_MAX, KeyInfo, NewKey
from service.api.callers.principal import SCOPES, SOURCE, Quota, is_scope
from service.cli.escrowed_keys import escrow, recover
from service.cli.options import database_options, settings_from
from service.cli.signing_keys import retire_signing, rotate_signing
from service.cli.wrapping_keys import wrapping
from service.core.errors import NotFoundError
from service.settings import Settings
from service.storage.access import AccessStore
from service.wiring.clock import now_ms
from service.wiring.compose import default_quota, open_access
from service.wiring.database import database, make_fit
from service.wiring.key_ring import StoredKeyDesk
from service.wiring.ledgers import ensure_ledger

ALL = "all"


class Scope(click.ParamType[str]):
    """A scope, or `all` of those that have a fixed name."""

    name = "scope"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """What `--help` says may stand here."""
        del param, ctx
        return f"[{'|'.join((*SCOPES, ALL, SOURCE))}NAME]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The scope; fails for what is none."""
        if value != ALL and not is_scope(value):
            self.fail(f"{value!r} is not one of {', '.join((*SCOPES, ALL, SOURCE))}NAME", param, ctx)
        return value


_QUOTA = click.IntRange(1, 2**31 - 1)


@click.group()
def keys() -> None:
    """Make, list and revoke API keys; rotate the keys that sign the log and that wrap what is sealed."""


keys.add_command(rotate_signing)
keys.add_command(retire_signing)
keys.add_command(escrow)
keys.add_command(recover)
keys.add_command(wrapping)


@keys.command()
@database_options
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=Scope(),
    help="What the key may do; repeatable. source:NAME: it is told that source's own ids for people.",
)
@click.option(
    "--label",
    default="",
    help="Which client it is for: a client has at most two live keys, the present one and the next.",
)
@click.option("--requests-per-minute", type=_QUOTA, help="Its own quota. [default: the service's]")
@click.option("--addresses-per-day", type=_QUOTA, help="The same, of different addresses asked about.")
@click.option(
    "--days", type=click.IntRange(1, KEY_DAYS_MAX), default=90, show_default=True, help="Until it expires."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def create(  # noqa: PLR0913 - one a flag
    *,
    data_dir: Path | None,
    database_url: str | None,
    ledger: str | None,
    scopes: tuple[str, ...],
    label: str,
    requests_per_minute: int | None,
    addresses_per_day: int | None,
    days: int,
    as_json: bool,
) -> None:
    """Make a key and print it: it is not kept, and cannot be shown again."""
    wanted = frozenset(scopes) - {ALL} | (frozenset(SCOPES) if ALL in scopes else frozenset())

    async def work(settings: Settings, access: AccessStore) -> tuple[str, KeyInfo]:
        default = default_quota(settings)
        quota = Quota(
            requests_per_minute or default.requests_per_minute, addresses_per_day or default.addresses_per_day
        )
        own = quota if requests_per_minute or addresses_per_day else None
        row = await ensure_ledger(settings, access)
        desk = StoredKeyDesk(access, now_ms, os.urandom, default)
        return await desk.issue(row.ledger_id, NewKey(label, wanted, days, own))

    text, info = _run(work, data_dir=data_dir, database_url=database_url, ledger=ledger)
    if as_json:
        click.echo(msgspec.json.encode({"key": text, **_body(info)}))
    else:
        click.echo(text)
        click.echo(f"Expires {_time(info.expires_at_ms)}. It will not be shown again.", err=True)


@keys.command(name="list")
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_keys(*, data_dir: Path | None, database_url: str | None, ledger: str | None, as_json: bool) -> None:
    """List the keys of the ledger; never their secrets."""

    async def work(settings: Settings, access: AccessStore) -> list[KeyInfo]:
        desk = StoredKeyDesk(access, now_ms, os.urandom, default_quota(settings))
        return await desk.keys((await access.ledger(settings.ledger)).ledger_id)

    rows = _run(work, data_dir=data_dir, database_url=database_url, ledger=ledger)
    if as_json:
        click.echo(msgspec.json.encode([_body(row) for row in rows]))
        return
    table = Table("id", "label", "scopes", "expires", "last used", "revoked")
    for row in rows:
        table.add_row(
            row.key_id,
            row.label,
            " ".join(sorted(row.scopes)),
            _time(row.expires_at_ms),
            _time(row.last_used_at_ms),
            _time(row.revoked_at_ms),
        )
    Console().print(table)


@keys.command()
@database_options
@click.argument("key_id")
def revoke(*, data_dir: Path | None, database_url: str | None, ledger: str | None, key_id: str) -> None:
    """Revoke the key with this id. A running service refuses it within a second."""

    async def work(settings: Settings, access: AccessStore) -> bool:
        ledger_id = (await access.ledger(settings.ledger)).ledger_id
        known = {row.key_id for row in await access.keys(ledger_id)}
        if key_id not in known:
            raise NotFoundError("there is no key of this id: see `consent-ledger keys list`")
        return await access.revoke_key(ledger_id, key_id, now_ms())

    fresh = _run(work, data_dir=data_dir, database_url=database_url, ledger=ledger)
    click.echo("Revoked." if fresh else "It was revoked before.")


def _run(work: Any, **options: object) -> Any:  # noqa: ANN401 - whatever the work returns
    """Do work on the ledger's keys, in the database the options name."""
    settings = settings_from(**options)

    async def on_access(dsn: str) -> object:
        async with open_access(dsn) as access:
            return await work(settings, access)

    with database(settings) as dsn:
        make_fit(dsn, may_upgrade=False)
        return asyncio.run(on_access(dsn))


def _body(row: KeyInfo) -> dict[str, object]:
    return {
        "id": row.key_id,
        "label": row.label,
        "scopes": sorted(row.scopes),
        "created_at": _time(row.created_at_ms),
        "expires_at": _time(row.expires_at_ms),
        "revoked_at": _time(row.revoked_at_ms) or None,
        "last_used_at": _time(row.last_used_at_ms) or None,
        "requests_per_minute": row.quota.requests_per_minute,
        "addresses_per_day": row.quota.addresses_per_day,
    }


def _time(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
