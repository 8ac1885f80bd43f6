"""`/v1/keys`: nobody gives away more than they have, and what was given can be taken back at once."""

from typing import Any

import pytest

from service.api.callers.key_desk import NewKey
from service.api.callers.principal import SCOPES, Quota
from tests.support.http_service import Service, question
from tests.support.patience import until

NEW: dict[str, Any] = {"label": "crm", "scopes": ["check:read"], "days": 30}


async def make(service: Service, headers: dict[str, str] | None = None, **changes: object) -> Any:  # noqa: ANN401 - httpx's
    return await service.client.post("/v1/keys", json={**NEW, **changes}, headers=headers)


async def test_a_new_key_works_and_is_shown_once(service: Service) -> None:
    made = await make(service)
    assert made.status_code == 201
    key, details = made.json()["key"], made.json()["details"]
    assert made.headers["location"] == f"/v1/keys/{details['id']}"
    headers = {"authorization": f"Bearer {key}"}
    assert (await service.client.post("/v1/checks", json=question(), headers=headers)).status_code == 200
    listed = await service.client.get("/v1/keys")
    assert details in listed.json()["items"]
    assert key[len("clk_") + 13 :] not in listed.text


@pytest.mark.parametrize(
    ("changes", "status", "pointer"),
    [
        ({"scopes": ["everything"]}, 400, "/scopes/0"),
        ({"scopes": []}, 400, "/scopes"),
        ({"days": 0}, 400, "/days"),
        ({"days": 366}, 400, "/days"),
        ({"days": None}, 400, "/days"),
        ({"label": ""}, 400, "/label"),
        ({"requests_per_minute": 0}, 400, "/requests_per_minute"),
        ({"requests_per_minute": 2**31 - 1}, 422, "/requests_per_minute"),
        ({"ledger": "other"}, 400, "/ledger"),
    ],
)
async def test_a_key_that_cannot_be_is_refused(
    service: Service, changes: dict[str, Any], status: int, pointer: str
) -> None:
    answer = await make(service, **changes)
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_key_gives_no_scope_that_it_does_not_have(service: Service) -> None:
    narrow = await service.key("key:manage", "check:read")
    assert (await make(service, narrow, scopes=["check:read"])).status_code == 201
    refused = await make(service, narrow, scopes=["check:read", "proof:disclose"])
    assert refused.status_code == 403
    assert 'scope="proof:disclose"' in refused.headers["www-authenticate"]


async def test_a_key_gives_no_quota_that_it_does_not_have(service: Service) -> None:
    desk = service.composition.services.key_desk
    wanted = NewKey("small", frozenset(SCOPES), 1, Quota(100, 10))
    text, _ = await desk.issue(service.ledger_id, wanted)
    small = {"authorization": f"Bearer {text}"}
    assert (await make(service, small, requests_per_minute=101)).status_code == 422
    made = (await make(service, small)).json()["details"]
    assert (made["requests_per_minute"], made["addresses_per_day"]) == (100, 10)


async def test_a_client_has_two_live_keys_so_that_one_can_replace_the_other(service: Service) -> None:
    first, second = [(await make(service)).json() for _ in range(2)]
    third = await make(service)
    assert third.status_code == 409
    assert third.json()["type"].endswith(":too-many-keys")
    assert (await make(service, label="shop")).status_code == 201
    assert (await service.client.delete(f"/v1/keys/{first['details']['id']}")).status_code == 204
    assert (await make(service)).status_code == 201
    assert second["key"] != first["key"]


async def test_a_revoked_key_is_soon_refused_and_revoking_again_changes_nothing(
    service: Service,
) -> None:
    made = (await make(service)).json()
    headers = {"authorization": f"Bearer {made['key']}"}
    path = f"/v1/keys/{made['details']['id']}"
    assert (await service.client.post("/v1/checks", json=question(), headers=headers)).status_code == 200
    for _ in range(2):
        assert (await service.client.delete(path)).status_code == 204

    async def is_refused() -> bool:
        return (await service.client.post("/v1/checks", json=question(), headers=headers)).status_code == 401

    await until(is_refused)


async def test_a_key_that_is_not_there_cannot_be_revoked(service: Service) -> None:
    for name, status in (("a" * 12, 404), ("nonsense", 404), ("%00", 400)):
        assert (await service.client.delete(f"/v1/keys/{name}")).status_code == status
