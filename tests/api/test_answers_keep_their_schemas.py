"""What the running service answers keeps the published JSON Schemas."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from service.core.token import decode_base64url
from tests.support.examples import FORM
from tests.support.http_service import Service, grant, question, withdrawal
from tests.support.json_schemas import schemas

VALIDATORS = {
    name.removesuffix(".v1.json"): Draft202012Validator(schema) for name, schema in schemas().items()
}


def complaints(name: str, document: object) -> list[str]:
    return [f"{error.json_path}: {error.message}"[:300] for error in VALIDATORS[name].iter_errors(document)]


async def test_a_receipt_and_its_replay(service: Service) -> None:
    for status in (201, 200):
        response = await service.record(grant())
        assert response.status_code == status
        assert complaints("receipt", response.json()) == []


async def test_an_allow_a_deny_and_their_tokens(service: Service) -> None:
    for told, decision in ((grant(), "allow"), (withdrawal(), "deny")):
        await service.record(told)
        answer = await service.check(proof="token", explain="en")
        assert answer["decision"] == decision
        assert complaints("answer", answer) == []
        payload = json.loads(decode_base64url(answer["token"].split(".")[1]))
        assert complaints("token", payload) == []


async def test_an_answer_that_does_not_say_why(service: Service) -> None:
    key = await service.key("check:read")
    answer = (await service.client.post("/v1/checks", json=question(), headers=key)).json()
    assert answer["reason_code"] == "NOT_EXPLAINED"
    assert complaints("answer", answer) == []


async def test_an_answer_that_was_turned_round_does_not_keep_it(service: Service) -> None:
    answer = await service.check()
    assert complaints("answer", answer | {"decision": "allow"}) != []
    assert complaints("answer", answer | {"decision": "maybe"}) != []


PROBLEMS: dict[str, tuple[str, Any]] = {
    "/v1/events": ("a field that nobody knows", grant(colour="red")),
    "/v1/checks": ("no question", {}),
    "/v1/forms": ("no form", {"title": "x"}),
    "/v1/senders": ("a list", []),
    "/v1/nothing": ("no such route", {}),
}


@pytest.mark.parametrize("path", PROBLEMS)
async def test_every_refusal_is_a_problem(service: Service, path: str) -> None:
    response = await service.client.post(path, json=PROBLEMS[path][1])
    assert response.status_code >= 400
    assert complaints("problem", response.json()) == []


async def test_the_rulebook_in_force_and_a_published_form(service: Service) -> None:
    rulebook = (await service.client.get("/v1/rulebook")).json()
    assert complaints("rulebook", rulebook["rulebook"]) == []
    published = (await service.client.post("/v1/forms", json=FORM)).json()
    form = (await service.client.get(f"/v1/forms/{published['id']}")).json()
    assert complaints("form", form["form"]) == []
    assert complaints("receipt", published["receipt"]) == []


async def test_a_bundle_over_http(service: Service) -> None:
    await service.record(grant())
    bundle = (await service.client.post("/v1/proofs", json=question())).json()
    assert complaints("bundle", bundle) == []
