"""Relays: nothing left out, nobody's events reordered, and a cursor never ahead of the broker's word."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from service.core.errors import StateConflictError, UnavailableError
from service.delivery.brokers import broker_of
from service.ledger.delivering.cloud_events import Filter
from service.ledger.delivering.relaying import BrokerRefusedError, Message
from service.ledger.delivering.telling import View
from tests.support.patience import until
from tests.support.relay_world import (
    RelayWorld,
    ScriptedBroker,
    a_relay_world,
    event_of,
    first_arrivals,
    position_of,
)


class SlowBroker(ScriptedBroker):
    """Takes nothing before it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.thaw = asyncio.Event()

    async def publish(self, messages: Sequence[Message]) -> None:
        """Wait first."""
        await self.thaw.wait()
        await super().publish(messages)


async def cut_off(*_: object) -> int | None:
    raise UnavailableError


@pytest.fixture
async def world(database_dsn: str, tmp_path: Path) -> AsyncIterator[RelayWorld]:
    async with a_relay_world(database_dsn, tmp_path) as made:
        yield made


async def told(broker: ScriptedBroker, positions: list[int]) -> None:
    """Wait until all of these are acknowledged."""
    await until(lambda: set(positions) <= broker.acknowledged)


async def test_every_event_is_published_in_order_for_each_person_whatever_the_broker_loses(
    world: RelayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.delivery.relay.LAST_PAUSE_SECONDS", 0.01)
    broker = ScriptedBroker(chance=random.Random(1))  # noqa: S311 - a run that can be repeated
    positions = await world.happen(60)
    async with world.relay(broker):
        positions += await world.happen(60)
        await told(broker, positions)
    arrived = first_arrivals([(message.subject, position_of(message)) for message in broker.published])
    assert sorted(place for places in arrived.values() for place in places) == positions
    assert all(places == sorted(places) for places in arrived.values())
    assert len(broker.published) > len(positions), "some were lost on their way back"


async def test_the_cursor_is_never_ahead_of_what_was_acknowledged(
    world: RelayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.delivery.relay.LAST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("service.delivery.relay.PAGE", 7)
    positions = await world.happen(40)
    broker = ScriptedBroker(chance=random.Random(2))  # noqa: S311 - a run that can be repeated
    ahead: list[int] = []

    def look() -> None:
        cursor = world.cursor()
        ahead.extend(place for place in positions if place <= cursor and place not in broker.acknowledged)

    broker.on_wave = look
    async with world.relay(broker):
        await told(broker, positions)
        await until(lambda: world.cursor() >= positions[-1])
    assert ahead == []


async def test_it_goes_on_where_it_stopped(world: RelayWorld) -> None:
    broker = ScriptedBroker()
    positions = await world.happen(5)
    async with world.relay(broker):
        await told(broker, positions)
    later = await world.happen(5)
    async with world.relay(broker):
        await told(broker, later)
    assert [position_of(message) for message in broker.published] == positions + later


async def test_a_new_one_begins_with_what_is_still_to_come(world: RelayWorld) -> None:
    broker = ScriptedBroker()
    await world.happen(3)
    async with world.relay(broker, after=None):
        await until(lambda: broker.opened > 0)
        positions = await world.happen(2)
        await told(broker, positions)
    assert broker.acknowledged == set(positions)


async def test_asked_to_stop_while_the_broker_is_away_it_ends_and_nothing_is_forgotten(
    world: RelayWorld,
) -> None:
    broker = ScriptedBroker(away=True)
    positions = await world.happen(3)
    async with world.relay(broker) as (relay, running):
        await until(lambda: broker.opened > 1)
        relay.stop()
        await asyncio.wait_for(running, 20)
    broker.away = False
    async with world.relay(broker):
        await told(broker, positions)


async def test_of_two_with_one_name_one_publishes_and_the_other_takes_over(world: RelayWorld) -> None:
    first, second = ScriptedBroker(), ScriptedBroker()
    async with world.relay(second), world.relay(first) as (_, standing_by):
        positions = await world.happen(10)
        await told(second, positions)
        assert first.published == []
        assert not standing_by.done()
        del standing_by
    broker = ScriptedBroker()
    async with world.relay(broker) as (leader, leading):
        await until(lambda: broker.opened > 0)
        async with world.relay(first):
            leader.stop()
            await leading
            later = await world.happen(10)
            await told(first, later)
    assert broker.published == []


async def test_one_that_was_cut_off_longer_than_its_lease_moves_no_cursor(
    world: RelayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, other = SlowBroker(), ScriptedBroker()
    positions = await world.happen(4)
    async with world.relay(slow, lease_ms=500) as (relay, _):
        await until(lambda: slow.opened > 0)
        monkeypatch.setattr(relay._parts.rows, "hold", cut_off)  # noqa: SLF001 - what its heart beats with
        async with world.relay(other):
            await told(other, positions)
            slow.thaw.set()
            later = await world.happen(2)
            await told(other, later)
            await until(lambda: world.cursor() >= later[-1])
            await until(lambda: len(slow.published) > 0)
    assert [position_of(message) for message in other.published] == positions + later
    assert {position_of(message) for message in slow.published} <= set(positions)


async def test_a_name_belongs_to_one_place(world: RelayWorld) -> None:
    async with world.relay(ScriptedBroker()) as (relay, running):
        await world.happen()
        relay.stop()
        await running
    with pytest.raises(StateConflictError, match="another --name"):
        async with world.relay(ScriptedBroker(destination="scripted:elsewhere")) as (_, running):
            await asyncio.wait_for(running, 20)


async def test_a_cursor_beyond_the_log_is_an_error_and_not_a_silence(world: RelayWorld) -> None:
    with pytest.raises(StateConflictError, match="beyond the end of the log"):
        async with world.relay(ScriptedBroker(), after=10**6) as (_, running):
            await asyncio.wait_for(running, 20)


async def test_a_filter_and_a_source_say_what_is_published(world: RelayWorld) -> None:
    broker = ScriptedBroker()
    positions = await world.happen(2, source="crm", external_id="crm-7")
    wanted = Filter(types=frozenset({"consent_granted"}))
    async with (
        world.relay(broker, view=View(source="crm")),
        world.relay(other := ScriptedBroker(), name="other", wanted=wanted),
    ):
        await told(broker, positions)
        await until(lambda: world.cursor("other") >= positions[-1])
    assert other.published == []
    (event, _) = map(event_of, broker.published)
    assert event["data"]["external_id"] == "crm-7"
    assert "example.org" not in str(event)


async def test_what_is_published_is_the_event_that_a_poll_tells(world: RelayWorld) -> None:
    broker = ScriptedBroker()
    (position,) = await world.happen()
    async with world.relay(broker):
        await told(broker, [position])
    page = (await world.service.client.get("/v1/events", params={"after": position - 1})).json()
    (message,) = broker.published
    assert event_of(message) == page["items"][0]
    assert (message.event_id, message.subject) == (page["items"][0]["id"], page["items"][0]["partitionkey"])


@pytest.mark.parametrize(("url", "module"), [("nats://h", "nats"), ("kafka://h", "confluent_kafka")])
async def test_a_missing_extra_is_told_with_what_installs_it(
    url: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BrokerRefusedError, match=r"pip install 'consent-ledger\["):
        await broker_of(url, "consent.events", None).open()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nats.example.org:4222",
        "nats://",
        "nats://host:0",
        "nats://host:99999",
        "nats://host,",
        "nats://host/path",
        "amqp://host",
        "kafka://user:secret@host",
    ],
)
def test_a_url_that_names_no_broker_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BrokerRefusedError) as refused:
        broker_of(url, "consent.events", None)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("topic", ["", "a..b", ".a", "a b", "a.*", "a.>", "ä", "x" * 201, "a\n"])
def test_a_topic_that_not_every_broker_takes_is_refused(topic: str) -> None:
    with pytest.raises(BrokerRefusedError):
        broker_of("nats://host", topic, None)


@pytest.mark.parametrize(
    "url", ["nats://a,b:4222", "tls://u:p@a:1", "kafka://a,b:9093", "nats://[::1]:4222/"]
)
def test_a_url_that_names_a_broker_is_taken(url: str) -> None:
    assert broker_of(url, "consent.events", None).destination.endswith(":consent.events")
