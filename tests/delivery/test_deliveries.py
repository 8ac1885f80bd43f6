"""Deliveries against a real receiver and a real database: all, in order, whatever the receiver does."""

import asyncio

import pytest
from aiohttp import web

from service.ledger.delivering.dispatch import Back
from service.ledger.delivering.subscriptions import Span
from tests.support.delivery_world import World, a_world
from tests.support.patience import until
from tests.support.webhook_receiver import Received, Receiver, a_receiver


async def test_every_event_arrives_once_and_nothing_from_before(world: World, receiver: Receiver) -> None:
    await world.happen(3)
    await world.subscribe(receiver)
    positions = await world.happen(20)
    await world.go()
    assert sorted(receiver.positions) == positions
    await world.go()
    assert len(receiver.positions) == 20


async def test_the_body_is_the_same_cloud_event_that_a_poll_tells(world: World, receiver: Receiver) -> None:
    await world.subscribe(receiver)
    (position,) = await world.happen()
    await world.go()
    page = (await world.service.client.get("/v1/events", params={"after": position - 1})).json()
    (received,) = receiver.events
    assert received.event == page["items"][0]
    assert received.headers["content-type"] == "application/cloudevents+json"
    assert received.headers["webhook-id"] == received.event["id"]


async def test_a_subscription_is_pending_until_its_endpoint_answers(world: World, receiver: Receiver) -> None:
    receiver.answers(500)
    name = await world.subscribe(receiver)
    positions = await world.happen(2)
    await world.go()
    assert (await world.status(name)).status == "pending"
    assert receiver.positions == []
    receiver.answers(204)
    world.clock.move(seconds=10)
    await world.go()
    await world.go()
    assert (await world.status(name)).status == "enabled"
    assert sorted(receiver.positions) == positions
    assert receiver.requests[0].type == "subscription.verification"


async def test_events_of_one_person_come_one_after_the_other(world: World, receiver: Receiver) -> None:
    flying: dict[str, int] = {}
    together: list[int] = []

    async def slowly(received: Received) -> None:
        subject = received.event["subject"]
        flying[subject] = flying.get(subject, 0) + 1
        together.append(flying[subject])
        await asyncio.sleep(0.01)
        flying[subject] -= 1

    await world.subscribe(receiver)
    receiver.before = slowly
    for _ in range(5):
        for person in ("a@example.org", "b@example.org", "c@example.org"):
            await world.agree(person)
            await world.happen(person=person)
    await world.go()
    by_subject: dict[str, list[int]] = {}
    for received in receiver.events:
        by_subject.setdefault(received.event["subject"], []).append(received.position)
    assert len(by_subject) == 3
    assert all(positions == sorted(positions) for positions in by_subject.values())
    assert max(together) == 1
    assert receiver.most_in_flight > 1


async def test_a_later_event_waits_for_the_earlier_one_of_the_same_person(
    world: World, receiver: Receiver
) -> None:
    await world.subscribe(receiver)
    (first,) = await world.happen(person="jane@example.org")
    receiver.answer = lambda received: web.Response(status=500 if received.position == first else 200)
    second = await world.agree("jane@example.org")
    (other,) = await world.happen(person="john@example.org")
    await world.go()
    assert receiver.positions == [first, other]
    receiver.answers(200)
    world.clock.move(seconds=7)
    await world.go()
    assert receiver.positions == [first, other, first, second]


async def test_a_retry_sends_the_same_bytes_under_a_fresh_signature(world: World, receiver: Receiver) -> None:
    await world.subscribe(receiver)
    receiver.answers(500)
    await world.happen()
    await world.go()
    world.clock.move(minutes=1)
    receiver.answers(200)
    await world.go()
    first, second = receiver.events
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) >= 60
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


async def test_at_most_five_are_in_flight_to_one_endpoint(world: World, receiver: Receiver) -> None:
    async def slowly(_: Received) -> None:
        await asyncio.sleep(0.02)

    await world.subscribe(receiver)
    receiver.before = slowly
    await world.happen(30)
    await world.go()
    assert receiver.most_in_flight <= 5
    assert len(receiver.positions) == 30


async def test_gone_disables_at_once_and_enabling_resumes_with_none_missed(
    world: World, receiver: Receiver
) -> None:
    name = await world.subscribe(receiver)
    receiver.answers(410)
    before = await world.happen()
    await world.go()
    found = await world.status(name)
    assert (found.status, found.reason) == ("disabled", "gone")
    notice = receiver.requests[-1]
    assert (notice.type, notice.event["data"]["status"]) == ("subscription.updated", "disabled")
    during = await world.happen(3)
    receiver.answers(200)
    await world.go()
    del receiver.requests[:]
    await world.subscriptions.enable(name)
    await world.go()
    assert sorted(receiver.positions) == before + during


async def test_paused_sends_nothing_and_enabled_goes_on(world: World, receiver: Receiver) -> None:
    name = await world.subscribe(receiver)
    await world.subscriptions.pause(name)
    positions = await world.happen(4)
    await world.go()
    assert receiver.positions == []
    assert [one.event["data"].get("status") for one in receiver.requests][-1] == "paused"
    await world.subscriptions.enable(name)
    await world.go()
    assert sorted(receiver.positions) == positions


