"""The relay and a real Kafka: keyed by person, in order, waited for, never ahead of its word."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from service.delivery.brokers import broker_of
from service.ledger.delivering.relaying import BrokerRefusedError
from tests.support.kafka_broker import KafkaBroker, a_kafka_broker
from tests.support.patience import until
from tests.support.relay_world import RelayWorld, a_relay_world, first_arrivals

pytestmark = pytest.mark.interop
TOPIC = "consent.events"
SECONDS = 240


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    with a_kafka_broker(tmp_path_factory.mktemp("kafka") / "broker") as started:
        yield started


@pytest.fixture
async def world(broker: KafkaBroker, database_dsn: str, tmp_path: Path) -> AsyncIterator[RelayWorld]:
    async with a_relay_world(
        database_dsn, tmp_path / "data", relay_url=f"kafka://{broker.host}", relay_topic=tmp_path.name
    ) as made:
        yield made


async def test_events_are_keyed_by_the_person_in_order_and_told_by_their_headers(
    broker: KafkaBroker, world: RelayWorld
) -> None:
    topic = world.settings.relay_topic
    await asyncio.to_thread(broker.make_topic, topic)
    positions = await world.happen(60)
    async with world.relay():
        await until(lambda: world.has_passed(positions[-1]), SECONDS)
    kept = await asyncio.to_thread(broker.held, topic)
    events = [msgspec.json.decode(one.value) for one in kept]
    assert sorted(event["data"]["position"] for event in events) == positions
    arrived = first_arrivals([(event["subject"], event["data"]["position"]) for event in events])
    assert all(places == sorted(places) for places in arrived.values())
    for one, event in zip(kept, events, strict=True):
        assert one.key.decode() == event["partitionkey"]
        assert one.headers["ce_id"] == event["id"].encode()
        assert one.headers["content-type"] == b"application/cloudevents+json"
        assert b"example.org" not in one.value
    assert len({(one.key, one.partition) for one in kept}) == 5, "a person has one partition"


async def test_a_broker_that_is_killed_is_waited_for_and_nothing_is_missing(
    broker: KafkaBroker, world: RelayWorld
) -> None:
    topic = world.settings.relay_topic
    await asyncio.to_thread(broker.make_topic, topic)
    positions = await world.happen(40)
    async with world.relay():
        await until(lambda: world.has_passed(positions[0]), SECONDS)
        await asyncio.to_thread(broker.kill)
        positions += await world.happen(40)
        broker.start()
        await asyncio.to_thread(broker.wait)
        await until(lambda: world.has_passed(positions[-1]), SECONDS)
    events = [msgspec.json.decode(one.value) for one in await asyncio.to_thread(broker.held, topic)]
    arrived = first_arrivals([(event["subject"], event["data"]["position"]) for event in events])
    assert sorted(place for places in arrived.values() for place in places) == positions
    assert all(places == sorted(places) for places in arrived.values())


async def test_a_topic_that_is_missing_is_told_with_what_makes_it(broker: KafkaBroker) -> None:
    await asyncio.to_thread(broker.wait)
    missing = broker_of(f"kafka://{broker.host}", "not.there", None)
    with pytest.raises(BrokerRefusedError, match=r"kafka-topics\.sh --create"):
        await missing.open()
    await missing.close()


async def test_client_properties_that_kafka_does_not_know_are_told(tmp_path: Path) -> None:
    wrong = tmp_path / "client.properties"
    for text in ("no.such.property=1", "security.protocol"):
        wrong.write_text(text, encoding="utf-8")
        with pytest.raises(BrokerRefusedError, match=r"propert|name=value"):
            await broker_of("kafka://127.0.0.1:1", TOPIC, wrong).open()
