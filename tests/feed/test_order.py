"""No reader skips an event, whoever holds a transaction open meanwhile, and whichever process wrote it."""

import asyncio
from pathlib import Path

from tests.support.http_service import Service, grant, running, withdrawal

WITHDRAWALS = 60


async def positions(service: Service, after: int = 0) -> list[int]:
    query = {"after": str(after), "types": "consent_withdrawn", "limit": "1000"}
    page = (await service.client.get("/v1/events", params=query)).json()
    return [item["data"]["position"] for item in page["items"]]


def a_withdrawal(number: int) -> dict[str, object]:
    return withdrawal(f"w-{number}", address={"kind": "email", "value": f"person{number}@example.org"})


async def test_a_reader_between_two_open_transactions_misses_neither(service: Service) -> None:
    """The second waits for the first at the head row, so no position is visible before a smaller one is."""
    (ledger,) = service.composition.services.ledgers.values()
    store = ledger.published._store  # noqa: SLF001 - a second writer
    seen: list[int] = []
    async with store.transaction() as first:
        await first.lock_head()
        second = asyncio.create_task(service.record(a_withdrawal(1)))
        await asyncio.sleep(0.3)
        seen += await positions(service)
        assert not second.done()
    receipt = (await second).json()
    seen += await positions(service, after=0)
    assert seen == [receipt["index"]]


async def test_a_reader_who_follows_two_writers_hears_everything_in_order(
    database_dsn: str, tmp_path: Path
) -> None:
    async with running(database_dsn, tmp_path) as one, running(database_dsn, tmp_path) as other:
        told: list[int] = []

        async def follow() -> None:
            position = 0
            while len(told) < WITHDRAWALS:
                query = {"after": str(position), "types": "consent_withdrawn", "wait": "5", "limit": "7"}
                page = (await one.client.get("/v1/events", params=query)).json()
                told.extend(item["data"]["position"] for item in page["items"])
                position = page["next"]

        reader = asyncio.create_task(follow())
        writers = [(one, other)[number % 2].record(a_withdrawal(number)) for number in range(WITHDRAWALS)]
        receipts = [response.json()["index"] for response in await asyncio.gather(*writers)]
        await asyncio.wait_for(reader, 60)
    assert told == sorted(receipts)


async def test_an_event_of_another_process_wakes_a_long_poll(database_dsn: str, tmp_path: Path) -> None:
    async with running(database_dsn, tmp_path) as one, running(database_dsn, tmp_path) as other:
        await one.record(grant())
        query = {"after": "now"}
        position = (await one.client.get("/v1/events", params=query)).json()["next"]
        query = {"after": str(position), "wait": "20"}
        waiting = asyncio.create_task(one.client.get("/v1/events", params=query))
        await asyncio.sleep(0.2)
        await other.record(withdrawal())
        page = (await asyncio.wait_for(waiting, 60)).json()
    assert [item["type"] for item in page["items"]] == ["consent_withdrawn"]


async def test_who_waits_again_while_the_service_stops_leaves_it_room_to_stop(service: Service) -> None:
    (ledger,) = service.composition.services.ledgers.values()
    position = await ledger.feed.latest()
    service.composition.services.drain()

    async def wait_for_ever() -> None:
        while True:
            await ledger.feed.wait(position, 30)

    waiting = asyncio.create_task(wait_for_ever())
    await asyncio.wait_for(asyncio.sleep(0.3), 5)
    waiting.cancel()
    assert (await asyncio.gather(waiting, return_exceptions=True))[0].__class__ is asyncio.CancelledError
