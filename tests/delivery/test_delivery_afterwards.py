"""Afterwards: what is sent again, what is kept and sealed, what is forgotten, and what is counted."""

from service.delivery.worker import DEAD_KEPT_MS, DONE_KEPT_MS
from service.ledger.delivering.subscriptions import Span
from tests.support.databases import execute, fetch_value
from tests.support.delivery_world import World
from tests.support.http_service import withdrawal
from tests.support.persons import audited
from tests.support.webhook_receiver import Receiver


async def test_a_replay_goes_slowly_and_under_the_same_ids(world: World, receiver: Receiver) -> None:
    name = await world.subscribe(receiver)
    positions = await world.happen(12)
    await world.go()
    first = {one.position: one.headers["webhook-id"] for one in receiver.events}
    del receiver.requests[:]
    world.clock.stop()
    await world.subscriptions.replay(name, Span(positions[0], positions[-1]), only_dead=False)
    await world.go()
    assert len(receiver.positions) == 5, "at once"
    world.clock.move(seconds=0.1)
    await world.go()
    assert len(receiver.positions) == 7, "twenty a second"
    world.clock.move(seconds=1)
    await world.go()
    assert {one.position: one.headers["webhook-id"] for one in receiver.events} == first
    assert (await world.status(name)).replay_cursor is None


async def test_addresses_are_sealed_at_rest_and_told_to_those_who_may_see_them(
    world: World, receiver: Receiver
) -> None:
    await world.subscribe(receiver, with_address=True)
    await world.happen(person="jane.canary@example.org")
    await world.go()
    assert receiver.events[0].event["data"]["address"] == {
        "kind": "email",
        "value": "jane.canary@example.org",
    }


async def test_what_was_delivered_is_forgotten_after_a_week_and_what_waits_never(
    world: World, receiver: Receiver
) -> None:
    name = await world.subscribe(receiver)
    (taken,) = await world.happen()
    await world.go()
    receiver.answers(500)
    (waiting,) = await world.happen()
    await world.go()
    world.clock.move(days=8)
    now = world.clock()
    await world.worker._rows.forget(now - DONE_KEPT_MS, now - DEAD_KEPT_MS)  # noqa: SLF001 - as its chore does
    rows = await world.subscriptions.deliveries(name, "live", 10**9, None, 10)
    assert [row.position for row in rows] == [waiting]
    assert await world.subscriptions.attempts(name, "live", taken) == []
    assert len(await world.subscriptions.attempts(name, "live", waiting)) == 1


async def test_an_erased_person_is_told_without_the_address(world: World, receiver: Receiver) -> None:
    await world.subscribe(receiver, with_address=True)
    receiver.answers(500)
    await world.happen(person="jane.canary@example.org")
    await world.go()
    execute(world.dsn, "DELETE FROM subject_secret")
    receiver.answers(200)
    world.clock.move(minutes=1)
    await world.go()
    first, second = receiver.events
    assert "jane.canary" in first.body.decode()
    assert "jane.canary" not in second.body.decode()


async def test_what_waits_while_a_person_is_erased_is_told_as_erased(
    world: World, receiver: Receiver
) -> None:
    name = await world.subscribe(receiver, with_address=True)
    receiver.answers(500)
    (position,) = await world.happen(person="jane.canary@example.org")
    await world.go()
    await audited(world.settings)
    jane = {"address": {"kind": "email", "value": "jane.canary@example.org"}}
    assert (await world.service.client.post("/v1/subjects/erase", json=jane)).json()["erased_events"] == 1
    (attempt,) = await world.subscriptions.attempts(name, "live", position)
    assert not attempt.answer
    receiver.answers(200)
    world.clock.move(minutes=1)
    await world.go()
    told = receiver.events[-1].event
    assert (told["type"], told["data"].keys()) == ("contents_erased", {"position", "subject", "leaf_hash"})
    assert told["id"] == receiver.events[0].event["id"]


async def test_what_was_read_before_an_erasure_is_not_put_on_its_way_after_it(
    world: World, receiver: Receiver
) -> None:
    name = await world.subscribe(receiver, with_address=True)
    (position,) = await world.happen(person="jane.canary@example.org")
    dispatch = world.worker._dispatch  # noqa: SLF001 - a worker that is slow at the wrong moment
    read = await dispatch._moves(await world.subscriptions.head())  # noqa: SLF001 - as above
    assert [made.position for move in read for made in move.deliveries] == [position]
    await audited(world.settings)
    jane = {"address": {"kind": "email", "value": "jane.canary@example.org"}}
    assert (await world.service.client.post("/v1/subjects/erase", json=jane)).json()["erased_events"] == 1
    async with world.worker._rows.turn() as turn:  # noqa: SLF001 - as above
        await turn.move(read)
    assert await world.subscriptions.deliveries(name, "live", 10**9, None, 10) == []
    await world.go()
    assert all("jane.canary" not in one.body.decode() for one in receiver.events)


async def test_attempts_and_lateness_are_counted(world: World, receiver: Receiver) -> None:
    await world.subscribe(receiver)
    await world.happen(3)
    await world.go()
    text = world.metrics.text().decode()
    assert 'ledger_delivery_attempts_total{ledger="main",outcome="delivered"} 4.0' in text
    assert 'ledger_delivery_lag_seconds_count{ledger="main"} 3.0' in text


async def test_a_subscriber_hears_its_own_id_for_a_person_until_that_is_erased(
    world: World, receiver: Receiver
) -> None:
    await world.subscribe(receiver, source="crm")
    receiver.answers(500)
    named = withdrawal("named", source="crm", external_id="crm-canary-7")
    assert (await world.service.record(named)).status_code == 201
    await world.go()
    frozen = fetch_value(
        world.dsn,
        "SELECT string_agg(encode(body || coalesce(sealed, ''), 'escape'), '') FROM delivery",
    )
    assert "crm-canary-7" not in str(frozen)
    execute(world.dsn, "DELETE FROM subject_secret")
    receiver.answers(200)
    world.clock.move(minutes=1)
    await world.go()
    first, second = receiver.events
    assert first.event["data"]["external_id"] == "crm-canary-7"
    assert "external_id" not in second.event["data"]


async def test_an_endpoint_that_hears_nothing_for_a_day_gets_a_verification(
    world: World, receiver: Receiver
) -> None:
    use = world.delivering.heartbeats[world.service.ledger_id]
    await world.subscribe(receiver)
    assert await use.beat() == 0
    world.clock.move(hours=25)
    assert await use.beat() == 1
    assert await use.beat() == 0, "one a day, however many workers ask"
    await world.go()
    assert [one.type for one in receiver.requests] == ["subscription.verification"] * 2
    world.clock.move(hours=23)
    await world.happen()
    await world.go()
    world.clock.move(hours=2)
    assert await use.beat() == 0, "it has heard of something since"


async def test_a_paused_endpoint_gets_no_heartbeat(world: World, receiver: Receiver) -> None:
    name = await world.subscribe(receiver)
    await world.subscriptions.pause(name)
    world.clock.move(days=3)
    assert await world.delivering.heartbeats[world.service.ledger_id].beat() == 0
