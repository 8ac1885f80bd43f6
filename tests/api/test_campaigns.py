"""A campaign: many checks in one request, each answered in its place, all under one root."""

import json
from typing import Any

import pytest

from service.core.token import CAMPAIGN_TOKEN_TYPE, open_token
from tests.support.campaigns import DEFAULTS, NDJSON, body_of, campaign, line, stream
from tests.support.http_service import JANE, Service, grant, question, withdrawal

# What is wrong with it: the line, the status, and the pointer where there is one.
BAD_LINES: dict[str, tuple[object, int, str | None]] = {
    "no JSON": ("{broken", 400, None),
    "a list": ("[]", 400, None),
    "a key twice": ('{"address":{"kind":"email","value":"a@b.nl"},"id":"1","id":"2"}', 400, None),
    "no address": ({"id": "x"}, 400, "/address"),
    "an address without a domain": (line("jane.canary"), 422, "/address/value"),
    "a kind that is none": ({"address": {"kind": "fax", "value": "1"}}, 422, "/address/kind"),
    "an unknown field": (line("a@example.org", urgent=True), 400, "/urgent"),
    "another sender": (line("a@example.org", sender="beta"), 400, "/sender"),
    "an unknown channel": (line("a@example.org", channel="pigeon"), 400, "/channel"),
    "defaults again": ({"defaults": DEFAULTS}, 400, "/address"),
    "half a character": ('{"address":{"kind":"email","value":"a@example.org"},"id":"\\ud800"}', 400, None),
}
BAD_HEADERS: dict[str, tuple[str, int, str | None]] = {
    "nothing": ("", 400, None),
    "no JSON": ("{", 400, None),
    "no sender": (body_of([line("a@example.org")], {"category": "newsletter"}), 400, "/defaults/sender"),
    "an unknown sender": (body_of([], DEFAULTS | {"sender": "nobody"}), 422, "/defaults/sender"),
    "an unknown channel": (body_of([], DEFAULTS | {"channel": "pigeon"}), 400, "/defaults/channel"),
    "an unknown field": (body_of([], DEFAULTS | {"at": "2026-01-01T00:00:00Z"}), 400, "/defaults/at"),
    "a future position": (body_of([], DEFAULTS | {"min_position": 10**6}), 422, "/defaults/min_position"),
    "defaults and more": ('{"defaults":{},"address":{}}', 400, "/defaults"),
}


async def test_each_line_is_answered_in_its_place_with_a_summary_last(service: Service) -> None:
    await service.record(grant())
    _, answers, summary = await campaign(service, [line("new@example.org"), line(JANE["value"], id="crm-7")])
    assert [(each["line"], each["decision"], each["reason_code"]) for each in answers] == [
        (1, "deny", "NO_BASIS"),
        (2, "allow", "CONSENT"),
    ]
    assert [each.get("id") for each in answers] == [None, "crm-7"]
    assert (summary["count"], summary["allowed"], summary["denied"], summary["refused"]) == (2, 1, 1, 0)
    assert summary["complete"]


async def test_a_line_that_cannot_be_answered_takes_no_other_with_it(service: Service) -> None:
    bad = [each for each, _, _ in BAD_LINES.values()]
    lines = [line("a@example.org"), *bad, line("b@example.org")]
    answered = await stream(service, lines)
    assert "canary" not in answered.text
    _, *answers, last = [json.loads(each) for each in answered.text.splitlines()]
    assert [each["line"] for each in answers] == list(range(1, len(lines) + 1))
    assert answers[0]["status"] == answers[-1]["status"] == 200
    for (name, (_, status, pointer)), answer in zip(BAD_LINES.items(), answers[1:-1], strict=True):
        assert answer["status"] == status, (name, answer)
        if pointer is not None:
            assert answer["problem"]["errors"][0]["pointer"] == pointer, (name, answer)
    assert last["summary"]["refused"] == len(bad)


@pytest.mark.parametrize("name", BAD_HEADERS)
async def test_what_is_wrong_with_the_campaign_itself_is_told_before_anything_else(
    service: Service, name: str
) -> None:
    body, status, pointer = BAD_HEADERS[name]
    answered = await service.client.post("/v1/checks/batch", content=body, headers=NDJSON)
    assert answered.status_code == status, answered.text
    assert answered.headers["content-type"] == "application/problem+json"
    if pointer is not None:
        assert answered.json()["errors"][0]["pointer"] == pointer


async def test_a_line_may_ask_something_else_than_the_others(service: Service) -> None:
    await service.record(grant())
    lines = [line(JANE["value"]), line(JANE["value"], category="offers"), line(JANE["value"], channel="sms")]
    _, answers, _ = await campaign(service, [*lines, line(JANE["value"], message={"optout": False})])
    assert [each["decision"] for each in answers] == ["allow", "deny", "deny", "deny"]


