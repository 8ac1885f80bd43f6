"""More is claimed ahead of an endpoint that answers: kept while it is slow, given back when it fails."""

import asyncio
from collections.abc import Awaitable, Callable

from service.delivery.worker import Worker
from service.ledger.delivering.deliveries import AHEAD
from tests.support.delivery_world import World, a_world
from tests.support.webhook_receiver import Received, Receiver


def holding() -> tuple[asyncio.Event, Callable[[Received], Awaitable[None]]]:
    """A receiver's `before` that answers nothing until it is let."""
    release = asyncio.Event()

    async def until_released(_: Received) -> None:
        await release.wait()

    return release, until_released


def held(worker: Worker) -> int:
    return sum(worker._queues.held().values())  # noqa: SLF001 - what it has in hand


async def arriving(receiver: Receiver, count: int) -> None:
    async with asyncio.timeout(30):
        while receiver.in_flight < count:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


async def test_an_endpoint_that_answers_is_kept_busy_and_gets_five_at_once(
    world: World, receiver: Receiver
) -> None:
    release, receiver.before = holding()
    release.set()
    await world.subscribe(receiver)
    release.clear()
    positions = await world.happen(AHEAD + 10)
    await world.hear()
    await world.worker.turn()
    await arriving(receiver, 5)
    assert held(world.worker) == AHEAD
    release.set()
    await world.worker.settled()
    assert len(receiver.positions) == AHEAD, "without another turn"
    await world.go()
    assert sorted(receiver.positions) == positions
    assert receiver.most_in_flight == 5


async def test_what_waits_behind_slow_answers_stays_claimed_for_as_long_as_it_takes(
    world: World, receiver: Receiver
) -> None:
    await world.subscribe(receiver)
    release, receiver.before = holding()
    await world.happen(12)
    await world.hear()
    await world.worker.turn()
    await arriving(receiver, 5)
    async with a_world(world.dsn, world.settings.data_dir) as other:
        for _ in range(6):
            for each in (world, other):
                each.clock.move(seconds=10)
                await each.hear()
                await each.worker.turn()
        assert held(other.worker) == 0
        release.set()
        await world.go()
        await other.go()
    assert len(receiver.positions) == len(set(receiver.positions)) == 12


async def test_a_failure_gives_back_what_was_claimed_ahead_and_costs_it_no_attempt(
    world: World, receiver: Receiver
) -> None:
    name = await world.subscribe(receiver)
    receiver.answers(503, retry_after="60")
    positions = await world.happen(20)
    await world.go()
    assert len(receiver.positions) == 5
    rows = await world.subscriptions.deliveries(name, "live", 10**9, None, 50)
    assert sorted(row.attempts for row in rows) == [0] * 15 + [1] * 5
    assert all(row.lease_until_ms == 0 for row in rows)
    receiver.answers(200)
    world.clock.move(minutes=2)
    await world.go()
    assert sorted(set(receiver.positions)) == positions


async def test_a_pause_reaches_what_was_claimed_already(world: World, receiver: Receiver) -> None:
    name = await world.subscribe(receiver)
    release, receiver.before = holding()
    await world.happen(20)
    await world.hear()
    await world.worker.turn()
    await arriving(receiver, 5)
    await world.subscriptions.pause(name)
    world.clock.move(seconds=3)
    await world.worker.turn()
    release.set()
    await world.go()
    assert len(receiver.positions) == 5
    await world.subscriptions.enable(name)
    await world.go()
    assert len(set(receiver.positions)) == 20


async def test_a_worker_that_stops_leaves_its_claims_to_others_at_once(
    world: World, receiver: Receiver
) -> None:
    await world.subscribe(receiver)
    async with a_world(world.dsn, world.settings.data_dir) as other:
        release, receiver.before = holding()
        await world.happen(20)
        await other.hear()
        await other.worker.turn()
        await arriving(receiver, 5)
        other.worker.stop()
        release.set()
        await other.worker.run()
    assert len(receiver.positions) == 5
    await world.go()
    assert len(receiver.positions) == len(set(receiver.positions)) == 20


async def test_no_two_workers_send_more_than_five_to_one_endpoint(world: World, receiver: Receiver) -> None:
    await world.subscribe(receiver)
    release, receiver.before = holding()
    await world.happen(30)
    async with a_world(world.dsn, world.settings.data_dir) as other:
        for each in (world, other):
            await each.hear()
            await each.worker.turn()
        await arriving(receiver, 5)
        release.set()
        await asyncio.gather(world.go(), other.go())
        await world.go()
    assert receiver.most_in_flight == 5
    assert len(receiver.positions) == len(set(receiver.positions)) == 30


async def test_how_many_are_in_flight_to_one_endpoint_is_a_setting(world: World, receiver: Receiver) -> None:
    await world.subscribe(receiver)
    release, receiver.before = holding()
    await world.happen(6)
    async with a_world(world.dsn, world.settings.data_dir, in_flight=2) as other:
        await other.hear()
        await other.worker.turn()
        await arriving(receiver, 2)
        release.set()
        await other.go()
    assert receiver.most_in_flight == 2
    assert len(receiver.positions) == 6
