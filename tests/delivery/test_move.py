"""A webhook that moves: verified anew, told nothing before, and missing nothing after."""

import asyncio

import pytest

from service.core.errors import InputError, NotFoundError
from tests.delivery.test_subscriptions_api import call, create
from tests.support.delivery_world import World
from tests.support.webhook_receiver import Received, Receiver, a_receiver


async def test_a_new_url_hears_nothing_until_it_has_verified_and_then_everything(
    world: World, receiver: Receiver
) -> None:
    name = (await create(world, receiver))["id"]
    receiver.answers(500)
    missed = await world.happen(3)
    await world.go()
    async with a_receiver() as other:
        other.answers(404)
        moved = await call(world, "POST", f"/{name}/url", url=other.url)
        assert (moved.status_code, moved.json()["status"]) == (200, "pending")
        assert (moved.json()["url"], moved.json()["consecutive_failures"]) == (other.url, 0)
        missed += await world.happen(2)
        await world.go()
        assert [one.type for one in other.requests] == ["subscription.verification"]
        other.answers(200)
        world.clock.move(seconds=10)
        await world.go()
        await world.go()
        assert sorted(other.positions) == missed
        assert len(receiver.positions) == 3


async def test_an_answer_of_the_old_url_verifies_no_new_one(world: World, receiver: Receiver) -> None:
    release = asyncio.Event()

    async def until_released(_: Received) -> None:
        await release.wait()

    receiver.before = until_released
    found = (await call(world, "POST", name="x", url=receiver.url)).json()
    await world.hear()
    await world.worker.turn()
    async with a_receiver() as other:
        other.answers(404)
        await world.subscriptions.move(found["id"], other.url)
        release.set()
        await world.go()
        assert len(receiver.requests) == 1
        assert (await world.status(found["id"])).status == "pending"


async def test_a_url_that_webhooks_may_not_go_to_changes_nothing(world: World, receiver: Receiver) -> None:
    name = await world.subscribe(receiver)
    with pytest.raises(InputError):
        await world.subscriptions.move(name, "file:///etc/passwd")
    with pytest.raises(NotFoundError):
        await world.subscriptions.move("sub_nobody", receiver.url)
    found = await world.status(name)
    assert (found.status, found.url) == ("enabled", receiver.url)
