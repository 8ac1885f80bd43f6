"""What the program really has, for whatever speaks of it elsewhere: commands, settings, routes, metrics."""

import inspect
import tomllib
from functools import cache
from typing import Any, Final

import click
from asyncpg import connect_utils
from prometheus_client import ProcessCollector
from prometheus_client.registry import Collector

from service.api.contract.operations import OPERATIONS
from service.cli.entry import cli
from service.delivery.sender import TOTAL_SECONDS
from service.settings import SettingsError, read_settings
from service.settings.reading import FILE, known_settings
from service.telemetry.delivery_metrics import DeliveryMetrics
from service.telemetry.metrics import Metrics
from service.telemetry.relay_metrics import RelayMetrics
from tests.support.containerfile import ROOT, Instruction, ours, values

LAST_STAGE: Final = 2
WEBHOOK_SECONDS: Final = TOTAL_SECONDS


@cache
def version() -> str:
    """The version in pyproject.toml."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def image_user() -> tuple[int, int]:
    """User and group that the image runs as."""
    (found,) = [one for one in ours() if _is_last(one, "USER")]
    user, _, group = found.argument.partition(":")
    return int(user), int(group)


def image_variable(name: str) -> str:
    """What the image sets this variable to."""
    return values(ours(), "ENV", LAST_STAGE)[name]


def routes() -> set[str]:
    """Every path that can be asked with GET."""
    return {path for method, path in OPERATIONS if method == "get"}


def refusal_of_arguments(arguments: list[str]) -> str | None:
    """Why the program would not take these arguments; None if it would."""
    command: click.Command = cli
    rest = list(arguments)
    while isinstance(command, click.Group):
        name = rest.pop(0) if rest else ""
        found = command.get_command(click.Context(command), name)
        if found is None or found.hidden or name.startswith("_"):
            return f"there is no command {name!r} ({' '.join(arguments)})"
        command = found
    try:
        command.make_parser(click.Context(command)).parse_args(rest)
    except click.UsageError as error:
        return error.format_message()
    return None


def refusal_of_variables(variables: dict[str, str]) -> list[str]:
    """What is wrong with these variables: unknown to us and to the database's driver, or a wrong value."""
    known = {setting.variable for setting in known_settings().values()}
    driver = inspect.getsource(connect_utils)
    unknown = [
        name
        for name in variables
        if not (
            name in known or name.removesuffix(FILE) in known or (name[:2] == "PG" and f"'{name}'" in driver)
        )
    ]
    try:
        read_settings({name: text for name, text in variables.items() if name in known})
    except SettingsError as error:
        return [*unknown, str(error)]
    return unknown


def setting(variables: dict[str, str], name: str) -> Any:  # noqa: ANN401 - of the setting's own type
    """The value of one setting under these variables; its default where theirs is wrong."""
    known = known_settings()[name]
    given = {key: text for key, text in variables.items() if key == known.variable}
    try:
        return getattr(read_settings(given), name)
    except SettingsError:
        return known.default


def metric_labels() -> dict[str, set[str]]:
    """The labels of every time series that the program exports, by its name."""
    metrics = Metrics()
    DeliveryMetrics(metrics)
    RelayMetrics(metrics, "main", "default")
    registered: dict[Collector, list[str]] = metrics.registry._collector_to_names  # noqa: SLF001 - lists them no other way
    found = {family.name: set[str]() for family in ProcessCollector(registry=None).collect()}
    for collector, names in registered.items():
        labels = set(getattr(collector, "_labelnames", ()))
        for name in names:
            if not name.endswith("_created") and not {f"{name}_total", f"{name}_bucket"} & set(names):
                found[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    # A counter's family lacks the ending that its samples have.
    return {
        "process_cpu_seconds_total" if name == "process_cpu_seconds" else name: labels
        for name, labels in found.items()
    }


def _is_last(one: Instruction, keyword: str) -> bool:
    return (one.keyword, one.stage) == (keyword, LAST_STAGE)
