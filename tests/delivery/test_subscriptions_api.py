"""The subscriptions over HTTP: what an integrator does with them, and what is refused."""

from typing import Any

import pytest
from httpx import Response

from tests.support.delivery_world import World
from tests.support.webhook_receiver import Receiver

PATH = "/v1/subscriptions"


async def call(world: World, method: str, path: str = "", **body: object) -> Response:
    json = body or None
    return await world.service.client.request(method, PATH + path, json=json)


async def create(world: World, receiver: Receiver, **changes: object) -> dict[str, Any]:
    body: dict[str, Any] = {"name": "CRM", "url": receiver.url, "types": ["consent_withdrawn"], **changes}
    response = await call(world, "POST", **body)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    await world.go()
    return found


async def read(world: World, name: str) -> dict[str, Any]:
    found: dict[str, Any] = (await call(world, "GET", f"/{name}")).json()
    return found


async def test_a_life_of_a_subscription(world: World, receiver: Receiver) -> None:
    made = await create(world, receiver)
    name = made["id"]
    assert (made["status"], made["secret"][:6]) == ("pending", "whsec_")
    shown = await read(world, name)
    assert (shown["status"], shown["backlog"], "secret" in shown) == ("enabled", 0, False)
    positions = await world.happen(3)
    assert (await read(world, name))["backlog"] >= 3
    await world.go()
    assert sorted(receiver.positions) == positions
    shown = await read(world, name)
    assert (shown["backlog"], shown["consecutive_failures"], shown["oldest_undelivered_at"]) == (0, 0, None)
    assert shown["last_success_at"] is not None
    assert (await call(world, "DELETE", f"/{name}")).status_code == 204
    assert (await call(world, "GET", f"/{name}")).status_code == 404
    await world.happen()
    await world.go()
    assert len(receiver.positions) == 3


async def test_a_backlog_shows_since_when(world: World, receiver: Receiver) -> None:
    name = (await create(world, receiver))["id"]
    receiver.answers(500)
    await world.happen(2)
    await world.go()
    shown = await read(world, name)
    assert (shown["waiting"], shown["consecutive_failures"]) == (2, 2)
    assert shown["oldest_undelivered_at"] is not None


async def test_attempts_show_times_status_and_the_beginning_of_the_answer(
    world: World, receiver: Receiver
) -> None:
    name = (await create(world, receiver))["id"]
    receiver.answers(500)
    (position,) = await world.happen()
    await world.go()
    receiver.answers(200)
    world.clock.move(minutes=1)
    await world.go()
    (delivery,) = (await call(world, "GET", f"/{name}/deliveries")).json()["items"]
    assert (delivery["position"], delivery["state"], delivery["attempts"]) == (position, "done", 2)
    attempts = (await call(world, "GET", f"/{name}/deliveries/live/{position}/attempts")).json()["items"]
    assert [(one["attempt"], one["outcome"], one["status"]) for one in attempts] == [
        (1, "refused", 500),
        (2, "delivered", 200),
    ]
    assert attempts[0]["answer"] == "as told"
    assert attempts[0]["started_at"] <= attempts[0]["ended_at"] < attempts[1]["started_at"]


async def test_deliveries_are_paged_and_filtered(world: World, receiver: Receiver) -> None:
    name = (await create(world, receiver))["id"]
    positions = await world.happen(5)
    await world.go()
    page = (await call(world, "GET", f"/{name}/deliveries?limit=3")).json()
    assert [item["position"] for item in page["items"]] == positions[:1:-1]
    rest = (await call(world, "GET", f"/{name}/deliveries?limit=3&before={page['next']}")).json()
    assert ([item["position"] for item in rest["items"]], rest["next"]) == (positions[1::-1], None)
    assert (await call(world, "GET", f"/{name}/deliveries?state=dead")).json()["items"] == []


async def test_a_test_event_is_sent_once(world: World, receiver: Receiver) -> None:
    name = (await create(world, receiver))["id"]
    receiver.answers(500)
    sent = (await call(world, "POST", f"/{name}/test")).json()["event_id"]
    for _ in range(3):
        await world.go()
        world.clock.move(hours=1)
    assert [one.headers["webhook-id"] for one in receiver.requests[1:]] == [sent]
    assert (await read(world, name))["consecutive_failures"] == 0


async def test_pause_enable_rotate_and_replay(world: World, receiver: Receiver) -> None:
    name = (await create(world, receiver))["id"]
    positions = await world.happen(2)
    await world.go()
    assert (await call(world, "POST", f"/{name}/pause")).json()["status"] == "paused"
    positions += await world.happen(2)
    await world.go()
    assert len(receiver.positions) == 2
    assert (await call(world, "POST", f"/{name}/enable")).json()["status"] == "enabled"
    await world.go()
    assert sorted(receiver.positions) == positions
    secret = (await call(world, "POST", f"/{name}/secret", overlap_seconds=60)).json()["secret"]
    assert secret.startswith("whsec_")
    assert (await call(world, "POST", f"/{name}/secret")).status_code == 409
    replayed = await call(
        world, "POST", f"/{name}/replays", first_position=positions[0], last_position=positions[1]
    )
    assert replayed.status_code == 202
    await world.go()
    assert sorted(receiver.positions[4:]) == positions[:2]


