"""One line for each figure: what was measured, the ceiling of the same run, the ratio of the two, the aim."""

from collections.abc import Iterable
from typing import NamedTuple

from rich.console import Console
from rich.table import Table


class Line(NamedTuple):
    """A figure as it is shown. `ceiling` and `ratio` are empty where there is nothing to compare with."""

    what: str
    figure: str
    ceiling: str = ""
    ratio: str = ""
    aim: str = ""


def line(
    what: str, figure: tuple[float, str], ceiling: tuple[float, str] | None = None, aim: str = ""
) -> Line:
    """A figure beside its ceiling, each a number and what it counts: `(1900, "/s")`."""
    number, unit = figure
    shown = f"{number:,.0f}{unit}"
    if ceiling is None:
        return Line(what, shown, aim=aim)
    return Line(what, shown, f"{ceiling[0]:,.0f}{ceiling[1]}", f"{number / ceiling[0]:.2f}", aim)


def show(title: str, lines: Iterable[Line]) -> None:
    """Print the table."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("measured", overflow="fold")
    for name in ("figure", "ceiling of this run", "ratio", "aim"):
        table.add_column(name, justify="right", no_wrap=name != "aim")
    for each in lines:
        table.add_row(*each)
    Console(width=132, highlight=False).print(table)
