"""`consent-ledger rulebook` and `check --explain` against a running service."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.cli.demo.theatre import Client
from service.cli.entry import run
from tests.support.http_service import JANE, grant
from tests.support.own_service import opened
from tests.support.program_nursery import Nursery

OWN: dict[str, Any] = {
    "schema": 1,
    "label": "autumn",
    "default_jurisdiction": "NL",
    "categories": {"marketing": {}, "newsletter": {"parent": "marketing"}},
    "parameters": [{"name": "consent.max_idle_months", "value": 1}],
}
Told = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def client(data: Path, nursery: Nursery) -> Iterator[Client]:
    with opened(nursery, data) as started:
        started.post("/v1/senders", {"id": "acme", "legal_name": "Acme B.V.", "country": "NL"})
        started.post("/v1/events", grant())
        made = nursery.run("keys", "create", "--data", str(data), "--scope", "all", "--json")
        yield Client(started.port, json.loads(made.stdout)["key"])


@pytest.fixture
def told(client: Client, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Told:
    """Run a command against the service: its status, output and errors."""
    monkeypatch.setenv("CONSENT_LEDGER_URL", f"http://127.0.0.1:{client.port}")
    monkeypatch.setenv("CONSENT_LEDGER_KEY", client.key)

    def tell(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        status = run(arguments)
        output, errors = capfd.readouterr()
        return status, output, errors

    return tell


@pytest.fixture
def own(tmp_path: Path) -> str:
    file = tmp_path / "autumn.json"
    file.write_text(json.dumps(OWN), encoding="utf-8")
    return str(file)


def test_a_rulebook_is_tried_published_listed_and_shown(told: Told, own: str) -> None:
    status, output, errors = told("rulebook", "try", own)
    assert status == 1, errors
    assert "allow CONSENT" in output
    assert "deny CONSENT_STALE" in output
    assert re.search(
        r"^1 of \d+ answers would change; (\d+) of \1 subjects looked at\.$", output, re.MULTILINE
    )
    assert "Nothing was published." in output
    tried = json.loads(told("rulebook", "try", own, "--json")[1])["rulebook_tried"]
    assert "default" in told("rulebook", "list")[1]
    before = json.loads(told("rulebook", "list", "--json")[1])["items"][-1]["id"]
    status, output, errors = told("rulebook", "publish", own)
    assert (status, output.split()[-1:]) == (0, [tried]), errors
    assert json.loads(told("rulebook", "show")[1])["label"] == "autumn"
    assert "label" not in json.loads(told("rulebook", "show", before)[1])  # it has its default
    assert told("rulebook", "try", own)[0] == 0


def test_given_questions_are_tried(told: Told, own: str, tmp_path: Path) -> None:
    asked = {"sender": "acme", "category": "newsletter", "channel": "email", "kind": "commercial"}
    questions = tmp_path / "questions.json"
    questions.write_text(json.dumps([asked | {"address": JANE}]), encoding="utf-8")
    found = json.loads(told("rulebook", "try", own, "--questions", str(questions), "--json")[1])
    assert found["questions"] == 1


def test_what_is_refused_is_one_line_with_the_place_and_the_reason(told: Told, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    statutory = {"schema": 1, "parameters": [{"name": "ie.customer_months", "value": 24}]}
    file.write_text(json.dumps(statutory), encoding="utf-8")
    for command in ("try", "publish"):
        status, _, errors = told("rulebook", command, str(file))
        assert (status, errors.count("\n")) == (2, 1)
        assert "/parameters/0/value: ie.customer_months is the law's own figure" in errors


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "line 1, column 1"),
        (b'{"schema": 1,\n"name"}', "line 2, column 7"),
        (b'{"schema": 1, "schema": 1}', "a key stands twice"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not the JSON"),
        (b" " * 1_100_000, "larger than a rulebook"),
    ],
)
def test_a_file_that_is_no_json_is_one_line(told: Told, tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "bad.json"
    file.write_bytes(content)
    status, _, errors = told("rulebook", "try", str(file))
    assert (status, errors.count("\n")) == (2, 1)
    assert says in errors


def test_a_file_or_a_rulebook_that_is_not_there_is_one_line(told: Told) -> None:
    for arguments in (
        ("try", "nowhere.json"),
        ("publish", "nowhere.json"),
        ("show", "0" * 64),
        ("show", "../x"),
    ):
        status, _, errors = told("rulebook", *arguments)
        assert (status, errors.count("\n")) == (2, 1)


def test_public_holidays_are_printed_ready_to_be_pinned(told: Told) -> None:
    status, output, _ = told("rulebook", "holidays", "NL", "UK", "--from", "2026", "--to", "2027")
    pinned = json.loads(output)["holidays"]
    assert status == 0
    assert "2026-12-25" in pinned["NL"]
    assert "2027-01-01" in pinned["UK"]
    assert told("rulebook", "holidays", "ZZ", "--from", "2026", "--to", "2027")[0] == 2


CHECK = ("--sender", "acme", "--category", "newsletter", "--country", "NL", "--recipient", "consumer")


def test_an_explanation_is_a_text_and_the_steps_with_entries_and_rule(told: Told) -> None:
    status, output, errors = told("check", "nobody@example.org", *CHECK, "--explain")
    assert status == 1, errors
    assert output.startswith("DENY (NO_BASIS)")
    assert "There is no consent and no other ground for this message." in output
    assert "\x1b" not in output
    status, output, _ = told("check", JANE["value"], *CHECK, "--explain", "nl")
    assert "Een grond voor het bericht" in output
    assert "nl.consent" in output


@pytest.mark.parametrize(
    "command", [("rulebook",), ("rulebook", "try"), ("rulebook", "publish"), ("scenarios",)]
)
def test_every_command_explains_itself(told: Told, command: tuple[str, ...]) -> None:
    status, output, _ = told(*command, "--help")
    assert status == 0
    assert "Usage" in output
