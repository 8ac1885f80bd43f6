"""docs/operations.md: its commands exist, its tests exist, and what can be run on one machine runs."""

import re
import shlex
import shutil
from pathlib import Path

import click
import pytest

from service.cli.demo.theatre import Client
from service.cli.entry import cli
from tests.support.guides import ROOT, page, run_in_shell, snippets

GUIDE = "docs/operations.md"
PAGES = sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("docs/*.md"), ROOT / "README.md"))
_PROGRAM = re.compile(r"(?:^|[\s/`(|])consent-ledger ((?:[a-z][\w-]*|--?[a-z][\w-]*)[^`\n|#;&]*)")


def commands(text: str) -> list[list[str]]:
    """Every call of the program in a page, as words."""
    text = text.replace("\\\n", " ")
    return [_words(found) for found in _PROGRAM.findall(text)]


def _words(call: str) -> list[str]:
    try:
        return shlex.split(call)
    except ValueError:
        return call.split()


def resolved(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that these words call, and what is left of them."""
    command: click.Command = cli
    rest = list(words)
    while rest and isinstance(command, click.Group):
        found = command.get_command(click.Context(command), rest[0])
        if found is None:
            break
        command, rest = found, rest[1:]
    return command, rest


@pytest.mark.parametrize("name", PAGES)
def test_every_command_and_option_that_a_page_names_exists(name: str) -> None:
    for words in commands(page(name)):
        command, rest = resolved(words)
        assert command is not cli or rest[0] in ("--help", "--version"), words
        known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        asked = {word.partition("=")[0].rstrip(".,)") for word in rest if word.startswith("--")}
        assert asked <= known | {"--help"}, words


def test_every_test_that_the_guide_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", page(GUIDE))
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_every_link_of_the_guide_leads_somewhere() -> None:
    text = page(GUIDE)
    headings = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in _titles(text)}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, heading = target.partition("#")
        assert not path or (ROOT / "docs" / path).is_file(), target
        assert path or heading in headings, target


def _titles(text: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def test_the_escrow_drill_of_the_guide_runs_as_it_stands(client: Client, data: Path, tmp_path: Path) -> None:
    assert client.port
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    certificate = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN={0} -keyout {0}.key -out {0}.pem"
    )
    make = "\n".join(f"{certificate.format(who)} 2>&1" for who in ("officer", "notary"))
    drill = [each.text for each in snippets(page(GUIDE), "sh") if each.heading == "Back up"]
    ran = run_in_shell([make, *drill, "consent-ledger doctor"], tmp_path, CONSENT_LEDGER_DATA_DIR=str(data))
    assert "Encrypted to 2 certificates" in ran.printed[1]
    assert "subject.key, wrapping.key put into" in ran.printed[2]
    assert (tmp_path / "drill/keys/main/subject.key").read_bytes() == (
        data / "keys/main/subject.key"
    ).read_bytes()
    assert "0 faults" in ran.printed[3]
