"""The program as a stranger uses it: real processes, real database, exit statuses that mean something."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.cli.demo.theatre import Client
from service.ledger.verifier_page import verifier_page
from tests.support.http_service import JANE, grant, question
from tests.support.program_nursery import own_environment

ROOT = Path(__file__).resolve().parents[2]


def program(*arguments: str, text: bytes = b"", folder: Path = ROOT) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [str(Path(sys.executable).parent / "consent-ledger"), *arguments],
        cwd=folder,
        input=text,
        capture_output=True,
        check=False,
        env=own_environment(),
        timeout=120,
    )


@pytest.fixture(scope="module")
def bundle(client: Client) -> bytes:
    return client.call("POST", "/v1/proofs", question(disclose=True))[1]


def test_a_bundle_from_standard_input_verifies(bundle: bytes, client: Client) -> None:
    done = program("verify", "-", "--key", client.verifier().vkey, text=bundle + b"\n")
    assert done.returncode == 0, done.stderr
    assert b"VERIFIED, level L1" in done.stdout


def test_a_bundle_with_a_changed_byte_does_not(bundle: bytes) -> None:
    assert program("verify", "-", text=bundle.replace(b"email", b"emaii", 1)).returncode == 1


def test_a_bundle_without_documents_verifies_beside_one_that_shows_them(
    client: Client, bundle: bytes, tmp_path: Path
) -> None:
    _, small = client.call("POST", "/v1/proofs", question(disclose=True, documents="by_hash"))
    shown = tmp_path / "shown.json"
    shown.write_bytes(bundle)
    assert program("verify", "-", text=small).returncode == 1
    assert program("verify", "-", "--documents", str(shown), text=small).returncode == 0
    assert program("verify", "-", "--documents", str(tmp_path), text=small).returncode == 0


def test_a_bundle_that_names_the_packs_of_this_version_needs_nothing_beside_it(client: Client) -> None:
    _, small = client.call("POST", "/v1/proofs", question(disclose=True, documents="packs_by_hash"))
    assert program("verify", "-", text=small).returncode == 0


def test_the_verifiers_page_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    done = program("verifier", str(tmp_path / "page.html"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.html").read_bytes() == program("verifier", "-").stdout == verifier_page()
    refused = program("verifier", str(tmp_path / "nowhere" / "page.html"))
    assert refused.returncode == 2
    assert b"cannot be written" in refused.stderr


@pytest.mark.parametrize("text", [b"", b"hello", b"{}", b"\xff\xfe"])
def test_what_is_no_bundle_is_told_without_a_traceback(text: bytes) -> None:
    done = program("verify", "-", text=text)
    assert done.returncode in (1, 2)
    assert b"Traceback" not in done.stderr + done.stdout


def test_a_file_that_is_not_there_is_one_line() -> None:
    done = program("verify", "nowhere.json")
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1


def test_the_audit_finds_nothing_in_a_sound_ledger(client: Client, data: Path) -> None:
    client.post("/v1/events", grant("another"))
    done = program("audit", "--data", str(data), "--json")
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["findings"] == []


def test_a_key_is_made_listed_and_revoked(client: Client, data: Path) -> None:
    made = json.loads(
        program("keys", "create", "--data", str(data), "--scope", "check:read", "--json").stdout
    )
    own = Client(client.port, made["key"])
    assert own.call("POST", "/v1/checks", question())[0] == 200
    assert program("keys", "revoke", "--data", str(data), made["id"]).returncode == 0
    listed = json.loads(program("keys", "list", "--data", str(data), "--json").stdout)
    assert next(key for key in listed if key["id"] == made["id"])["revoked_at"]


def test_a_third_live_key_of_one_client_is_one_line_that_says_what_to_do(client: Client, data: Path) -> None:
    del client
    make = ("keys", "create", "--data", str(data), "--scope", "check:read", "--label", "crm", "--json")
    assert [program(*make).returncode for _ in range(2)] == [0, 0]
    third = program(*make)
    assert third.returncode == 2
    assert b"revoke one" in third.stderr
    assert third.stderr.count(b"\n") == 1


def test_a_second_ledger_is_made_while_the_service_runs_and_answers_to_its_own_key(
    client: Client, data: Path
) -> None:
    made = json.loads(program("ledgers", "create", "--data", str(data), "second", "--json").stdout)
    assert made["origin"].endswith("/second/1")
    names = [
        each["name"] for each in json.loads(program("ledgers", "list", "--data", str(data), "--json").stdout)
    ]
    assert names == ["main", "second"]
    again = program("ledgers", "create", "--data", str(data), "second")
    assert again.returncode == 2
    assert again.stderr.count(b"\n") == 1
    second = Client(client.port, made["key"])
    deadline = time.monotonic() + 20
    status, answer = second.call("GET", "/v1/senders")
    while status == 404 and time.monotonic() < deadline:
        time.sleep(0.2)
        status, answer = second.call("GET", "/v1/senders")
    assert (status, json.loads(answer)) == (200, {"items": []})


def test_checking_says_yes_or_no_by_its_status(client: Client) -> None:
    common = ("--url", f"http://127.0.0.1:{client.port}", "--key", client.key, "--sender", "acme")
    asked = ("--category", "newsletter", "--country", "NL", "--recipient", "consumer")
    assert program("check", JANE["value"], *common, *asked).returncode == 0
    assert program("check", "-", *common, *asked, text=b"nobody@example.org\n").returncode == 1


def test_checking_without_a_service_is_one_line_that_says_not_to_send() -> None:
    done = program(
        "check",
        "a@example.org",
        "--url",
        "http://127.0.0.1:9",
        "--key",
        "k",
        "--sender",
        "a",
        "--category",
        "b",
    )
    assert done.returncode == 2
    assert b"do not send" in done.stderr
    assert b"a@example.org" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [("serve", "--port", "x"), ("keys", "create"), ("nonsense",), ("audit", "--ledger", "X")]
)
def test_a_wrong_command_is_one_line(arguments: tuple[str, ...]) -> None:
    done = program(*arguments)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_every_story_of_the_demo_ends_as_the_law_says() -> None:
    done = program("demo", "--json")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    told = json.loads(done.stdout)
    assert told["as_expected"]
    assert len(told["stories"]) == 8
    assert told["tampering"]["audit_found"]
    assert not told["tampering"]["bundle_verified_after"]
