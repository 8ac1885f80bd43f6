"""A database that hangs: what can wait is sent away at once, checks go on, and a no is still taken."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from service.ledger.appending import appender as append
from tests.support.http_service import Service, grant, question, withdrawal
from tests.support.patience import until


async def held_up(connection: asyncpg.Connection) -> bool:
    """Whether an append waits for this connection's lock."""
    held_up = "SELECT pid FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    return bool(await connection.fetch(held_up))


@pytest.fixture
async def stalled(
    service: Service, database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[asyncpg.transaction.Transaction]:
    """Somebody holds the lock that every append needs; an append is waiting for it."""
    monkeypatch.setattr(append, "SHED_MS", 200)
    connection = await asyncpg.connect(database_dsn)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SELECT FROM log_head FOR UPDATE")
    first = asyncio.create_task(service.record(grant("first")))
    await until(lambda: held_up(connection))
    await asyncio.sleep(append.SHED_MS / 1000)
    yield transaction
    await connection.close()
    assert (await first).status_code == 201


async def test_writes_are_sent_away_early_and_told_when_to_come_back(
    service: Service, stalled: asyncpg.transaction.Transaction
) -> None:
    # The lock is held until the end of the test: whatever is answered before did not wait for it.
    answer = await service.record(grant("second"))
    batch = await service.client.post("/v1/events/batch", json={"events": [grant("third")]})
    for refused in (answer, batch):
        assert refused.status_code == 503
        assert refused.json()["type"].endswith(":overloaded")
        assert int(refused.headers["retry-after"]) >= 1
    await stalled.rollback()


async def test_checks_keep_answering(service: Service, stalled: asyncpg.transaction.Transaction) -> None:
    answers = await asyncio.gather(*(service.client.post("/v1/checks", json=question()) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    await stalled.rollback()


async def test_a_withdrawal_is_taken_and_recorded_as_soon_as_it_can_be(
    service: Service, stalled: asyncpg.transaction.Transaction
) -> None:
    waiting = asyncio.create_task(service.record(withdrawal()))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await stalled.rollback()
    assert (await waiting).status_code == 201


async def test_when_the_lock_is_free_everything_goes_on(
    service: Service, stalled: asyncpg.transaction.Transaction
) -> None:
    await stalled.rollback()

    async def taken() -> bool:
        return (await service.record(grant("second"))).status_code == 201

    await until(taken)


async def test_too_many_waiting_events_are_an_overload_too(
    service: Service, stalled: asyncpg.transaction.Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(append, "SHED_MS", 3_600_000)
    monkeypatch.setattr(append, "SHED_EVENTS", 3)
    waiting = [asyncio.create_task(service.record(grant(f"waiting-{number}"))) for number in range(3)]
    (ledger,) = service.composition.services.ledgers.values()
    await until(lambda: ledger.intake.overloaded)
    assert (await service.record(grant("one too many"))).status_code == 503
    await stalled.rollback()
    assert {(await each).status_code for each in waiting} == {201}
