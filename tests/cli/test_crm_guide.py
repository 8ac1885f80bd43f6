"""The guide for a CRM does what it says: every snippet runs against a live service, and one that is away."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from service.client import AccessError, Ledger
from service.settings import read_settings
from tests.support.databases import a_database
from tests.support.guides import ROOT, Ran, page, run_in_shell, snippets
from tests.support.issuer import AuthorisationServer
from tests.support.program_nursery import Nursery
from tests.support.served import Served, served

GUIDE = page("docs/crm.md")
SHELL = snippets(GUIDE, "sh")
LIVE_URL = "http://127.0.0.1:8000"

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the guide is run with curl")


@pytest.fixture(scope="module")
def idp() -> AuthorisationServer:
    return AuthorisationServer()


@pytest.fixture(scope="module")
def running(
    nursery: Nursery,
    server_dsn: str,
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
    idp: AuthorisationServer,
) -> Iterator[tuple[Served, Ran]]:
    """A service that believes the issuer of the guide, after everything the guide does in a shell."""
    folder = tmp_path_factory.mktemp("crm")
    jwks = folder / "jwks.json"
    jwks.write_bytes(idp.jwks())
    issuers = json.loads(SHELL[-1].text.partition("'")[2].rpartition("'")[0])
    issuers[0]["jwks"] = str(jwks)
    with (
        a_database(server_dsn, template=migrated_template) as dsn,
        served(nursery, dsn, folder, CONSENT_LEDGER_ISSUERS=json.dumps(issuers)) as started,
    ):
        texts = [each.text.replace(LIVE_URL, started.url) for each in SHELL]
        ran = run_in_shell(texts, folder, DATABASE_URL=dsn, CONSENT_LEDGER_DATA_DIR=str(folder))
        yield started, ran


def printed(ran: Ran, heading: str) -> str:
    """What the last snippet under a heading printed."""
    return next(
        said for each, said in reversed(list(zip(SHELL, ran.printed, strict=True))) if heading in each.heading
    )


def answers(ran: Ran, heading: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed(ran, heading).splitlines()]


def test_every_shell_snippet_runs_as_it_stands(running: tuple[Served, Ran]) -> None:
    _, ran = running
    assert len(ran.printed) == len(SHELL)
    assert not [
        said for said in ran.printed if "urn:consent-ledger:problem" in said and "summary" not in said
    ]


def test_the_form_gets_its_id_and_the_consent_its_receipt(running: tuple[Served, Ran]) -> None:
    _, ran = running
    assert len(printed(ran, "A sender and a form")) == 64
    receipt = json.loads(printed(ran, "Record a consent"))
    (shown,) = [each for each in snippets(GUIDE, "json") if "Record a consent" in each.heading]
    assert receipt.keys() == json.loads(shown.text).keys()


def test_the_first_check_is_the_allow_that_is_shown(running: tuple[Served, Ran]) -> None:
    _, ran = running
    answer = json.loads(printed(ran, "The first check"))
    (shown,) = [each for each in snippets(GUIDE, "json") if "The first check" in each.heading]
    wanted = json.loads(shown.text)
    assert answer.keys() == wanted.keys()
    for name in ("decision", "reason_code", "basis", "jurisdiction", "missing_facts", "needs_human"):
        assert answer[name] == wanted[name]
    assert answer["unsubscribe"].keys() == wanted["unsubscribe"].keys()


def test_the_campaign_answers_each_line_in_its_place(running: tuple[Served, Ran]) -> None:
    _, ran = running
    _, jane, bob, nobody, last = answers(ran, "A whole campaign")
    assert (jane["decision"], jane["id"], bob["decision"], bob["id"]) == ("allow", "7", "deny", "8")
    assert jane["unsubscribe"]
    assert "unsubscribe" not in bob
    assert (nobody["status"], "decision" in nobody, nobody["id"]) == (422, False, "9")
    assert last["summary"]["complete"]


def test_the_old_key_is_refused_and_the_new_one_works(running: tuple[Served, Ran]) -> None:
    service, ran = running
    assert "Revoked." in printed(ran, "Change the key")
    assert "crm" in printed(ran, "Change the key")
    old = ran.environment["OLD_ID"]
    assert old not in ran.environment["CONSENT_LEDGER_KEY"]
    headers = {"authorization": f"Bearer {ran.environment['CONSENT_LEDGER_KEY']}"}
    assert service.ask("POST", "/v1/checks", b"{}", headers).status == 415


def test_the_issuers_of_the_guide_are_understood() -> None:
    text = SHELL[-1].text.partition("'")[2].rpartition("'")[0]
    assert read_settings({"CONSENT_LEDGER_ISSUERS": text}).issuers[0].issuer == "https://idp.example"


@pytest.fixture(scope="module")
def names(running: tuple[Served, Ran]) -> Iterator[dict[str, Any]]:
    """What the guide's Python defines, run against the service."""
    service, ran = running
    defined: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONSENT_LEDGER_URL", service.url)
        patch.setenv("CONSENT_LEDGER_KEY", ran.environment["CONSENT_LEDGER_KEY"])
        for each in snippets(GUIDE, "python"):
            exec(each.text, defined)  # noqa: S102 - the guide's own code, which is what is tested
    with closing(defined["ledger"]):
        yield defined


def test_the_client_of_the_guide_sends_to_jane_alone(names: dict[str, Any]) -> None:
    assert names["campaign"].summary.allowed == 1
    assert len(names["mails"]) == 1
    for mail in (names["mail"], *names["mails"]):
        read = message_from_bytes(mail.as_bytes(), policy=SMTP.clone(raise_on_defect=True))
        assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert read["List-Unsubscribe"].strip("<>") in read.get_content()


def test_an_access_token_does_what_a_key_does(
    names: dict[str, Any], running: tuple[Served, Ran], idp: AuthorisationServer
) -> None:
    question = {**names["common"], "address": names["jane"]}
    with Ledger(running[0].url, idp.token()) as ledger:
        assert ledger.check(question).allowed
    expired = idp.token(claims={"exp": int(time.time()) - 60})
    with Ledger(running[0].url, expired) as ledger, pytest.raises(AccessError):
        ledger.check(question)


def test_the_readme_runs_as_it_stands(running: tuple[Served, Ran], tmp_path: Path) -> None:
    service, _ = running
    texts = [each.text for each in snippets(page("README.md"), "sh") if "curl" in each.text]
    (tmp_path / ".venv").symlink_to(Path(os.environ.get("VIRTUAL_ENV", ROOT / ".venv")))
    texts = [text.replace(LIVE_URL, service.url) for text in texts]
    ran = run_in_shell(texts, tmp_path, CONSENT_LEDGER_KEY=service.key)
    event, check, proof, campaign, feed = ran.printed
    assert json.loads(event)["position"]
    assert json.loads(check)["decision"] == "allow"
    assert json.loads(check)["explanation"]["text"]
    assert "VERIFIED, level L1" in proof
    _, jane, bob, last = [json.loads(line) for line in campaign.splitlines()]
    assert (jane["decision"], jane["id"], bob["decision"]) == ("allow", "crm-7", "deny")
    assert last["summary"]["complete"]
    assert "consent_granted" in feed
    assert "@" not in feed
