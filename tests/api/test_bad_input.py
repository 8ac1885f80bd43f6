"""Whatever is sent: a clear 4xx problem, nothing written, and no address repeated or logged."""

import json
from typing import Any

import pytest

from tests.support.http_service import JANE, Service, grant, question

CANARY = "jane.canary"
JSON = {"content-type": "application/json"}


def event(event_id: str = "grant-1", **changes: object) -> bytes:
    return json.dumps(grant(event_id, **changes)).encode()


def raw(text: str) -> bytes:
    """The usual event with a fragment of JSON put in as it is."""
    return event()[:-1] + b"," + text.encode() + b"}"


# What is wrong with it: the body, the status, and the pointer of the field where there is one.
EVENTS: dict[str, tuple[bytes, int, str | None]] = {
    "nothing at all": (b"", 400, None),
    "null": (b"null", 400, None),
    "a list": (b"[]", 400, None),
    "a number": (b"7", 400, None),
    "cut off": (event()[:-5], 400, None),
    "two documents": (event() + event(), 400, None),
    "a comment": (b"/* hi */" + event(), 400, None),
    "a byte order mark": (b"\xef\xbb\xbf" + event(), 400, None),
    "UTF-16": (event().decode().encode("utf-16"), 400, None),
    "invalid UTF-8": (event().replace(b"grant-1", b"gr\xff\xfe"), 400, None),
    "overlong UTF-8": (event().replace(b"grant-1", b"\xc0\xae"), 400, None),
    "nesting of 5,000": (raw('"evidence":' + '{"a":' * 5000 + "1" + "}" * 5000), 400, None),
    "nesting of 100,000": (b"[" * 100_000, 400, None),
    "a key twice": (raw('"sender":"acme"'), 400, None),
    "an unknown field": (event(favourite="x"), 400, "/favourite"),
    "an unknown type": (event(type="consent_assumed"), 400, "/type"),
    "NaN": (raw('"age":NaN'), 400, None),
    "1e400": (raw('"age":1e400'), 400, None),
    "a float": (event(age=4.5), 400, None),
    "an integer of 2^64": (event(age=2**64), 400, None),
    "an integer of 5,000 digits": (raw('"age":' + "9" * 5000), 400, None),
    "a string for a number": (event(age="5"), 400, "/age"),
    "true for a number": (event(age=True), 400, "/age"),
    "NUL in a string": (event("a\x00b"), 400, None),
    "half a character": (event().replace(b"grant-1", b"\\ud800"), 400, None),
    "no source_event_id": (json.dumps({**grant(), "source_event_id": None}).encode(), 400, None),
    "an empty source_event_id": (event(""), 400, "/source_event_id"),
    "a source_event_id of a megabyte": (event("x" * 200_001), 400, "/source_event_id"),
    "a time without a zone": (event(occurred_at="2026-01-10T10:15:00"), 400, "/occurred_at"),
    "a leap second": (event(occurred_at="2026-01-10T23:59:60Z"), 400, "/occurred_at"),
    "the year 0": (event(occurred_at="0000-01-10T23:59:50Z"), 400, "/occurred_at"),
    "an offset of 99 hours": (event(occurred_at="2026-01-10T23:59:50+99:00"), 400, "/occurred_at"),
    "the year 9999": (event(occurred_at="9999-01-10T23:59:50Z"), 422, "/occurred_at"),
    "tomorrow's tomorrow": (event(occurred_at="2096-01-10T23:59:50Z"), 422, "/occurred_at"),
    "1970": (event(occurred_at="1970-01-10T23:59:50Z"), 422, "/occurred_at"),
    "no address": (json.dumps({**grant(), "address": None}).encode(), 400, None),
    "an address of 321 characters": (event(address={**JANE, "value": "x" * 321}), 400, None),
    "an address without a domain": (event(address={**JANE, "value": CANARY}), 422, "/address/value"),
    "a line feed in the address": (
        event(address={**JANE, "value": CANARY + "@x.nl\nBcc: y@x.nl"}),
        422,
        "/address/value",
    ),
    "a kind that is none": (event(address={"kind": "postal", "value": CANARY}), 400, "/address/kind"),
    "a phone number without its country": (event(address={"kind": "phone", "value": "0612"}), 422, None),
    "an unknown sender": (event(sender="nobody"), 422, "/sender"),
    "a sender that is none": (event(sender="Acme B.V."), 400, "/sender"),
    "an unknown form": (event(form="0" * 64, box="newsletter", method="ticked"), 422, "/form"),
    "a tick without its form": (event(method="ticked"), 400, "/form"),
    "the index set by the caller": (event(index=5), 400, "/index"),
    "the recorded time set by the caller": (event(recorded_at="2026-01-01T00:00:00Z"), 400, "/recorded_at"),
    "10,000 categories": (event(categories=[f"c{n}" for n in range(10_000)]), 400, "/categories"),
    "evidence of 17 KiB": (event(evidence={"a": "x" * 17_000}), 422, "/evidence"),
    "the ledger's own configuration": (
        json.dumps(
            {
                "type": "rulebook_published",
                "source_event_id": "x",
                "occurred_at": "2026-01-01T00:00:00Z",
                "rulebook": "0" * 64,
            }
        ).encode(),
        400,
        "/type",
    ),
}
QUESTIONS: dict[str, tuple[dict[str, Any], int, str | None]] = {
    "no address": ({"address": None}, 400, "/address"),
    "an address that is none": ({"address": {**JANE, "value": CANARY}}, 422, "/address/value"),
    "an unknown sender": ({"sender": "nobody"}, 422, "/sender"),
    "an unknown channel": ({"channel": "pigeon"}, 400, "/channel"),
    "an unknown field": ({"urgent": True}, 400, "/urgent"),
    "a position of the future": ({"min_position": 10**6}, 422, "/min_position"),
    "a negative position": ({"min_position": -1}, 400, "/min_position"),
    "a proof that is none": ({"proof": "blockchain"}, 400, "/proof"),
    "a time without a zone": ({"at": "2026-01-01T00:00:00"}, 400, "/at"),
    "a time before the ledger": ({"known_at": "1999-01-01T00:00:00Z"}, 422, "/known_at"),
    "a country that is none": ({"recipient": {"country": "Holland"}}, 400, "/recipient/country"),
}


