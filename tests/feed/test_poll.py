"""Polling: everything once, in order, from any position, and nothing that others may not see."""

import asyncio
from typing import Any

import pytest

from tests.support.http_service import JANE, Service, grant, withdrawal

PEOPLE = [f"person{number}@example.org" for number in range(7)]


async def poll(service: Service, **query: object) -> dict[str, Any]:
    response = await service.client.get(
        "/v1/events", params={key: str(value) for key, value in query.items()}
    )
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


async def everyone_agrees(service: Service) -> list[int]:
    receipts = [
        await service.record(grant(f"g-{value}", address={"kind": "email", "value": value}))
        for value in PEOPLE
    ]
    return [receipt.json()["index"] for receipt in receipts]


async def test_every_event_is_told_once_in_the_order_of_the_log(service: Service) -> None:
    recorded = await everyone_agrees(service)
    page = await poll(service, types="consent_granted")
    assert [item["data"]["position"] for item in page["items"]] == recorded
    assert page["caught_up"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_pages_of_any_size_add_up_to_the_same(service: Service, limit: int) -> None:
    recorded = await everyone_agrees(service)
    position, told, caught_up = 0, [], False
    while not caught_up:
        page = await poll(service, after=position, limit=limit, types="consent_granted")
        told += [item["data"]["position"] for item in page["items"]]
        position, caught_up = page["next"], page["caught_up"]
    assert told == recorded


async def test_an_item_is_a_cloud_event_that_names_nobody(service: Service) -> None:
    receipt = (await service.record(grant())).json()
    (item,) = (await poll(service, types="consent_granted"))["items"]
    assert {name: item[name] for name in ("specversion", "type", "time", "sequence")} == {
        "specversion": "1.0",
        "type": "consent_granted",
        "time": receipt["recorded_at"],
        "sequence": f"{receipt['index']:020d}",
    }
    assert item["id"] == f"evt_{receipt['leaf_hash']}"
    assert item["subject"] == item["partitionkey"] == item["data"]["subject"]
    assert item["data"]["categories"] == ["newsletter"]
    assert JANE["value"] not in str(item)
    assert "192.0.2.7" not in str(item)


async def test_the_address_is_told_to_those_who_may_see_it_and_ask(service: Service) -> None:
    await service.record(grant())
    (item,) = (await poll(service, types="consent_granted", address="true"))["items"]
    assert item["data"]["address"] == JANE
    without = await service.key("event:read")
    refused = await service.client.get("/v1/events", params={"address": "true"}, headers=without)
    assert refused.status_code == 403


FILTERS: dict[str, tuple[dict[str, str], list[str]]] = {
    "nothing asked": ({}, ["consent_granted", "consent_withdrawn", "objection"]),
    "by type": ({"types": "objection,consent_withdrawn"}, ["consent_withdrawn", "objection"]),
    "a no to everything reaches every category": (
        {"categories": "tips"},
        ["consent_withdrawn", "objection"],
    ),
    "another category hears no yes to the newsletter": (
        {"categories": "newsletter"},
        ["consent_granted"] * 1 + ["consent_withdrawn", "objection"],
    ),
    "another sender hears nothing": ({"senders": "globex"}, []),
    "another channel": ({"channels": "sms"}, ["consent_withdrawn", "objection"]),
}


@pytest.mark.parametrize("case", FILTERS)
async def test_a_filter_leaves_out_only_what_surely_concerns_something_else(
    service: Service, case: str
) -> None:
    query, expected = FILTERS[case]
    await service.record(grant())
    await service.record(withdrawal())
    await service.record(withdrawal("objection-1", type="objection"))
    told = [item["type"] for item in (await poll(service, **query))["items"]]
    assert [name for name in told if not name.endswith(("published", "registered"))] == expected


async def test_a_long_poll_is_answered_by_the_next_event(service: Service) -> None:
    position = (await poll(service))["next"]
    waiting = asyncio.create_task(poll(service, after=position, wait=20))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await service.record(withdrawal())
    page = await asyncio.wait_for(waiting, 15)
    assert [item["type"] for item in page["items"]] == ["consent_withdrawn"]


async def test_a_long_poll_that_hears_nothing_is_answered_in_time(service: Service) -> None:
    position = (await poll(service))["next"]
    assert await poll(service, after=position, wait=1) == {"items": [], "next": position, "caught_up": True}


async def test_now_means_from_here_on(service: Service) -> None:
    await service.record(grant())
    position = (await poll(service, after="now"))["next"]
    await service.record(withdrawal())
    assert [item["type"] for item in (await poll(service, after=position))["items"]] == ["consent_withdrawn"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"after": "1000000"}, 422),
        ({"after": "-1"}, 400),
        ({"after": "1e3"}, 400),
        ({"after": "9" * 40}, 400),
        ({"after": "\u0663"}, 400),
        ({"limit": "0"}, 400),
        ({"limit": "1001"}, 400),
        ({"wait": "31"}, 400),
        ({"address": "perhaps"}, 400),
        ({"adress": "true"}, 400),
        ({"types": ",".join(f"t{n}" for n in range(101))}, 422),
    ],
)
async def test_a_bad_question_is_a_clear_problem(
    service: Service, query: dict[str, str], status: int
) -> None:
    response = await service.client.get("/v1/events", params=query)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


async def test_a_far_position_is_read_from_the_database_and_agrees_with_memory(service: Service) -> None:
    await everyone_agrees(service)
    remembered = await poll(service)
    ledger = next(iter(service.composition.services.ledgers.values()))
    ledger.feed._tail, ledger.feed._tail_from, ledger.feed._tail_to = [], 9, 9  # noqa: SLF001 - forget
    assert (await poll(service))["items"] == remembered["items"]
