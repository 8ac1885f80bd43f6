"""The guide to the rulebook says what is true: its snippets run, its table is that of the packs."""

import json
import re
from pathlib import Path

import click
import pytest

from service.cli.entry import cli
from service.core.law.pack import parse_pack
from service.core.law.rulebook import parse_rulebook
from service.ledger.packs import shipped_packs
from service.ledger.scenarios import MemoryLedger, read_cases, run_cases

PACKS = shipped_packs()
GUIDE = (Path(__file__).parents[2] / "docs" / "rulebook.md").read_text(encoding="utf-8")


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_rulebook_of_the_guide_is_accepted() -> None:
    (own,) = snippets("json")
    rulebook = parse_rulebook(json.loads(own), PACKS, known_senders=frozenset({"acme"}))
    assert rulebook.document.label == "autumn 2026"


async def test_the_cases_of_the_guide_come_out_as_it_says() -> None:
    (cases,) = snippets("yaml")
    results = [result async for result in run_cases(read_cases(cases.encode()), MemoryLedger(PACKS))]
    assert [result.as_expected for result in results] == [True, True]


def test_the_rule_of_the_guide_stands_in_its_pack() -> None:
    (rule,) = snippets("toml")
    shown = parse_pack(f'jurisdiction = "FR"\nname = "x"\nas_of = 2026-01-01\n{rule}'.encode()).rule[0]
    france = next(pack for pack in map(parse_pack, PACKS.values()) if pack.jurisdiction == "FR")
    (real,) = (own for own in france.rule if own.id == shown.id)
    assert (shown.citation, shown.hours, shown.valid_from) == (real.citation, real.hours, real.valid_from)


def test_every_figure_stands_in_the_table_as_it_is_in_the_packs() -> None:
    for figure in (figure for pack in map(parse_pack, PACKS.values()) for figure in pack.parameter):
        low, high = ("", "") if figure.nature == "statute" else (figure.minimum, figure.maximum)
        nature = figure.nature.replace("_", " ")
        assert f"| `{figure.name}` | {figure.default} | {nature} | {low} | {high} |" in GUIDE


@pytest.mark.parametrize("line", sorted(set(re.findall(r"consent-ledger ((?:rulebook )?[a-z]+)", GUIDE))))
def test_every_command_the_guide_names_exists(line: str) -> None:
    command: click.Command | None = cli
    for word in line.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
        assert command is not None
