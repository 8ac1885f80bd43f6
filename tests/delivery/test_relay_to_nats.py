"""The relay and a real NATS JetStream: acknowledged, de-duplicated, waited for, never taken for granted."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from service.ledger.delivering.relaying import BrokerRefusedError
from tests.support.nats_server import NatsServer, a_nats_server
from tests.support.patience import until
from tests.support.relay_world import RelayWorld, a_relay_world

TOPIC = "consent.events"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with a_nats_server(tmp_path / "jetstream") as started:
        yield started


@pytest.fixture
async def world(server: NatsServer, database_dsn: str, tmp_path: Path) -> AsyncIterator[RelayWorld]:
    async with a_relay_world(database_dsn, tmp_path / "data", relay_url=server.url) as made:
        yield made


async def held(server: NatsServer) -> list[int]:
    """The positions that the stream holds, in its order."""
    return [msgspec.json.decode(one.data)["data"]["position"] for one in await server.held()]


async def test_events_stand_in_the_stream_under_type_and_pseudonym_and_once_each(
    server: NatsServer, world: RelayWorld
) -> None:
    await server.make_stream(TOPIC)
    positions = await world.happen(12)
    for name in ("first", "second"):  # a relay that lost everything it knew repeats everything
        async with world.relay(name=name):
            await until(partial(world.has_passed, positions[-1], name))
    messages = await server.held()
    assert sorted(await held(server)) == positions
    event = msgspec.json.decode(messages[0].data)
    assert messages[0].subject == f"{TOPIC}.consent_withdrawn.{event['subject']}"
    assert messages[0].headers["Nats-Msg-Id"] == event["id"]
    assert messages[0].headers["content-type"] == "application/cloudevents+json"


async def test_a_server_that_is_killed_is_waited_for_and_nothing_is_missing(
    server: NatsServer, world: RelayWorld
) -> None:
    await server.make_stream(TOPIC)
    positions = await world.happen(20)
    async with world.relay():
        await until(lambda: world.has_passed(positions[0]))
        server.kill()
        positions += await world.happen(20)
        server.start()
        await until(lambda: world.has_passed(positions[-1]))
    assert sorted(await held(server)) == positions


async def test_the_program_publishes_until_it_is_asked_to_stop(server: NatsServer, world: RelayWorld) -> None:
    await server.make_stream(TOPIC)
    (position,) = await world.happen()
    secret = f"nats://user:canary-secret@127.0.0.1:{server.port}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service", "relay", "--after", "0", "--type", "consent_withdrawn"),
        env=os.environ
        | {
            "DATABASE_URL": world.dsn,
            "CONSENT_LEDGER_DATA_DIR": str(world.settings.data_dir),
            "CONSENT_LEDGER_RELAY_URL": secret,
        },
        stderr=asyncio.subprocess.PIPE,
    )
    await until(lambda: world.has_passed(position))
    process.terminate()
    _, said = await process.communicate()
    assert process.returncode == 0
    assert b'"relay_ended"' in said
    assert b"canary-secret" not in said
    assert b"example.org" not in said
    assert await held(server) == [position]


async def test_a_stream_that_is_missing_is_told_with_what_makes_it(
    server: NatsServer, world: RelayWorld
) -> None:
    async with server.client():
        with pytest.raises(BrokerRefusedError, match=r"nats stream add"):
            async with world.relay() as (_, running):
                await asyncio.wait_for(running, 60)
