"""Nobody who subscribes misses a withdrawal, whatever is killed and started again meanwhile."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

import pytest

from service.storage.migrate import upgrade
from service.wiring.embedded.server import EmbeddedPostgres
from tests.support.nats_server import nats_program
from tests.support.program_nursery import Nursery
from tests.support.turmoil import Turmoil, first_arrivals, turmoil, withdrawals
from tests.support.turmoil_jetstream import jetstream_reader

PAUSE_SECONDS = 0.1
SOAKED = int(os.environ.get("TURMOIL_EVENTS", "20000"))


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
        while missing(world, recorded):
            await world.mend()
            await asyncio.sleep(0.5)
    return recorded


def missing(world: Turmoil, recorded: list[int]) -> dict[str, int]:
    """How many withdrawals each way has still to tell; ways that told them all are left out."""
    lacking = {
        way: len(set(recorded).difference(position for _, position in heard))
        for way, heard in world.heard().items()
    }
    return {way: count for way, count in lacking.items() if count}


def none_missed_none_reordered(world: Turmoil, recorded: list[int]) -> None:
    for way, heard in world.heard().items():
        arrived = first_arrivals(heard)
        assert sorted(chain.from_iterable(arrived.values())) == sorted(recorded), way
        assert all(positions == sorted(positions) for positions in arrived.values()), way


async def test_every_withdrawal_arrives_in_order_while_receiver_workers_and_services_are_killed(
    database_dsn: str, tmp_path: Path, nursery: Nursery
) -> None:
    async with turmoil(database_dsn, tmp_path, nursery, seed=1) as world:
        recorded = await through(world, 300, rounds=2, seconds=120)
        none_missed_none_reordered(world, recorded)
        assert set(world.deeds) == {"kill_worker", "kill_service", "lose_receiver", "upset_receiver"}


@pytest.mark.interop
async def test_behind_a_broker_too_every_withdrawal_arrives_while_relays_and_broker_are_killed(
    database_dsn: str, tmp_path: Path, nursery: Nursery
) -> None:
    nats_program()  # or it is skipped
    async with (
        turmoil(database_dsn, tmp_path, nursery, seed=3) as world,
        jetstream_reader(world, tmp_path / "jetstream") as relayed,
    ):
        recorded = await through(world, 300, rounds=2, seconds=240, extra=relayed)
        none_missed_none_reordered(world, recorded)
        assert set(world.deeds) >= {"kill_service", "kill_relay", "kill_broker"}


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
        async with (
            turmoil(durable_server.dsn, tmp_path, nursery, seed=2) as world,
            jetstream_reader(world, tmp_path / "jetstream") as relayed,
        ):
            rounds, extra = max(SOAKED // 200, 2), (kill_postgresql, *relayed)
            recorded = await through(world, SOAKED, rounds=rounds, seconds=900, extra=extra)
            none_missed_none_reordered(world, recorded)
            assert set(world.deeds) >= {"kill_worker", "kill_service", "lose_receiver", "kill_postgresql"}
    finally:
        for server in again:
            server.stop()