def assert_problem(response: Any, status: int, pointer: str | None) -> None:  # noqa: ANN401 - httpx's
    problem = response.json()
    assert response.status_code == status, problem
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"].startswith("urn:consent-ledger:problem:")
    assert problem["request_id"] == response.headers["x-request-id"]
    assert CANARY not in response.text
    if pointer is not None:
        assert problem["errors"][0]["pointer"] == pointer, problem


async def test_every_bad_event_is_refused_and_nothing_is_written(
    service: Service, capfd: pytest.CaptureFixture[str]
) -> None:
    before = (await service.check())["position"]
    for name, (body, status, pointer) in EVENTS.items():
        response = await service.client.post("/v1/events", content=body, headers=JSON)
        try:
            assert_problem(response, status, pointer)
        except AssertionError as error:
            error.add_note(f"the event with: {name}")
            raise
    assert (await service.check())["position"] == before
    assert CANARY not in "".join(capfd.readouterr())


@pytest.mark.parametrize("route", ["/v1/checks", "/v1/proofs"])
async def test_every_bad_question_is_refused(
    service: Service, route: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, (changes, status, pointer) in QUESTIONS.items():
        response = await service.client.post(route, json=question(**changes))
        try:
            assert_problem(response, status, pointer)
        except AssertionError as error:
            error.add_note(f"the question with: {name}")
            raise
    assert CANARY not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/msgpack", "application/x-www-form-urlencoded", ""]
)
async def test_only_json_is_read(service: Service, content_type: str) -> None:
    response = await service.client.post(
        "/v1/events", content=event(), headers={"content-type": content_type}
    )
    assert_problem(response, 415, None)


async def test_compressed_bodies_are_not_read(service: Service) -> None:
    headers = {**JSON, "content-encoding": "gzip"}
    assert_problem(await service.client.post("/v1/events", content=b"\x1f\x8b", headers=headers), 415, None)


async def test_a_body_over_the_limit_is_refused(service: Service) -> None:
    response = await service.client.post("/v1/events", content=b" " * 9_000_000, headers=JSON)
    assert_problem(response, 413, None)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_another_method_is_told_which_are_allowed(service: Service, method: str) -> None:
    response = await service.client.request(method, "/v1/events")
    assert_problem(response, 405, None)
    assert "POST" in response.headers["allow"]


@pytest.mark.parametrize("path", ["/", "/v2/events", "/v1/forms/../../etc/passwd", f"/v1/forms/{'0' * 64}"])
async def test_what_is_not_there_is_not_found(service: Service, path: str) -> None:
    assert_problem(await service.client.get(path), 404, None)


@pytest.mark.parametrize(
    "path", ["tile/0/001", "tile/0/0", "tile/9/000", "tile/x/000", "tile/entries/000.p/200"]
)
async def test_a_tile_the_log_does_not_have_is_not_found(service: Service, path: str) -> None:
    assert_problem(await service.client.get(f"/log/main/{path}"), 404, None)


async def test_a_failing_database_is_a_503_with_a_time_to_come_back(service: Service) -> None:
    await service.composition.access._pool.close()  # noqa: SLF001 - the server is gone
    response = await service.client.post("/v1/checks", json=question())
    assert_problem(response, 503, None)
    assert response.headers["retry-after"]