async def test_retry_after_is_waited_for(world: World, receiver: Receiver) -> None:
    await world.subscribe(receiver)
    receiver.answers(429, retry_after="120")
    await world.happen(1)
    await world.go()
    receiver.answers(200)
    later = await world.happen(1)
    world.clock.move(seconds=110)
    await world.go()
    assert len(receiver.positions) == 1, "the whole endpoint is left alone"
    world.clock.move(seconds=15)
    await world.go()
    assert receiver.positions[1:] == [receiver.positions[0], *later]


async def test_after_ten_failures_only_a_probe_goes_out_and_costs_no_try(
    world: World, receiver: Receiver
) -> None:
    name = await world.subscribe(receiver)
    receiver.answers(500)
    await world.happen(12)
    await world.go()
    while (await world.status(name)).endpoint.failures < 10:
        world.clock.move(seconds=8)
        await world.go()
    sent = len(receiver.positions)
    world.clock.move(seconds=200)
    await world.go()
    assert len(receiver.positions) == sent
    world.clock.move(seconds=101)
    await world.go()
    assert len(receiver.positions) == sent + 1
    receiver.answers(200)
    del receiver.requests[:]
    world.clock.move(seconds=301)
    await world.go()
    await world.go()
    assert len(set(receiver.positions)) == 12, "what waited goes at once when the endpoint is back"


async def test_an_endpoint_that_is_silent_for_five_days_is_disabled_and_resumes_where_it_was(
    world: World, receiver: Receiver
) -> None:
    name = await world.subscribe(receiver)
    receiver.answers(500)
    positions = await world.happen(3)
    for _ in range(140):
        await world.go()
        if (await world.status(name)).status == "disabled":
            break
        world.clock.move(hours=1)
    found = await world.status(name)
    assert (found.status, found.reason) == ("disabled", "failing")
    assert receiver.requests[-1].type == "subscription.updated"
    del receiver.requests[:]
    receiver.answers(200)
    positions += await world.happen(2)
    await world.subscriptions.enable(name)
    await world.go()
    assert sorted(set(receiver.positions)) == positions
    receiver.answers(500)
    await world.happen()
    await world.go()
    assert (await world.status(name)).status == "enabled", "old failures do not disable it again"


async def test_one_event_that_is_never_taken_is_given_up_and_the_others_go_on(
    world: World, receiver: Receiver
) -> None:
    name = await world.subscribe(receiver)
    (poison,) = await world.happen(person="jane@example.org")
    receiver.answer = lambda received: web.Response(status=500 if received.position == poison else 200)
    later = await world.agree("jane@example.org")
    for _ in range(13):
        await world.happen()  # its success keeps the endpoint's breaker closed
        await world.go()
        world.clock.move(hours=30)
    found = await world.status(name)
    assert (found.status, found.dead, receiver.positions.count(poison)) == ("enabled", 1, 12)
    await world.go()
    assert receiver.positions.count(later) == 1
    receiver.answers(200)
    count = await world.subscriptions.replay(name, Span(0), only_dead=True)
    assert count == 1
    await world.go()
    assert receiver.positions[-1] == poison


@pytest.mark.parametrize("command", ["disable", "abort-message"])
async def test_a_receiver_may_say_stop_in_a_header(world: World, receiver: Receiver, command: str) -> None:
    name = await world.subscribe(receiver)
    receiver.answers(400, webhook_delivery=command)
    await world.happen()
    await world.go()
    found = await world.status(name)
    assert (found.status, found.dead) == (("disabled", 0) if command == "disable" else ("enabled", 1))


async def test_a_dead_and_a_dripping_endpoint_delay_nobody(world: World, receiver: Receiver) -> None:
    release = asyncio.Event()

    async def forever(_: Received) -> None:
        await release.wait()

    async with a_receiver() as stuck:
        live = [receiver]
        await world.subscribe(receiver)
        await world.subscribe(stuck)
        await world.subscribe("http://127.0.0.1:1/dead")
        stuck.before = forever
        positions = await world.happen(15)
        await world.hear()

        async def delivered() -> bool:
            await world.worker.turn()
            return len(receiver.positions) == 15

        await until(delivered)
        assert sorted(live[0].positions) == positions
        assert stuck.in_flight == 5
        release.set()
        await world.go()
        assert sorted(stuck.positions) == positions


async def test_a_killed_workers_deliveries_are_taken_over_when_their_lease_runs_out(
    world: World, receiver: Receiver
) -> None:
    name = await world.subscribe(receiver)
    positions = await world.happen(3)
    await world.hear()
    dispatch = world.worker._dispatch  # noqa: SLF001 - a worker that claims, and dies
    taken = await dispatch.turn(Back(), await world.subscriptions.head(), {})
    assert len(taken.claimed) == 3
    await world.go()
    assert receiver.positions == []
    world.clock.move(seconds=31)
    await world.go()
    assert sorted(receiver.positions) == positions
    rows = await world.subscriptions.deliveries(name, "live", 10**9, None, 10)
    assert {(row.state, row.attempts) for row in rows} == {("done", 2)}


async def test_two_workers_at_once_deliver_everything_once(world: World, receiver: Receiver) -> None:
    await world.subscribe(receiver)
    async with a_world(world.dsn, world.settings.data_dir) as other:
        for _ in range(10):
            await world.happen(5)
            await other.happen(0)
            await asyncio.gather(world.go(), other.go())
    assert len(receiver.positions) == 50
    assert len(set(receiver.positions)) == 50
