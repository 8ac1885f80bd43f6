"""The way out over HTTP: one request without anything, from anywhere, is enough; looking is never enough."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from service.core.verifier import verify_bundle
from tests.support.http_service import JANE, Service, grant, question
from tests.support.way_out import FORM, ONE_CLICK, PAGE, ask, decided, link


def position(answer: Mapping[str, Any]) -> int:
    return int(answer["position"])


async def test_every_allow_carries_the_headers_and_no_deny_does(service: Service) -> None:
    assert "unsubscribe" not in await service.check()
    await service.record(grant())
    headers = (await service.check())["unsubscribe"]
    assert headers == {
        "List-Unsubscribe": f"<{await link(service)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert JANE["value"] not in str(headers)
    assert "newsletter" not in str(headers)


async def test_a_link_needs_its_scope_and_a_registered_sender(service: Service) -> None:
    asked = {"sender": "acme", "category": "newsletter", "channel": "email", "address": JANE}
    key = await service.key("check:read", "record:write")
    post = service.client.post
    assert (await post("/v1/unsubscribe-links", json=asked, headers=key)).status_code == 403
    unknown = await post("/v1/unsubscribe-links", json=asked | {"sender": "amce"})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/sender")


NO_LINKS: tuple[dict[str, object], ...] = (
    {"message_id": "two words"},
    {"message_id": ""},
    {"message_id": "x" * 101},
    {"message_id": "x\n"},
    {"channel": "pigeon"},
    {"category": "No Id"},
    {"address": {"kind": "email", "value": "no address"}},
    {"expires": 5},
)


async def test_a_link_that_cannot_be_is_a_clear_problem(service: Service) -> None:
    asked = {"sender": "acme", "category": "newsletter", "channel": "email", "address": JANE}
    for wrong in NO_LINKS:
        refused = await service.client.post("/v1/unsubscribe-links", json=asked | wrong)
        assert refused.status_code in (400, 422), wrong
        assert refused.json()["errors"][0]["pointer"].startswith(f"/{next(iter(wrong))}")


BOUNDARY = "multipart/form-data; boundary=xyz"
PARTS = b'--xyz\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--xyz--\r\n'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, ONE_CLICK),
        (f"{FORM}; charset=UTF-8", ONE_CLICK),
        (FORM, b"List-Unsubscribe=One-Click\r\n"),
        (FORM, b"foo=bar&list-unsubscribe=one-click"),
        (None, ONE_CLICK),
        ("text/plain", ONE_CLICK),
        (BOUNDARY, PARTS),
        ('multipart/form-data; boundary="xyz"', PARTS),
        (BOUNDARY, PARTS.replace(b"\r\n", b"\n")),
    ],
)
async def test_one_click_withdraws_however_the_form_is_written(
    service: Service, kind: str | None, body: bytes
) -> None:
    await service.record(grant())
    headers = {"content-type": kind} if kind else {}
    answer = await ask(service, "POST", await link(service), body, headers)
    assert (answer.status_code, answer.text) == (200, "You are unsubscribed.")
    assert "set-cookie" not in answer.headers
    assert await decided(service) == ("deny", "WITHDRAWN")


async def test_one_click_works_from_any_origin(service: Service) -> None:
    await service.record(grant())
    headers = {"origin": "https://mail.example", "sec-fetch-site": "cross-site", "cookie": "a=b"}
    answer = await ask(service, "POST", await link(service), ONE_CLICK, headers)
    assert answer.status_code == 200
    assert await decided(service) == ("deny", "WITHDRAWN")


async def test_the_same_click_again_gets_the_same_answer_and_records_nothing(service: Service) -> None:
    await service.record(grant())
    url = await link(service)
    first = await ask(service, "POST", url, ONE_CLICK)
    before = position(await service.check())
    again = [await ask(service, "POST", url, ONE_CLICK) for _ in range(3)]
    assert {(answer.status_code, answer.text) for answer in again} == {(200, first.text)}
    assert position(await service.check()) == before


async def test_many_clicks_at_once_are_all_answered_and_are_one_event(service: Service) -> None:
    receipt = (await service.record(grant())).json()
    url = await link(service)
    answers = await asyncio.gather(*(ask(service, "POST", url, ONE_CLICK) for _ in range(30)))
    assert {answer.status_code for answer in answers} == {200}
    assert position(await service.check()) == receipt["position"] + 2  # the event, and its epoch


async def test_after_a_new_consent_the_same_link_withdraws_again(service: Service) -> None:
    url = await link(service)
    for number in range(3):
        await service.record(grant(f"grant-{number}", occurred_at=(await service.check())["evaluated_at"]))
        assert await decided(service) == ("allow", "CONSENT")
        assert (await ask(service, "POST", url, ONE_CLICK)).status_code == 200
        assert await decided(service) == ("deny", "WITHDRAWN")


FETCHING: tuple[dict[str, str], ...] = (
    {},
    {"sec-purpose": "prefetch"},
    {"purpose": "prefetch"},
    {"x-moz": "prefetch"},
    PAGE,
)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_whoever_only_fetches_the_link_changes_nothing(service: Service, method: str) -> None:
    receipt = (await service.record(grant())).json()
    url = await link(service)
    for headers in FETCHING:
        for query in ("", "?List-Unsubscribe=One-Click&stop=category"):
            answer = await ask(service, method, url + query, headers=headers)
            assert answer.status_code == 200
            assert (answer.content == b"") == (method != "GET")
    answered = await service.check()
    assert (answered["decision"], position(answered)) == ("allow", receipt["position"])


async def test_head_says_what_get_would(service: Service) -> None:
    url = await link(service)
    got, head = await ask(service, "GET", url), await ask(service, "HEAD", url)
    for answer in (got, head):
        del answer.headers["x-request-id"]
    assert head.headers == got.headers


async def test_other_methods_are_refused(service: Service) -> None:
    url = await link(service)
    for method in ("PUT", "DELETE", "PATCH"):
        answer = await ask(service, method, url)
        assert answer.status_code == 405
        assert "POST" in answer.headers["allow"]


ASKING_FOR_NOTHING = (
    b"",
    b"List-Unsubscribe",
    b"List-Unsubscribe=",
    b"stop=nothing",
    b"\xff\xfe\x00",
    b"--xyz\r\n\r\n",
    b"&" * 999,
)


@pytest.mark.parametrize("kind", [FORM, BOUNDARY, "multipart/form-data", "application/json", None])
async def test_a_post_that_asks_for_nothing_changes_nothing_and_says_so(
    service: Service, kind: str | None
) -> None:
    await service.record(grant())
    url, headers = await link(service), {"content-type": kind} if kind else {}
    for body in ASKING_FOR_NOTHING:
        answer = await ask(service, "POST", url, body, headers)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        person = await ask(service, "POST", url, body, headers | PAGE)
        assert person.status_code == 400
        assert "<button" in person.text
    assert (await decided(service))[0] == "allow"


async def test_a_body_that_is_too_large_or_never_ends_is_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await link(service)
    assert (await ask(service, "POST", url, b"x" * 16_385)).status_code == 413
    monkeypatch.setattr("service.api.unsubscribe.routes.BODY_SECONDS_MAX", 0.05)

    async def dripping() -> Any:  # noqa: ANN401 - chunks
        for _ in range(100):
            yield b"L"
            await asyncio.sleep(0.02)

    assert (await service.client.post(url, content=dripping())).status_code == 408


def altered(url: str) -> list[str]:
    start, token = url.rsplit("/", 1)
    swapped = "A" if token[60] != "A" else "B"
    tokens = [
        token[:-1],
        token[:64],
        token + "A",
        token[:60] + swapped + token[61:],
        "A" * 128,
        "x",
        "%00",
        "%FF",
    ]
    return [f"{start}/{each}" for each in tokens]


async def test_a_link_that_is_not_ours_says_what_to_do_and_nothing_else(service: Service) -> None:
    receipt = (await service.record(grant())).json()
    pages, problems = set(), set()
    for url in altered(await link(service)):
        got = await ask(service, "GET", url, headers=PAGE)
        posted = await ask(service, "POST", url, ONE_CLICK)
        assert (got.status_code, posted.status_code) == (404, 404), url
        pages.add(got.text)
        problems.add((posted.json()["type"], posted.json()["detail"]))
    assert len(pages) == len(problems) == 1
    assert "Acme" not in pages.pop()
    assert position(await service.check()) == receipt["position"]


async def test_the_page_stops_the_category_or_everything(service: Service) -> None:
    await service.record(grant(categories=["newsletter", "offers"]))
    url = await link(service)
    first = await ask(service, "POST", url, b"stop=category", PAGE | {"content-type": FORM})
    assert first.status_code == 200
    assert await decided(service) == ("deny", "WITHDRAWN")
    assert await decided(service, category="offers") == ("allow", "CONSENT")
    second = await ask(service, "POST", url, b"stop=sender", PAGE | {"content-type": FORM})
    assert second.status_code == 200
    assert await decided(service, category="offers") == ("deny", "OBJECTED")


async def test_programs_that_ask_for_json_get_it(service: Service) -> None:
    url, wanted = await link(service), {"accept": "application/json"}
    before = await ask(service, "GET", url, headers=wanted)
    assert before.json() == {"sender": "Acme B.V.", "category": "Newsletter", "stopped": []}
    after = await ask(service, "POST", url, ONE_CLICK, wanted)
    assert after.json() == {"sender": "Acme B.V.", "category": "Newsletter", "stopped": ["category"]}
    assert (await ask(service, "GET", url + "x", headers=wanted)).json()["status"] == 404


async def test_a_bundle_proves_the_click(service: Service) -> None:
    await service.record(grant())
    await ask(service, "POST", await link(service, message_id="<1@acme.example>"), ONE_CLICK)
    bundle = (await service.client.post("/v1/proofs", json=question(disclose=True))).content
    verdict = verify_bundle(bundle)
    assert verdict.verified, verdict
    assert verdict.answer is not None
    assert verdict.answer.reason_code == "WITHDRAWN"
    assert b"unsubscribe_link" in bundle
