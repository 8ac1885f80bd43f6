"""The guide's own code makes a mail that a strict reader gets our headers back from."""

import re
import shlex
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_service import Service, grant
from tests.support.served import Served

GUIDE = (Path(__file__).parents[2] / "docs" / "unsubscribe.md").read_text(encoding="utf-8")
LINE_OCTETS_MAX = 998  # RFC 5322 §2.1.1
STRICT = SMTP.clone(raise_on_defect=True)


def snippet(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def newsletter(answer: dict[str, Any]) -> EmailMessage:
    names: dict[str, Any] = {}
    exec(snippet("python"), names)  # noqa: S102 - the guide's own code, which is what is tested
    message: EmailMessage = names["newsletter"](answer, "Acme <news@acme.example>", "jane@example.org")
    return message


@pytest.fixture(params=["https://prefs.example.com", f"https://{'x' * 60}.example.com/a/long/way"])
async def answer(request: pytest.FixtureRequest, service: Service) -> dict[str, Any]:
    service.composition.services.public_url = request.param
    await service.record(grant())
    return await service.check()


async def test_the_headers_come_out_of_the_mail_as_they_went_in(answer: dict[str, Any]) -> None:
    raw = newsletter(answer).as_bytes()
    read = message_from_bytes(raw, policy=STRICT)
    for name, value in answer["unsubscribe"].items():
        assert read.get_all(name) == [value]
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = answer["unsubscribe"]["List-Unsubscribe"].strip("<>")
    assert link in read.get_content()
    assert read["Subject"] == "November"


async def test_no_line_of_the_mail_is_longer_than_mail_servers_take(answer: dict[str, Any]) -> None:
    lines = newsletter(answer).as_bytes().split(b"\r\n")
    assert max(map(len, lines)) <= LINE_OCTETS_MAX
    (field,) = [line for line in lines if line.startswith(b"List-Unsubscribe:")]
    assert re.fullmatch(rb"List-Unsubscribe: <https://[!-;=?-~]+>", field)
    assert b"=?" not in field


async def test_the_longest_names_still_fit_on_a_line(service: Service) -> None:
    service.composition.services.public_url = f"https://{'x' * 100}"
    acme = {"id": "s" * 64, "legal_name": "Acme B.V.", "country": "NL"}
    await service.client.post("/v1/senders", json=acme)
    asked = {
        "sender": "s" * 64,
        "category": "c" * 64,
        "channel": "email",
        "message_id": "m" * 100,
        "address": {"kind": "email", "value": f"{'j' * 64}@{'x' * 60}.example.org"},
    }
    headers = (await service.client.post("/v1/unsubscribe-links", json=asked)).json()["headers"]
    assert len(f"List-Unsubscribe: {headers['List-Unsubscribe']}") <= LINE_OCTETS_MAX


async def test_the_guides_deny_makes_no_mail(service: Service) -> None:
    with pytest.raises(ValueError, match="not allowed"):
        newsletter(await service.check())


def test_the_guides_request_is_answered_as_it_says(way_out: Served) -> None:
    words = shlex.split(snippet("sh"))
    body = words[words.index("-d") + 1].encode()
    headers = {"authorization": f"Bearer {way_out.key}", "content-type": "application/json"}
    made = way_out.ask("POST", words[2].replace("$CONSENT_LEDGER_URL", way_out.url), body, headers)
    assert made.status == 201
    link = made.json()["url"]
    assert made.json()["headers"]["List-Unsubscribe"] == f"<{link}>"
    assert link.startswith(f"{way_out.url}/u/")
