"""Appending to one ledger on PostgreSQL: once, in order, and the same answer for ever."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.core.checkpoint import open_checkpoint
from service.core.errors import ConflictError, UnavailableError
from service.ledger.appending.appender import BATCH_EVENTS_MAX, QUEUE_EVENTS_MAX
from service.ledger.appending.epoch import Receipt
from tests.support.plain_log import Tree, read_log
from tests.support.workload import (
    Ledger,
    Promised,
    SetClock,
    Workload,
    Writer,
    a_writer,
    grant,
    new_ledger,
    receipts,
    soon,
)

HOUR_MS = 3_600_000


@pytest.fixture
async def ledger(database_dsn: str, tmp_path: Path) -> Ledger:
    return await new_ledger(database_dsn, tmp_path)


@pytest.fixture
async def writer(ledger: Ledger) -> AsyncIterator[Writer]:
    async with a_writer(ledger) as writer:
        yield writer


@pytest.fixture
async def other_writer(ledger: Ledger) -> AsyncIterator[Writer]:
    async with a_writer(ledger) as writer:
        yield writer


async def faults(ledger: Ledger) -> list[str]:
    return (await read_log(ledger.dsn)).faults()


async def test_a_receipt_names_the_entry_and_a_checkpoint_that_covers_it(
    ledger: Ledger, writer: Writer
) -> None:
    receipt = await writer.receive(grant(1))
    log, tree = await read_log(ledger.dsn), Tree()
    for leaf in log.leaves[: receipt.position + 1]:
        tree.add(leaf)
    signed, _ = open_checkpoint(receipt.checkpoint, ledger.keys.origin, [ledger.keys.signer.verifier])
    assert log.leaves[receipt.index] == receipt.leaf_hash
    assert receipt.index < receipt.position < signed.size
    assert signed.root == tree.root()


async def test_a_repeated_event_gets_the_receipt_of_its_first_time(ledger: Ledger, writer: Writer) -> None:
    first = await writer.receive(grant(1))
    await writer.receive(grant(2))
    again = await writer.receive(grant(1))
    assert again == Receipt(
        first.index, first.recorded_at_ms, first.leaf_hash, first.position, first.checkpoint, replayed=True
    )
    assert (await read_log(ledger.dsn)).event_count == 4  # and the sender, and the first rulebook


async def test_a_repeated_event_is_known_to_every_writer(writer: Writer, other_writer: Writer) -> None:
    first = await writer.receive(grant(1))
    again = await other_writer.receive(grant(1))
    assert (again.index, again.leaf_hash, again.replayed) == (first.index, first.leaf_hash, True)


async def test_a_used_id_with_another_body_is_refused_and_writes_nothing(
    ledger: Ledger, writer: Writer
) -> None:
    await writer.receive(grant(1))
    before = await read_log(ledger.dsn)
    with pytest.raises(ConflictError):
        await writer.receive(grant(1) | {"categories": ["offers"]})
    assert await read_log(ledger.dsn) == before


async def test_the_same_event_twice_in_one_batch_is_written_once(ledger: Ledger, writer: Writer) -> None:
    first, second = receipts(await writer.record(grant(1), grant(1)))
    assert (first.replayed, second.replayed) == (False, True)
    assert first.index == second.index
    assert not await faults(ledger)


async def test_a_conflict_within_a_batch_takes_no_other_with_it(ledger: Ledger, writer: Writer) -> None:
    other = grant(1) | {"categories": ["offers"]}
    outcomes = await writer.record(grant(1), other, grant(2))
    assert [type(outcome) for outcome in outcomes] == [Receipt, ConflictError, Receipt]
    assert not await faults(ledger)


async def test_duplicates_sent_to_two_writers_at_once_become_one_event(
    ledger: Ledger, writer: Writer, other_writer: Writer
) -> None:
    events, promised = Workload("duplicates").take(400), Promised()
    for outcomes in await asyncio.gather(writer.record(*events), other_writer.record(*events)):
        receipts(outcomes)
        promised.keep_all(events, outcomes)
    log = await read_log(ledger.dsn)
    assert log.event_count == 2 + len(events)
    assert not log.faults()
    assert not promised.lost(log.leaf_hashes)


async def test_two_writers_under_load_leave_one_unbroken_log(
    ledger: Ledger, writer: Writer, other_writer: Writer
) -> None:
    workload, promised = Workload("two writers"), Promised()
    for size in (1, 7, 300, 40, 1):
        shares = [workload.take(size) for _ in range(4)]
        writers = (writer, other_writer, writer, other_writer)
        sent = (each.record(*share) for each, share in zip(writers, shares, strict=True))
        for share, outcomes in zip(shares, await asyncio.gather(*sent), strict=True):
            receipts(outcomes)
            promised.keep_all(share, outcomes)
    log = await read_log(ledger.dsn)
    assert not log.faults()
    assert not promised.lost(log.leaf_hashes)


async def test_a_thousand_events_at_once_are_cut_into_batches(ledger: Ledger, writer: Writer) -> None:
    before = len((await read_log(ledger.dsn)).checkpoints)
    found = receipts(await writer.record(*Workload("many").take(1_000)))
    log = await read_log(ledger.dsn)
    assert len(log.checkpoints) - before == -(-1_000 // BATCH_EVENTS_MAX)
    assert [receipt.index for receipt in found] == sorted({receipt.index for receipt in found})


async def test_recorded_time_never_goes_back_when_the_clock_does(ledger: Ledger) -> None:
    clock = SetClock()
    async with a_writer(ledger, clock=clock) as writer:
        before = await writer.receive(grant(1))
        clock.now_ms -= HOUR_MS
        after = await writer.receive(grant(2))
    assert after.recorded_at_ms == before.recorded_at_ms
    assert not await faults(ledger)


async def test_two_writers_with_clocks_an_hour_apart_still_record_one_time_line(ledger: Ledger) -> None:
    behind = SetClock()
    ahead = SetClock(behind.now_ms + HOUR_MS)
    async with a_writer(ledger, clock=ahead) as one, a_writer(ledger, clock=behind) as other:
        for number in range(6):
            await (one, other)[number % 2].receive(grant(number))
    log = await read_log(ledger.dsn)
    assert not log.faults()
    assert log.recorded_times[-1] == ahead.now_ms


async def test_more_events_than_may_wait_are_told_to_come_again(writer: Writer) -> None:
    outcomes = await writer.appender.append_all([writer.admitted(grant(1))] * (QUEUE_EVENTS_MAX + 1))
    assert isinstance(outcomes.pop(), UnavailableError)
    assert len({receipt.index for receipt in receipts(outcomes)}) == 1


async def test_a_sender_who_goes_away_takes_no_other_with_it(writer: Writer) -> None:
    leaving, staying = [writer.admitted(grant(number)) for number in (1, 2)]
    waiting = [asyncio.ensure_future(writer.appender.append(event)) for event in (leaving, staying)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await soon(waiting[1])
    assert (await writer.receive(grant(3))).index > waiting[1].result().index


async def test_writers_of_two_processes_both_get_their_turn(writer: Writer, other_writer: Writer) -> None:
    async def keep_writing(each: Writer, first: int) -> int:
        for number in range(first, first + 40):
            await each.receive(grant(number))
        return 40

    await soon(
        asyncio.ensure_future(keep_writing(writer, 0)), asyncio.ensure_future(keep_writing(other_writer, 100))
    )