async def test_without_defaults_each_line_is_a_whole_question(service: Service) -> None:
    await service.record(grant())
    answered = await stream(service, [question(), {"address": JANE}], defaults=None)
    first, second, _ = [json.loads(each) for each in answered.text.splitlines()]
    assert first["decision"] == "allow"
    assert (second["status"], second["problem"]["errors"][0]["code"]) == (400, "missing")


async def test_a_list_is_answered_like_lines(service: Service) -> None:
    await service.record(grant())
    lines = [line(JANE["value"], id="1"), line("jane.canary"), line("b@example.org")]
    answered = await service.client.post("/v1/checks/batch", json={"defaults": DEFAULTS, "checks": lines})
    assert answered.status_code == 207
    _, answers, _ = await campaign(service, lines)
    given = answered.json()
    for each in [*given["items"], *answers]:
        for name in ("position", "evaluated_at"):
            each.pop(name, None)
    assert given["items"] == answers
    assert given["summary"]["allowed"] == 1


@pytest.mark.parametrize(
    ("checks", "status"), [([], 400), ([line("a@example.org")] * 1_001, 413), ("none", 400)]
)
async def test_a_list_has_one_to_a_thousand_checks(service: Service, checks: object, status: int) -> None:
    body = {"defaults": DEFAULTS, "checks": checks}
    assert (await service.client.post("/v1/checks/batch", json=body)).status_code == status


async def test_a_list_that_is_too_large_is_refused(service: Service) -> None:
    body = b'{"checks":["' + b"x" * 9_000_000 + b'"]}'
    headers = {"content-type": "application/json"}
    assert (await service.client.post("/v1/checks/batch", content=body, headers=headers)).status_code == 413


async def test_an_endless_line_ends_the_campaign_after_what_came_before(service: Service) -> None:
    answered = await stream(service, [line("a@example.org"), "x" * 70_000, line("b@example.org")])
    _, first, refused, last = [json.loads(each) for each in answered.text.splitlines()]
    assert (first["status"], refused["status"]) == (200, 413)
    assert (last["summary"]["count"], last["summary"]["complete"]) == (1, False)
    assert last["summary"]["receipt"]


async def test_the_summary_is_signed_and_stands_in_the_log(service: Service) -> None:
    _, _, summary = await campaign(service, [line("a@example.org")])
    (ledger,) = service.composition.services.ledgers.values()
    signer = ledger.keys.signer
    keys = {signer.verifier.key_id.hex(): signer.private.public_key()}
    claims = open_token(summary["token"], keys, CAMPAIGN_TOKEN_TYPE)
    for name in ("campaign", "root", "count", "complete"):
        assert claims[name] == summary[name]
    assert claims["index"] == summary["receipt"]["index"]
    entries = await service.client.get(f"/log/main/tile/0/000.p/{summary['receipt']['index'] + 1}")
    assert entries.content[-32:].hex() == summary["receipt"]["leaf_hash"]


async def test_an_address_that_changed_is_answered_with_its_former_ones(service: Service) -> None:
    await service.record(grant())
    moved = {
        "type": "address_changed",
        "source_event_id": "moved",
        "occurred_at": "2026-03-01T00:00:00Z",
        "from": JANE,
        "to": {"kind": "email", "value": "new@example.org"},
        "by": "recipient",
        "verified": True,
    }
    assert (await service.record(moved)).status_code == 201
    _, answers, _ = await campaign(service, [line("x@example.org"), line("new@example.org"), line("y@b.nl")])
    alone = await service.check(address=line("new@example.org")["address"])
    assert answers[1]["decision"] == alone["decision"] == "allow"


async def test_without_the_detail_scope_withdrawn_and_never_seen_look_the_same(service: Service) -> None:
    await service.record(grant())
    await service.record(withdrawal())
    headers = await service.key("check:read")
    _, answers, _ = await campaign(service, [line(JANE["value"]), line("new@example.org")], headers=headers)
    withdrawn, unseen = ({**each, "line": 0, "evaluated_at": ""} for each in answers)
    assert withdrawn == unseen
    assert withdrawn["reason_code"] == "NOT_EXPLAINED"


@pytest.mark.parametrize("form", ["lines", "list"])
async def test_a_campaign_needs_its_scope(service: Service, form: str) -> None:
    headers = await service.key("proof:read")
    sent: dict[str, Any] = {"json": {"checks": []}} if form == "list" else {"content": "x"}
    kind = {} if form == "list" else NDJSON
    answered = await service.client.post("/v1/checks/batch", headers=headers | kind, **sent)
    assert answered.status_code == 403
