"""Who may not see why learns nothing from a no: withdrawn and never seen are the same to the byte."""

import json
from typing import Any

import pytest
from httpx import Response

from tests.support.campaigns import DEFAULTS, campaign, line
from tests.support.http_service import Service, grant, question, withdrawal

# Alike in length, so that what is sent back could differ only by what is known of them.
WITHDRAWN, UNSEEN, ERASED, BOUGHT = (f"{name}@example.org" for name in ("gone1", "never", "erase", "bough"))
PURCHASE = {
    "type": "purchase",
    "source_event_id": "sale",
    "occurred_at": "2026-01-05T10:00:00Z",
    "sender": "acme",
    "seller": "acme",
    "product_category": "shoes",
    "optout_offered": False,
    "notice_given": False,
}
OF_THE_REQUEST = ("x-request-id", "ratelimit", "date")
OF_THE_MOMENT = ("evaluated_at", "token")


@pytest.fixture
async def asker(service: Service) -> dict[str, str]:
    """A key that may ask and not see why, in a ledger that knows all these people but one."""
    for name in (WITHDRAWN, ERASED):
        address = {"kind": "email", "value": name}
        assert (await service.record(grant(f"yes-{name}", address=address))).status_code == 201
        assert (await service.record(withdrawal(f"no-{name}", address=address))).status_code == 201
    erasure = {
        "type": "erasure_requested",
        "source_event_id": "erasure",
        "occurred_at": "2026-03-01T00:00:00Z",
        "sender": "acme",
        "address": {"kind": "email", "value": ERASED},
    }
    bought = PURCHASE | {"address": {"kind": "email", "value": BOUGHT}}
    for event in (erasure, bought):
        recorded = await service.record(event)
        assert recorded.status_code == 201, recorded.text
    return await service.key("check:read")


async def told(service: Service, asker: dict[str, str], name: str, **fields: object) -> Response:
    asked = question(address={"kind": "email", "value": name}, **fields)
    return await service.client.post("/v1/checks", json=asked, headers=asker)


def fixed(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in OF_THE_MOMENT}


@pytest.mark.parametrize("proof", ["none", "token"])
@pytest.mark.parametrize("known", [WITHDRAWN, ERASED, BOUGHT])
async def test_a_no_has_the_same_bytes_whoever_it_is_about(
    service: Service, asker: dict[str, str], known: str, proof: str
) -> None:
    one, other = [await told(service, asker, name, proof=proof) for name in (known, UNSEEN)]
    assert one.json()["decision"] == other.json()["decision"] == "deny"
    assert len(one.content) == len(other.content)
    assert fixed(one.json()) == fixed(other.json())
    assert list(one.json()) == list(other.json())
    headers = [
        {name: value for name, value in answer.headers.items() if name not in OF_THE_REQUEST}
        for answer in (one, other)
    ]
    assert headers[0] == headers[1]


async def test_the_token_says_no_more_than_the_answer(service: Service, asker: dict[str, str]) -> None:
    answers = [(await told(service, asker, name, proof="token")).json() for name in (WITHDRAWN, UNSEEN)]
    lengths = [[len(part) for part in answer["token"].split(".")] for answer in answers]
    assert lengths[0] == lengths[1]


@pytest.mark.parametrize("changes", [{"message": {"optout": False}}, {"channel": "sms"}, {"recipient": {}}])
async def test_so_it_is_for_questions_that_lack_something(
    service: Service, asker: dict[str, str], changes: dict[str, object]
) -> None:
    one, other = [await told(service, asker, name, proof="token", **changes) for name in (WITHDRAWN, UNSEEN)]
    assert (one.status_code, len(one.content)) == (other.status_code, len(other.content))
    assert fixed(one.json()) == fixed(other.json())


@pytest.mark.parametrize("form", ["lines", "list"])
async def test_lines_of_a_campaign_are_as_alike(service: Service, asker: dict[str, str], form: str) -> None:
    lines = [line(name) for name in (WITHDRAWN, UNSEEN, ERASED, BOUGHT)]
    if form == "lines":
        _, answers, _ = await campaign(service, lines, headers=asker)
    else:
        body = {"defaults": DEFAULTS, "checks": lines}
        answered = await service.client.post("/v1/checks/batch", json=body, headers=asker)
        answers = answered.json()["items"]
    alike = {json.dumps({**fixed(answer), "line": 0}) for answer in answers}
    assert len(alike) == 1
    assert answers[0]["reason_code"] == "NOT_EXPLAINED"