async def test_a_replay_may_be_asked_for_by_time(world: World, receiver: Receiver) -> None:
    name = (await create(world, receiver))["id"]
    positions = await world.happen(4)
    await world.go()
    times = {one.position: one.event["time"] for one in receiver.events}
    del receiver.requests[:]
    span = {"from_time": times[positions[1]], "until_time": times[positions[2]]}
    assert (await call(world, "POST", f"/{name}/replays", **span)).status_code == 202
    await world.go()
    assert sorted(receiver.positions) == positions[1:3]
    del receiver.requests[:]
    await call(world, "POST", f"/{name}/replays", from_time=times[positions[2]])
    world.clock.move(seconds=1)
    await world.go()
    assert sorted(receiver.positions) == positions[2:]


NO_RANGE: dict[str, tuple[dict[str, Any], int]] = {
    "without a beginning": ({"last_position": 1}, 422),
    "with two beginnings": ({"first_position": 0, "from_time": "2026-01-01T00:00:00Z"}, 422),
    "with two ends": ({"first_position": 0, "last_position": 1, "until_time": "2096-01-01T00:00:00Z"}, 422),
    "that ends before it begins": ({"first_position": 2, "last_position": 1}, 422),
    "beyond the log": ({"first_position": 0, "last_position": 10**9}, 422),
    "of the future": ({"from_time": "2096-01-01T00:00:00Z"}, 422),
    "before there was a ledger": ({"first_position": 0, "until_time": "1990-01-01T00:00:00Z"}, 422),
    "at a time without a zone": ({"from_time": "2026-01-01T00:00:00"}, 400),
    "that is empty": ({}, 422),
}


@pytest.mark.parametrize("case", NO_RANGE)
async def test_a_range_that_does_not_exist_is_a_clear_problem(
    world: World, receiver: Receiver, case: str
) -> None:
    body, status = NO_RANGE[case]
    name = (await create(world, receiver))["id"]
    response = await world.service.client.post(f"{PATH}/{name}/replays", json=body)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")


async def test_addresses_only_from_those_who_may_see_them(world: World, receiver: Receiver) -> None:
    key = await world.service.key("subscription:manage")
    body = {"name": "x", "url": receiver.url, "address": True}
    response = await world.service.client.post(PATH, json=body, headers=key)
    assert response.status_code == 403
    body["address"] = False
    assert (await world.service.client.post(PATH, json=body, headers=key)).status_code == 201


REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "no url": ({"name": "x"}, 400),
    "a file": ({"name": "x", "url": "file:///etc/passwd"}, 422),
    "credentials": ({"name": "x", "url": "https://user:pass@example.org/"}, 422),
    "an unknown field": ({"name": "x", "url": "https://example.org/", "secret": "mine"}, 400),
    "too many types": ({"name": "x", "url": "https://example.org/", "types": ["t"] * 101}, 400),
    "a position that does not exist": ({"name": "x", "url": "https://example.org/", "after": 10**9}, 422),
    "a position below zero": ({"name": "x", "url": "https://example.org/", "after": -1}, 400),
    "no name": ({"name": "", "url": "https://example.org/"}, 400),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_bad_subscription_is_a_clear_problem(world: World, case: str) -> None:
    body, status = REFUSED[case]
    response = await call(world, "POST", **body)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert (await call(world, "GET")).json() == {"items": []}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/pause"),
        ("POST", "/enable"),
        ("POST", "/secret"),
        ("POST", "/url"),
        ("POST", "/test"),
        ("GET", "/deliveries"),
        ("GET", "/deliveries/live/3/attempts"),
        ("GET", "/deliveries/lost/3/attempts"),
        ("GET", "/deliveries/live/x/attempts"),
    ],
)
async def test_an_id_of_somebody_else_is_not_found(world: World, method: str, path: str) -> None:
    assert (await call(world, method, f"/sub_{'0' * 24}{path}")).status_code == 404


@pytest.mark.parametrize(
    "query", ["lane=fast", "state=lost", "limit=0", "limit=201", "before=x", f"before={'9' * 30}", "what=1"]
)
async def test_a_bad_query_is_a_clear_problem(world: World, receiver: Receiver, query: str) -> None:
    name = (await create(world, receiver))["id"]
    assert (await call(world, "GET", f"/{name}/deliveries?{query}")).status_code == 400


async def test_one_that_begins_at_the_beginning_hears_of_everything(world: World, receiver: Receiver) -> None:
    name = (await create(world, receiver, types=[], after=0))["id"]
    await world.go()
    assert {one.type for one in receiver.events} >= {"sender_registered"}
    assert (await read(world, name))["backlog"] == 0
