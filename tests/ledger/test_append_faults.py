"""What an append does when the database, the mark or the log itself is not what it was."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.core.checkpoint import sign_checkpoint
from service.core.errors import ForkError, UnavailableError
from service.storage.queries import SQL
from service.wiring.durable import replace_durably
from tests.support.databases import execute
from tests.support.patience import until
from tests.support.plain_log import PlainLog, read_log
from tests.support.tamper import bring_back, flip, set_aside
from tests.support.workload import (
    Ledger,
    Workload,
    Writer,
    a_writer,
    as_superuser,
    grant,
    new_ledger,
    receipts,
)

CUT_OFF = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'consent-ledger'"
)


@dataclass
class CutOff:
    """A failpoint at which PostgreSQL ends every session of the service, once armed with a step."""

    dsn: str
    step: str | None = None

    def __call__(self, step: str) -> None:
        """Pass a step of an append."""
        if step == self.step:
            self.step = None
            execute(self.dsn, CUT_OFF)


@pytest.fixture
async def ledger(database_dsn: str, tmp_path: Path) -> Ledger:
    return await new_ledger(database_dsn, tmp_path)


@pytest.fixture
def cut_off(ledger: Ledger) -> CutOff:
    return CutOff(ledger.dsn)


@pytest.fixture
async def writer(ledger: Ledger, cut_off: CutOff) -> AsyncIterator[Writer]:
    async with a_writer(ledger, reached=cut_off) as writer:
        yield writer


async def log_of(ledger: Ledger) -> PlainLog:
    log = await read_log(ledger.dsn)
    assert not log.faults()
    return log


@pytest.mark.parametrize("step", ["queued", "locked", "read", "computed", "written"])
async def test_a_write_that_fails_leaves_no_half_batch_and_the_next_one_succeeds(
    ledger: Ledger, writer: Writer, cut_off: CutOff, step: str
) -> None:
    workload = Workload(step)
    receipts(await writer.record(*workload.take(30)))
    before, events = await log_of(ledger), workload.take(30)
    cut_off.step = step
    assert {type(outcome) for outcome in await writer.record(*events)} == {UnavailableError}
    assert await log_of(ledger) == before
    again = receipts(await writer.record(*events, *workload.take(30)))
    assert not any(receipt.replayed for receipt in again)
    assert (await log_of(ledger)).event_count == before.event_count + 60


async def test_a_log_without_its_head_row_is_not_written_to(ledger: Ledger, writer: Writer) -> None:
    before = await read_log(ledger.dsn)
    await as_superuser(ledger.dsn, "CREATE TABLE moved AS TABLE log_head", "DELETE FROM log_head")
    with pytest.raises(ForkError):
        await writer.receive(grant(1))
    await as_superuser(ledger.dsn, "INSERT INTO log_head SELECT * FROM moved")
    assert await read_log(ledger.dsn) == before


async def test_a_database_behind_what_this_process_signed_stops_the_writer(
    ledger: Ledger, writer: Writer
) -> None:
    await set_aside(ledger.dsn)
    await writer.receive(grant(1))
    await bring_back(ledger.dsn)
    before = await log_of(ledger)
    with pytest.raises(ForkError):
        await writer.receive(grant(2))
    assert await log_of(ledger) == before


async def test_another_log_of_the_same_size_stops_the_writer(ledger: Ledger, writer: Writer) -> None:
    await set_aside(ledger.dsn)
    await writer.receive(grant(1))
    mark = ledger.mark.path.read_bytes()
    await bring_back(ledger.dsn)
    ledger.mark.path.unlink()
    async with a_writer(ledger) as forger:
        await forger.receive(grant(2))
    ledger.mark.path.write_bytes(mark)
    with pytest.raises(ForkError):
        await writer.receive(grant(3))


async def test_a_writer_that_saw_a_fork_signs_nothing_more(ledger: Ledger, writer: Writer) -> None:
    await set_aside(ledger.dsn)
    await writer.receive(grant(1))
    await bring_back(ledger.dsn)
    with pytest.raises(ForkError):
        await writer.receive(grant(2))
    async with a_writer(ledger) as other:
        await other.record(*Workload("other").take(3))
    with pytest.raises(ForkError):
        await writer.receive(grant(3))


async def test_what_waits_behind_a_fork_is_not_signed_either(ledger: Ledger, writer: Writer) -> None:
    size = (await log_of(ledger)).size
    other_root = sign_checkpoint(ledger.keys.origin, size + 257, bytes(32), [ledger.keys.signer])
    replace_durably(ledger.mark.path, other_root)
    outcomes = await writer.record(*Workload("waiting").take(600))
    assert {type(outcome) for outcome in outcomes} == {ForkError}
    assert (await log_of(ledger)).size == size + 257


async def test_nothing_is_acknowledged_that_the_mark_does_not_cover(ledger: Ledger, writer: Writer) -> None:
    mark, aside = ledger.mark.path, ledger.mark.path.with_name("aside")
    mark.rename(aside)
    mark.mkdir()
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await writer.receive(grant(1))
    mark.rmdir()
    aside.rename(mark)
    receipt = await writer.receive(grant(1))
    assert ledger.mark.read() == (await log_of(ledger)).checkpoints[receipt.position + 1]


async def test_a_replay_by_another_writer_waits_for_the_mark_too(ledger: Ledger, writer: Writer) -> None:
    behind = ledger.mark.read()
    first = await writer.receive(grant(1))
    assert behind is not None
    ledger.mark.path.write_bytes(behind)
    async with a_writer(ledger) as other:
        assert (await other.receive(grant(1))).replayed
    assert ledger.mark.read() == first.checkpoint


OLDER_NOTE = """
UPDATE log_head SET checkpoint = (SELECT note FROM checkpoint ORDER BY size LIMIT 1)
"""
ALTERED = {
    "the head's size": "UPDATE log_head SET size = size + 1",
    "the head's root": flip("log_head", "root"),
    "the head's frontier": flip("log_head", "frontier"),
    "the head's checkpoint": OLDER_NOTE,
    "the map's root": flip("log_head", "map_root"),
    "the top of the map": flip("map_stratum", "slots", "prefix = ''"),
    "a garbled stratum": "UPDATE map_stratum SET slots = slots || 'x' WHERE prefix = ''",
    "a missing stratum": "DELETE FROM map_stratum WHERE prefix = ''",
}


@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED)
async def test_a_writer_that_just_began_signs_nothing_on_top_of_an_altered_head_or_map(
    ledger: Ledger, writer: Writer, change: str
) -> None:
    before = await read_log(ledger.dsn)
    await as_superuser(ledger.dsn, change)
    with pytest.raises(ForkError):
        await writer.receive(grant(1))
    assert (await read_log(ledger.dsn)).entries == before.entries


HEAD_CHANGES = {name: change for name, change in ALTERED.items() if "log_head" in change} | {
    "the rulebook": flip("log_head", "rulebook_hash"),
    "the recorded time": "UPDATE log_head SET recorded_at_ms = recorded_at_ms - 1",
}


@pytest.mark.parametrize("change", HEAD_CHANGES.values(), ids=HEAD_CHANGES)
async def test_a_writer_signs_nothing_on_top_of_a_head_that_it_did_not_leave_behind(
    ledger: Ledger, writer: Writer, change: str
) -> None:
    await writer.receive(grant(1))
    before = await read_log(ledger.dsn)
    await as_superuser(ledger.dsn, change)
    with pytest.raises(ForkError):
        await writer.receive(grant(2))
    assert (await read_log(ledger.dsn)).entries == before.entries


async def test_a_writer_that_waits_too_long_for_the_head_gives_up_and_writes_nothing(
    ledger: Ledger, writer: Writer
) -> None:
    before = await log_of(ledger)
    connection = await writer.pool.acquire()
    await connection.enter(ledger.ledger_id)
    async with connection.transaction():
        await connection.execute("SELECT FROM log_head FOR UPDATE")
        waiting = asyncio.ensure_future(writer.record(grant(1)))
        held_up = "SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"

        async def waits() -> bool:
            return bool(await connection.fetch(held_up))

        await until(waits)
        execute(
            ledger.dsn, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        )
        assert [type(outcome) for outcome in await waiting] == [UnavailableError]
    await writer.pool.release(connection)
    assert await log_of(ledger) == before


async def test_a_writer_that_freezes_with_the_head_in_its_hand_does_not_keep_it_for_ever(
    writer: Writer,
) -> None:
    limit = "SHOW idle_in_transaction_session_timeout"
    async with writer.pool.acquire() as connection:
        await connection.enter(writer.ledger.ledger_id)
        async with connection.transaction():
            await connection.fetch(SQL["lock_head"], writer.ledger.ledger_id)
            assert await connection.fetchval(limit) == "15s"
        assert await connection.fetchval(limit) == "1min"
