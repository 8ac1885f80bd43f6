"""Options that several commands share, and the settings they make."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from service.settings import Settings, read_settings

F = TypeVar("F", bound=Callable[..., Any])

# For those who ask a service, not for the service itself.
_CLIENT_VARIABLES = ("CONSENT_LEDGER_KEY", "CONSENT_LEDGER_URL")


def database_options(command: F) -> F:
    """`--data`, `--database-url` and `--ledger`: the same database that `serve` uses with them."""
    for option in (
        click.option("--ledger", metavar="NAME", help="Which ledger. [default: main]"),
        click.option(
            "--database-url",
            metavar="URL",
            help="A PostgreSQL of your own, instead of the embedded one. Also read from DATABASE_URL.",
        ),
        click.option(
            "--data",
            "data_dir",
            metavar="DIR",
            type=click.Path(file_okay=False, path_type=Path),
            help="Where keys, high-water mark and the embedded database are kept. [default: var]",
        ),
    ):
        command = option(command)
    return command


def settings_from(**overrides: object) -> Settings:
    """The settings of the environment, with what was given on the command line.

    Raises `service.settings.SettingsError`.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _CLIENT_VARIABLES}
    data_dir = overrides.get("data_dir")
    if isinstance(data_dir, Path):
        overrides["data_dir"] = data_dir.absolute()
    return read_settings(environment, **overrides)
