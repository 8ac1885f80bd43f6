"""Every limit of `service.api.limits`, over a raw socket: one more is refused, and said how."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from service.api import limits
from service.api.limits import LIMITS
from service.wiring.serving import http
from tests.support.http_service import Service, grant, question
from tests.support.raw_http import exchange, listening, status_of

GUIDE = Path(__file__).parents[2] / "docs" / "access.md"
AT_LAST_SECONDS = 9
"""Below what is waited for where a test does not shorten it, and far above what it is shortened to."""


@pytest.fixture
async def port(service: Service) -> AsyncIterator[int]:
    async with listening(service.app) as port:
        yield port


def head(path: str, *lines: str, method: str = "POST") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: x", *lines, "", ""]).encode()


def with_body(
    service: Service, path: str, body: bytes, kind: str = "application/json", *, goes_on: bool = False
) -> bytes:
    """A request with everything it needs. Unless it `goes_on`, the service closes when it has answered."""
    lines = (
        f"authorization: {service.client.headers['authorization']}",
        f"content-type: {kind}",
        f"content-length: {len(body)}",
        f"connection: {'keep-alive' if goes_on else 'close'}",
    )
    return head(path, *lines) + body


def problem(answer: bytes) -> tuple[int, str]:
    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert b"application/problem+json" in answer
    assert body["status"] == status_of(answer)
    return status_of(answer), body["type"].rpartition(":")[2]


def test_the_guide_shows_every_limit_as_it_is() -> None:
    written = GUIDE.read_text(encoding="utf-8")
    for limit in LIMITS:
        row = f"| {limit.what} | {limit.most} | {limit.beyond} |"
        assert row in written, row


async def test_a_url_that_is_too_long_is_a_414(port: int) -> None:
    answer = await exchange(port, head("/livez?" + "x" * limits.URL_BYTES_MAX, method="GET"))
    assert problem(answer) == (414, "uri-too-long")
    fits = head("/livez?" + "x" * (limits.URL_BYTES_MAX - 7), "connection: close", method="GET")
    assert status_of(await exchange(port, fits)) == 200


@pytest.mark.parametrize(
    "lines",
    [
        ["x: " + "x" * limits.HEAD_BYTES_MAX],
        [f"x{number}: x" for number in range(limits.HEADERS_MAX)],
        ["x: " + "x" * 1_000_000],
    ],
    ids=["one long field", "many fields", "one endless field"],
)
async def test_a_head_that_is_too_large_is_a_431(port: int, lines: list[str]) -> None:
    answer = await exchange(port, head("/livez", *lines, method="GET"))
    assert problem(answer) == (431, "request-header-fields-too-large")


async def test_a_head_without_end_is_cut_off(port: int) -> None:
    answer = await exchange(port, b"GET /livez HTTP/1.1\r\n", *[b"x: " + b"x" * 4_000 + b"\r\n"] * 100)
    assert problem(answer) == (431, "request-header-fields-too-large")


async def test_what_is_no_http_is_a_400(port: int) -> None:
    for nonsense in (b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nhost: x\r\nx\rx: y\r\n\r\n"):
        assert problem(await exchange(port, nonsense)) == (400, "malformed-request")


async def test_a_head_that_does_not_end_in_time_is_a_408(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEAD_SECONDS_MAX", 0.3)
    monkeypatch.setattr(http, "_LOOK_SECONDS", 0.1)
    answer = await exchange(port, b"GET /livez HTTP/1.1\r\n", *[b"x: x\r\n"] * 30, pause=0.05)
    assert problem(answer) == (408, "request-timeout")


async def test_a_connection_on_which_nothing_is_asked_is_closed_without_a_word(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "HEAD_SECONDS_MAX", 0.2)
    monkeypatch.setattr(http, "_LOOK_SECONDS", 0.1)
    started = time.monotonic()
    assert await exchange(port, patience=AT_LAST_SECONDS) == b""
    assert time.monotonic() - started < AT_LAST_SECONDS


async def test_a_body_that_drips_is_a_408_and_is_no_error_of_ours(
    service: Service, port: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(http, "BODY_GRACE_SECONDS", 0.3)
    monkeypatch.setattr(http, "_LOOK_SECONDS", 0.1)
    whole = with_body(service, "/v1/events", json.dumps(grant()).encode())
    parts = [whole[:-100], *(whole[at : at + 1] for at in range(len(whole) - 100, len(whole)))]
    answer = await exchange(port, *parts, pause=0.03)
    assert problem(answer) == (408, "request-timeout")
    await asyncio.sleep(0.1)
    assert "request_failed" not in "".join(capfd.readouterr())


async def test_a_stream_may_be_slow_but_not_silent(
    service: Service, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "BODY_GRACE_SECONDS", 0.1)
    monkeypatch.setattr(http, "STREAM_IDLE_SECONDS_MAX", 2)
    monkeypatch.setattr(http, "_LOOK_SECONDS", 0.1)
    lines = [json.dumps(grant(f"line-{number}")).encode() + b"\n" for number in range(6)]
    whole = with_body(service, "/v1/events/batch", b"".join(lines), "application/x-ndjson")
    start = len(whole) - len(b"".join(lines))
    slow = await exchange(port, whole[:start], *lines, pause=0.2)
    assert slow.count(b'"status":201') == 6
    assert b'"summary"' in slow
    started = time.monotonic()
    silent = await exchange(port, whole[: start + len(lines[0])], patience=AT_LAST_SECONDS)
    assert b'"summary"' not in silent
    assert time.monotonic() - started < AT_LAST_SECONDS


async def test_who_does_not_read_is_cut_off(
    service: Service, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "READ_IDLE_SECONDS_MAX", 0.3)
    monkeypatch.setattr(http, "_LOOK_SECONDS", 0.1)
    lost, ended = http.BoundedProtocol.connection_lost, asyncio.Event()

    def told(self: http.BoundedProtocol, error: Exception | None) -> None:
        ended.set()
        lost(self, error)

    monkeypatch.setattr(http.BoundedProtocol, "connection_lost", told)
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(0)
        await loop.sock_connect(client, ("127.0.0.1", port))
        request = with_body(service, "/v1/events/batch", b"{}\n" * 60_000, "application/x-ndjson")
        sending = asyncio.create_task(loop.sock_sendall(client, request))
        await asyncio.wait_for(ended.wait(), 20)
        sending.cancel()
        with suppress(ConnectionError, asyncio.CancelledError):
            await sending


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("/v1/events", limits.BODY_BYTES_MAX),
        ("/v1/checks", limits.BODY_BYTES_MAX),
        ("/v1/keys", limits.BODY_BYTES_MAX),
        ("/v1/forms", limits.DOCUMENT_BYTES_MAX),
        ("/v1/events/batch", limits.BATCH_BYTES_MAX),
    ],
)
async def test_a_body_over_the_limit_of_its_route_is_a_413(
    service: Service, port: int, path: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LINGER_SECONDS", 0.1)
    monkeypatch.setattr(http, "_LOOK_SECONDS", 0.1)
    body = b'{"x":"' + b" " * size + b'"}'
    assert problem(await exchange(port, with_body(service, path, body), patience=AT_LAST_SECONDS)) == (
        413,
        "content-too-large",
    )
    chunked = head(
        path,
        f"authorization: {service.client.headers['authorization']}",
        "content-type: application/json",
        "transfer-encoding: chunked",
        "connection: close",
    )
    pieces = [f"{len(body):x}\r\n".encode(), body, b"\r\n0\r\n\r\n"]
    assert problem(await exchange(port, chunked, *pieces)) == (413, "content-too-large")


async def test_a_refused_body_does_not_hold_the_connection(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LINGER_SECONDS", 0.2)
    monkeypatch.setattr(http, "_LOOK_SECONDS", 0.1)
    started = time.monotonic()
    request = head("/v1/events", "content-type: application/json", "content-length: 100000") + b"x"
    assert problem(await exchange(port, request, patience=AT_LAST_SECONDS)) == (401, "unauthenticated")
    assert time.monotonic() - started < AT_LAST_SECONDS


async def test_json_that_nests_too_deep_is_a_400(service: Service, port: int) -> None:
    body = b"[" * (limits.JSON_DEPTH_MAX + 1) + b"]" * (limits.JSON_DEPTH_MAX + 1)
    for path in ("/v1/events", "/v1/events/batch", "/v1/checks", "/v1/forms"):
        answer = await exchange(port, with_body(service, path, body))
        assert problem(answer) == (400, "malformed-request")


async def test_a_connection_goes_on_after_an_answer(service: Service, port: int) -> None:
    body = json.dumps(question()).encode()
    asked = with_body(service, "/v1/checks", body, goes_on=True)
    answer = await exchange(port, asked, asked, with_body(service, "/v1/checks", body), pause=0.05)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
