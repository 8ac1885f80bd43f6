"""The options that say which database: known to commands that may do without one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


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
