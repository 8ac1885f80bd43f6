"""Nobody who subscribes misses a withdrawal, whatever is killed and started again meanwhile."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from service.storage.migrate import upgrade
from service.wiring.embedded import EmbeddedPostgres
from tests.support.program_nursery import Nursery, a_nursery
from tests.support.turmoil import Turmoil, turmoil, withdrawals

PAUSE_SECONDS = 0.1


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with a_nursery() as made:
        yield made


async def through(
    world: Turmoil,
    count: int,
    *,
    rounds: int,
    seconds: float,
    extra: Sequence[Callable[[], Awaitable[None]]] = (),
) -> list[int]:
    """Record so many withdrawals under the rage, then wait for the last of them; their positions."""
    chunks = withdrawals(count, max(count // 6, 5), random.Random(world.chance.random()))  # noqa: S311 - a test's
    raging = asyncio.create_task(world.rage(rounds, extra))
    recorded: list[int] = []
    for chunk in chunks:
        recorded += await world.record(chunk)
        await asyncio.sleep(PAUSE_SECONDS)
    await raging
    async with asyncio.timeout(seconds):
        while not set(recorded) <= {one.position for one in world.received}:  # noqa: ASYNC110 - many senders
            await asyncio.sleep(0.1)
    return recorded


def none_missed_none_reordered(world: Turmoil, recorded: list[int]) -> None:
    arrived = world.first_arrivals()
    assert sorted(position for positions in arrived.values() for position in positions) == sorted(recorded)
    assert all(positions == sorted(positions) for positions in arrived.values())


async def test_every_withdrawal_arrives_in_order_while_receiver_workers_and_services_are_killed(
    database_dsn: str, tmp_path: Path, nursery: Nursery
) -> None:
    async with turmoil(database_dsn, tmp_path, nursery, seed=1) as world:
        recorded = await through(world, 300, rounds=2, seconds=120)
        none_missed_none_reordered(world, recorded)
        assert set(world.deeds) == {"kill_worker", "kill_service", "lose_receiver", "upset_receiver"}


@pytest.mark.soak
async def test_twenty_thousand_withdrawals_arrive_while_postgresql_is_killed_too(
    durable_server: EmbeddedPostgres, tmp_path: Path, nursery: Nursery
) -> None:
    upgrade(durable_server.dsn)
    again: list[EmbeddedPostgres] = []

    async def kill_postgresql() -> None:
        pid = again[-1].pid if again else durable_server.pid
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        again.append(await asyncio.to_thread(EmbeddedPostgres.start, durable_server.directory))

    try:
        async with turmoil(durable_server.dsn, tmp_path, nursery, seed=2) as world:
            recorded = await through(world, 20_000, rounds=100, seconds=600, extra=(kill_postgresql,))
            none_missed_none_reordered(world, recorded)
            assert set(world.deeds) >= {"kill_worker", "kill_service", "lose_receiver", "kill_postgresql"}
    finally:
        for server in again:
            server.stop()
