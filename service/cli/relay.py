"""`consent-ledger relay`."""

from pathlib import Path
from typing import Any, Final, get_args

import click

from service.cli.options import database_options, settings_from
from service.core.events import SubmittedEvent
from service.delivery.relay import Course
from service.ledger.delivering.cloud_events import ERASED, Filter
from service.ledger.delivering.telling import View
from service.telemetry.logs import configure_logging
from service.wiring.relaying import publish

_TYPES: Final = (*sorted(str(kind.__struct_config__.tag) for kind in get_args(SubmittedEvent)), ERASED)


def _known(_context: click.Context, _parameter: click.Parameter, types: tuple[str, ...]) -> tuple[str, ...]:
    for name in types:
        if name not in _TYPES:
            raise click.BadParameter(f"{name!r} is no type of event: {', '.join(_TYPES)}")
    return types


@click.command()
@database_options
@click.option(
    "--to",
    "relay_url",
    metavar="URL",
    help="nats://HOST:4222, tls://HOST:4222 or kafka://HOST:9092; more hosts behind commas. Also read from"
    " CONSENT_LEDGER_RELAY_URL, where a password in it is seen by nobody else.",
)
@click.option(
    "--topic", "relay_topic", help="Kafka's topic, or what NATS subjects begin with. [consent.events]"
)
@click.option("--name", "relay_name", help="Under which it remembers how far it is. [default]")
@click.option(
    "--credentials",
    "relay_credentials",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A .creds file for NATS; for Kafka a file of client properties (name=value).",
)
@click.option(
    "--type", "types", multiple=True, callback=_known, help="Which events; repeatable. [default: all]"
)
@click.option("--sender", "senders", multiple=True, help="Of which senders; repeatable. [default: all]")
@click.option("--category", "categories", multiple=True, help="Repeatable. [default: all]")
@click.option("--channel", "channels", multiple=True, help="Repeatable. [default: all]")
@click.option("--source", help="Tell this source's own id for each person. [default: none]")
@click.option(
    "--after",
    type=click.IntRange(0),
    help="Where a new one begins: after this position. [default: from now on]",
)
def relay(*, source: str | None, after: int | None, **options: Any) -> None:  # noqa: ANN401 - options
    """Publish every event of a ledger to a message broker, until SIGTERM or Ctrl-C.

    At least once, in order for each person; what is repeated has the same id (Nats-Msg-Id, or the header
    ce_id). How far it is, it remembers under its name, after the broker's acknowledgement only. Several of
    one name may run: one publishes, the others take over when it dies. Addresses are never published.
    Logs are JSON lines on standard error.
    """
    kinds = [frozenset(options.pop(kind)) for kind in ("types", "senders", "categories", "channels")]
    settings = settings_from(**options)
    configure_logging()
    publish(settings, Course(settings.relay_name, Filter(*kinds), View(source=source), after))
