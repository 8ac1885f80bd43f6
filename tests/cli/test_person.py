"""`consent-ledger erase`, `audit` and `scrub`, as an operator and a privacy officer use them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from service.cli.demo.theatre import Client
from tests.support.http_service import grant
from tests.support.program_nursery import Nursery, own_environment


class Said(NamedTuple):
    """What a run said."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Said]

PAUL = {"kind": "email", "value": "paul@example.org"}


@pytest.fixture
def run(nursery: Nursery) -> Run:
    def running(client: Client, data: Path, *arguments: str, text: str = "") -> Said:
        where = f"http://127.0.0.1:{client.port}"
        own_settings = own_environment(CONSENT_LEDGER_URL=where, CONSENT_LEDGER_KEY=client.key)
        own = ("--data", str(data)) if arguments[0] in ("audit", "scrub") else ()
        done = nursery.run(*arguments, *own, text=text.encode(), environment=own_settings)
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    return running


@pytest.fixture(scope="module")
def told(client: Client, data: Path, nursery: Nursery) -> Client:
    """The service, as the privacy officer's key may use it; it holds Paul's yes."""
    client.post("/v1/events", grant("paul-1", address=PAUL))
    scopes = ("--scope", "subject:erase", "--scope", "subject:read")
    made = nursery.run("keys", "create", "--data", str(data), "--json", *scopes)
    return replace(client, key=json.loads(made.stdout)["key"])


def test_a_person_is_erased_after_an_audit_and_not_before(run: Run, told: Client, data: Path) -> None:
    refused = run(told, data, "erase", "paul@example.org", "--yes")
    assert refused.returncode == 2
    assert "consent-ledger audit" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert run(told, data, "audit").returncode == 0
    kept = run(told, data, "erase", "paul@example.org", text="n\n")
    assert kept.returncode not in (0, 1)
    done = run(told, data, "erase", "-", "--yes", text="paul@example.org\n")
    assert (done.returncode, done.stdout[:20]) == (0, "Destroyed 1 event(s)")
    again = run(told, data, "erase", "paul@example.org", "--yes", "--json")
    assert json.loads(again.stdout)["notice"]["replayed"] is True
    audited = run(told, data, "audit")
    assert "1 declared erased" in audited.stdout
    assert audited.returncode == 0
    assert "subject_secret" in run(told, data, "scrub").stdout


def test_an_address_from_standard_input_cannot_be_asked_about(run: Run, told: Client, data: Path) -> None:
    refused = run(told, data, "erase", "-", text="paul@example.org\n")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr


def test_a_person_is_answered_in_a_letter_or_in_data(
    run: Run, told: Client, data: Path, tmp_path: Path
) -> None:
    page, proof = tmp_path / "letter.html", tmp_path / "proof.json"
    letter = run(told, data, "why", "-", "--lang", "nl", "--country", "NL", text="jane.canary@example.org\n")
    assert letter.returncode == 0, letter.stderr
    assert letter.stdout.startswith("Wat wij over jane.canary@example.org hebben vastgelegd")
    asked = ("why", "jane.canary@example.org", "--html", str(page), "--proof", str(proof))
    assert run(told, data, *asked).stdout == ""
    assert page.read_text().startswith("<!doctype html>")
    assert run(told, data, "verify", str(proof)).returncode == 0
    records = json.loads(run(told, data, "why", "jane.canary@example.org", "--iso27560").stdout)
    assert any(node["@type"] == "dpv:ConsentRecord" for node in records["@graph"])
