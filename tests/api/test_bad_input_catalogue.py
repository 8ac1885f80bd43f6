"""All 101 rows of the catalogue of bad input: sent over a socket, or shown by another test that is named."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.wiring.serving import http
from tests.support.bad_input import ROWS
from tests.support.bad_input_rows import Row, Sent
from tests.support.http_service import Service
from tests.support.raw_http import exchange, listening

TESTS = Path(__file__).parents[1]


@pytest.fixture
async def port(service: Service, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(http, "LINGER_SECONDS", 0.1)
    monkeypatch.setattr(http, "_LOOK_SECONDS", 0.1)
    async with listening(service.app) as opened:
        yield opened


def request_of(sent: Sent, authorization: str) -> bytes:
    lines = [f"{sent.method} {sent.path} HTTP/1.1", "host: ledger.test", "connection: close", *sent.headers]
    if not any(line.startswith("authorization:") for line in sent.headers):
        lines.append(f"authorization: {authorization}")
    if sent.length:
        lines.append(f"content-length: {len(sent.body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + sent.body


def test_all_rows_are_accounted_for() -> None:
    assert sorted(ROWS) == list(range(1, 102))
    silent = [n for n, row in ROWS.items() if not (row.sent or row.shown or row.elsewhere)]
    assert not silent


def test_what_another_test_shows_is_shown_by_a_test_that_exists() -> None:
    known = {
        name
        for path in TESTS.rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
    }
    assert {row.shown for row in ROWS.values() if row.shown} <= known


async def test_whatever_the_catalogue_sends_is_no_500(service: Service, port: int) -> None:
    authorization = service.client.headers["authorization"]
    wrong = []
    for number, row in ROWS.items():
        for sent in row.sent:
            answer = await exchange(port, request_of(sent, authorization), patience=10)
            if complaint := complaint_about(row, sent, answer):
                wrong.append(f"{number} ({row.what}): {complaint}")
    assert not wrong, "\n".join(wrong)


def complaint_about(row: Row, sent: Sent, answer: bytes) -> str:
    """What is wrong with an answer: its status, its type, or an address in it."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0
    if status != sent.status:
        return f"{status} in place of {sent.status} (wanted: {row.wanted}) {body[:200]!r}"
    if status >= 400 and not sent.path.startswith("/u/") and b"application/problem+json" not in head:
        return "not a problem"
    return "it repeats the address" if status >= 400 and b"@example.org" in body else ""
