"""The way out beside the allows of a campaign: asked for by all lines or by one, and no part of the proof."""

from typing import Any

import pytest

from tests.support.campaigns import DEFAULTS, NDJSON, body_of, campaign, line
from tests.support.http_service import JANE, Service, grant
from tests.support.way_out import ask, decided

# What is asked: by the defaults, by the line, and whether the header fields come.
WISHES: dict[str, tuple[bool | None, bool | None, bool]] = {
    "by nobody": (None, None, False),
    "by all": (True, None, True),
    "by all but this line": (True, False, False),
    "by this line": (None, True, True),
    "by this line against the others": (False, True, True),
}


def asked(wish: bool | None) -> dict[str, Any]:  # noqa: FBT001 - a cell of the table above
    return {} if wish is None else {"unsubscribe": wish}


@pytest.mark.parametrize("name", WISHES)
async def test_an_allow_carries_the_header_fields_where_they_are_asked_for(
    service: Service, name: str
) -> None:
    everybody, own, comes = WISHES[name]
    await service.record(grant())
    lines = [line(JANE["value"], id="crm-7", **asked(own)), line("nobody@example.org", **asked(own))]
    _, (allow, deny), _ = await campaign(service, lines, defaults=DEFAULTS | asked(everybody))
    assert (allow["decision"], allow["id"], deny["decision"]) == ("allow", "crm-7", "deny")
    assert "unsubscribe" not in deny
    alone = await service.check()
    assert allow.get("unsubscribe") == (alone["unsubscribe"] if comes else None)


async def test_a_list_carries_them_too(service: Service) -> None:
    await service.record(grant())
    body = {"defaults": DEFAULTS | {"unsubscribe": True}, "checks": [line(JANE["value"])]}
    (answer,) = (await service.client.post("/v1/checks/batch", json=body)).json()["items"]
    assert answer["unsubscribe"] == (await service.check())["unsubscribe"]


async def test_a_line_that_asks_something_else_gets_the_way_out_of_that(service: Service) -> None:
    await service.record(grant(categories=["newsletter", "offers"]))
    lines = [line(JANE["value"], category="offers")]
    _, (allow,), _ = await campaign(service, lines, defaults=DEFAULTS | {"unsubscribe": True})
    assert allow["unsubscribe"] == (await service.check(category="offers"))["unsubscribe"]


async def test_whoever_uses_it_is_out(service: Service) -> None:
    await service.record(grant())
    _, (allow,), _ = await campaign(service, [line(JANE["value"])], defaults=DEFAULTS | {"unsubscribe": True})
    link = allow["unsubscribe"]["List-Unsubscribe"].strip("<>")
    done = await ask(
        service,
        "POST",
        link,
        allow["unsubscribe"]["List-Unsubscribe-Post"].encode(),
        {"content-type": "application/x-www-form-urlencoded"},
    )
    assert done.status_code == 200
    assert await decided(service) == ("deny", "WITHDRAWN")


async def test_a_line_is_proved_without_saying_that_the_way_out_was_asked_for(service: Service) -> None:
    await service.record(grant())
    name, _, _ = await campaign(service, [line(JANE["value"], unsubscribe=True)])
    proof = {"campaign": name, "line": 1, "address": JANE}
    assert (await service.client.post("/v1/proofs", json=proof)).status_code == 200


@pytest.mark.parametrize("wish", ["yes", 1, {}])
async def test_anything_but_true_or_false_is_refused_in_its_place(service: Service, wish: object) -> None:
    body = body_of([], DEFAULTS | {"unsubscribe": wish})
    refused = await service.client.post("/v1/checks/batch", content=body, headers=NDJSON)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "/defaults/unsubscribe"
    _, (answer,), _ = await campaign(service, [line(JANE["value"], unsubscribe=wish)])
    assert answer["problem"]["errors"][0]["pointer"] == "/unsubscribe"
