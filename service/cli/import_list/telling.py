"""What an import found and did, for people and for programs."""

import json
from typing import Any, Final

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from service.cli.import_list.job import Counts
from service.cli.import_list.reading import Sheet
from service.ledger.importing.mapping import ColumnMap

_WIDTH: Final = 120
_MEANT: Final = {
    "A": ("text, time, act and origin", "as the rulebook says of a consent"),
    "B": (
        "time, act and origin, no text",
        "no (CONSENT_UNPROVEN), unless --form names what was shown",
    ),
    "C": ("a date, by the list's word", "no (CONSENT_UNPROVEN)"),
    "D": ("a flag, or only an address", "no (CONSENT_UNPROVEN, IMPORTED_WITHOUT_PROOF)"),
    "no": ("the person said no", "no, for good"),
    "bounced": ("the address is dead", "no"),
}

_LEAVING: Final = frozenset({"status", "opt_out", "opted_out_at", "complaint"})


def console() -> Console:
    """Where people are told things beside the result."""
    found = Console(stderr=True, highlight=False)
    return found if found.is_terminal else Console(stderr=True, highlight=False, width=_WIDTH)


def show_columns(say: Console, sheet: Sheet, mapping: ColumnMap) -> None:
    """How the list was read, before anything is done with it."""
    kind = "lines of JSON" if sheet.as_json else f"delimiter {json.dumps(sheet.delimiter)}"
    say.print(Text(f"{sheet.path}: {sheet.rows:,} rows, {sheet.encoding}, {kind}."))
    if sheet.guessed:
        say.print(Text(f"It is no UTF-8: read as {sheet.encoding}. Say --encoding if that is wrong."))
    how = "guessed from their names; --map or --mapping says otherwise" if mapping.guessed else mapping.name
    say.print(Text(f"Its columns ({how}):"))
    table = Table("column", "means", box=SIMPLE_HEAD)
    meant = {heading: meaning for meaning, found in mapping.columns.items() for heading in found}
    for heading in sheet.header:
        table.add_row(Text(heading), Text(meant.get(heading, "kept as evidence")))
    say.print(table)
    if mapping.always is None and not mapping.columns.keys() & _LEAVING:
        say.print(Text("No column tells who said no. If one does, say so, as --map opt_out=COLUMN.", "bold"))
    if mapping.always is not None:
        say.print(Text(f"A row that tells no status is taken for {mapping.always}."))


def show_counts(counts: Counts, *, repeated: int | None, rejects: str | None) -> None:
    """What rows there were, by what they show."""
    table = Table("", "rows show", "rows", "the ledger answers", box=SIMPLE_HEAD)
    table.columns[2].justify = "right"
    for verdict, number in counts.verdicts.items():
        shows, answer = _MEANT[verdict]
        table.add_row(verdict, shows, f"{number:,}", answer)
    where = f"in {rejects}, to be mended" if rejects else "to be mended"
    table.add_row("-", "nothing that can be read", f"{counts.refused:,}", where if counts.refused else "")
    out = Console(highlight=False)
    out = out if out.is_terminal else Console(highlight=False, width=_WIDTH)
    out.print(table)
    told = ", ".join(f"{number:,} {kind}" for kind, number in sorted(counts.events.items()))
    out.print(Text(f"{counts.rows:,} rows. Events: {told or 'none'}."))
    if repeated is None:
        out.print(Text(f"{counts.recorded:,} events are new, {counts.known:,} were known."))
    elif repeated:
        out.print(Text(f"{repeated:,} events say what an earlier row says, and count once."))
    for place, problem in counts.problems:
        out.print(Text(f"line {place}: {problem}"))
    if counts.refused > len(counts.problems):
        out.print(Text(f"… and {counts.refused - len(counts.problems):,} more."))


def as_json(counts: Counts, **more: Any) -> None:  # noqa: ANN401 - JSON values
    """The same, for programs."""
    told = {
        "rows": counts.rows,
        **counts.verdicts,
        "refused": counts.refused,
        "events": counts.events,
        "problems": [{"line": place, "problem": problem} for place, problem in counts.problems],
    }
    click.echo(json.dumps(told | more))
