"""Group commit: events queue up, one transaction appends them, and only its COMMIT answers their senders.

Each worker process has one `Appender` per ledger; several processes may append to one ledger at once. What
keeps them apart is the head row, locked first: no leader, no advisory lock, no sequence. What is kept between
batches (the map's strata) is a cache, believed only while the head is the one this process left behind.

A crash, step by step, by the failpoints' names:

* `queued`, `locked`, `read`, `computed`, `written`: nothing is visible; the sender tries again, as new;
* `committed`: the events are in; the sender who tries again gets the receipt of the first time;
* `marked`: as before, and the high-water mark knows it;
* `answered`: nothing is left to lose.

While the mark of one batch is written, the next is prepared; it is signed only when the mark took the last.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import cast

from service.core.entries import recorded_at_ms
from service.core.errors import (
    ForkError,
    InputError,
    LedgerError,
    NotFoundError,
    StateConflictError,
    UnavailableError,
)
from service.core.notes import Signer
from service.core.succession import KeyHistory
from service.ledger.appending.admission import Admitted
from service.ledger.appending.epoch import Epoch, Receipt
from service.ledger.appending.extending import check_extends
from service.ledger.appending.map_cache import MapCache
from service.ledger.appending.repeats import repeat, replay
from service.ledger.appending.waiting import BATCH_EVENTS_MAX, Errand, Waiting, next_batch, outcomes_of
from service.ledger.keys import LedgerKeys, Sealer
from service.ledger.ports import (
    UNMETERED,
    Clock,
    Failpoint,
    Head,
    HighWaterMark,
    Meter,
    Store,
    Transaction,
)

__all__ = ["BATCH_EVENTS_MAX", "QUEUE_EVENTS_MAX", "SHED_EVENTS", "SHED_MS", "Appender"]

QUEUE_EVENTS_MAX = 16_384
SHED_EVENTS = 4_096
"""So many waiting events, or a batch under way for `SHED_MS`, say that what comes now would wait too long."""
SHED_MS = 3_000


@dataclass(slots=True)
class _Remembered:
    """What this process knows of the log as it left it. Never believed against the head row."""

    head: Head | None = None
    marked: int = 0
    """Up to here the high-water mark is known to reach."""
    unmarked: Head | None = None
    """What was committed and the mark could not take."""


class Appender:
    """Takes admitted events and answers each with its receipt once it is durable. `meter` may be set."""

    def __init__(
        self,
        store: Store,
        keys: LedgerKeys,
        sealer: Sealer,
        mark: HighWaterMark,
        *,
        clock: Clock,
        reached: Failpoint,
    ) -> None:
        self._store = store
        self._keys = keys
        self._sealer = sealer
        self._mark = mark
        self._clock = clock
        self._reached = reached
        self.meter: Meter = UNMETERED
        self.on_committed: Callable[[int], None] = _nobody_listens
        self._queue: list[Waiting] = []
        self._flushing: asyncio.Task[None] | None = None
        self._acknowledging: asyncio.Task[None] | None = None
        self._remembered = _Remembered()
        self._map = MapCache()
        self._stopped: ForkError | None = None
        self._batch_since_ms: int | None = None
        self._succession: tuple[KeyHistory, Sequence[Signer]] | None = None

    @property
    def overloaded(self) -> bool:
        """Whether what can wait should be told to come back, while there is still room for what cannot."""
        since = self._batch_since_ms
        return len(self._queue) >= SHED_EVENTS or (since is not None and self._clock() - since >= SHED_MS)

    @property
    def backlog(self) -> int:
        """Events that wait for a batch."""
        return len(self._queue)

    async def append(self, event: Admitted) -> Receipt:
        """Append one event; returns when it is durable and covered by a signed checkpoint.

        Raises `ConflictError` for a known id with another body, `UnavailableError` when it was not (or not
        surely) written, and `ForkError` once the database no longer extends what was signed.
        """
        return await self._enqueue(event)

    def append_all(self, events: Sequence[Admitted]) -> Awaitable[list[Receipt | LedgerError]]:
        """Append many, each on its own: one that is refused takes no other with it.

        They have their place in the queue when this returns; what it returns waits for their answers.
        """
        return outcomes_of([self._enqueue(event) for event in events])

    async def run(self, errand: Errand) -> Receipt:
        """Run an errand in a batch of its own; returns, or raises, as `append` does."""
        return await self._enqueue(errand)

    def _enqueue(self, work: Admitted | Errand) -> asyncio.Future[Receipt]:
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        if self._stopped is not None:
            answer.set_exception(self._stopped)
        elif len(self._queue) >= QUEUE_EVENTS_MAX:
            self.meter.turned_away(1)
            answer.set_exception(UnavailableError("too many events are waiting to be written"))
        else:
            self._queue.append(Waiting(work, answer))
            if self._flushing is None:
                self._flushing = asyncio.create_task(self._flush())
        return answer

    async def receipt_of(self, index: int) -> Receipt:
        """The receipt of an entry that was appended before."""
        async with self._store.snapshot() as snapshot:
            entry = (await snapshot.entries_at([index]))[index]
            size, note = await snapshot.covering_checkpoint(index)
        return Receipt(index, recorded_at_ms(entry.entry), entry.leaf_hash, size - 1, note, replayed=True)

    async def require_mark(self) -> None:
        """Whether the mark takes what is appended; where it last did not, try again, for nobody else may.

        Raises `UnavailableError` while it does not, and `ForkError` where it holds another log.
        """
        unmarked = self._remembered.unmarked
        if unmarked is not None:
            await self._advance(unmarked)

    async def drain(self) -> None:
        """Wait until everything queued so far is answered."""
        while self._flushing is not None:
            await asyncio.wait([self._flushing])
        await self._acknowledged()

    async def _flush(self) -> None:
        """Write batches while there is something to write; an event never waits for company."""
        try:
            # One turn of the loop, so that requests that arrived together share a batch.
            await asyncio.sleep(0)
            while self._queue:
                batch = next_batch(self._queue)
                self._queue = self._queue[len(batch) :]
                await self._settle(batch)
        finally:
            self._flushing = None
            if self._queue:
                self._flushing = asyncio.create_task(self._flush())

    async def _settle(self, batch: list[Waiting]) -> None:
        """Commit a batch. Its senders are answered when the mark covers it, while the next is prepared."""
        self.meter.batch_begins(len(batch), len(self._queue))
        try:
            try:
                outcomes, head = await self._commit([waiting.work for waiting in batch])
            finally:
                self._batch_since_ms = None
        except Exception as error:  # noqa: BLE001 - whatever it is, no sender may wait for ever
            # The outcome of this batch is unknown or none: the cache may be ahead of the database.
            self._map.forget()
            self._refuse(batch, error)
            return
        await self._acknowledged()
        self._acknowledging = asyncio.create_task(self._acknowledge(batch, outcomes, head))

    async def _acknowledged(self) -> None:
        """Wait until the batch before is covered by the mark and answered, or refused."""
        if self._acknowledging is not None:
            await asyncio.wait([self._acknowledging])

    async def _acknowledge(
        self, batch: list[Waiting], outcomes: list[Receipt | LedgerError], head: Head
    ) -> None:
        try:
            if head.size > self._remembered.marked:
                # For a replay too: whoever wrote that event may have died before the mark knew of it.
                await self._advance(head)
            self._reached("marked")
        except Exception as error:  # noqa: BLE001 - as above
            self._refuse(batch, error)
            return
        self._answer(batch, outcomes)
        self.meter.batch_ends("committed", len(batch), head.position)
        self.on_committed(head.position)

    async def _advance(self, head: Head) -> None:
        try:
            await self._mark.advance(head.size, head.checkpoint)
        except LedgerError:
            self._remembered.unmarked = head
            self.meter.marked(durable=False)
            raise
        self._remembered.marked = max(head.size, self._remembered.marked)
        self._remembered.unmarked = None
        self.meter.marked(durable=True)

    def _refuse(self, batch: list[Waiting], error: Exception) -> None:
        outcome = "unavailable" if isinstance(error, LedgerError) else "failed"
        if isinstance(error, ForkError):
            outcome, self._stopped = "stopped", error
        # First of all: no fault of those who only count may keep a sender waiting.
        self._answer(batch, [error] * len(batch))
        self.meter.batch_ends(outcome, len(batch))
        if outcome == "stopped":
            self.meter.contradicted()

    def _answer(self, batch: list[Waiting], outcomes: Sequence[Receipt | Exception]) -> None:
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if waiting.answer.done():
                continue
            if isinstance(outcome, Receipt):
                waiting.answer.set_result(outcome)
            else:
                waiting.answer.set_exception(outcome)
        self._reached("answered")

    def _refuse_if_stopped(self) -> None:
        if self._stopped is not None:
            raise self._stopped

    async def _commit(self, work: list[Admitted | Errand]) -> tuple[list[Receipt | LedgerError], Head]:
        self._refuse_if_stopped()
        self._reached("queued")
        self._batch_since_ms = self._clock()
        async with self._store.transaction() as transaction:
            head = await transaction.lock_head()
            self._reached("locked")
            if head is None:
                raise ForkError("the ledger has no head row: it was never created here, or has been removed")
            if await check_extends(transaction, head, self._remembered.head, self._keys):
                self._map.forget()
            events = [each for each in work if isinstance(each, Admitted)]
            if events:
                outcomes, new_head = await self._append_under_lock(transaction, head, events)
            else:
                outcomes, new_head = await self._run_under_lock(transaction, head, work[0])
            self._reached("written")
        self._reached("committed")
        if self._succession is not None:
            (history, signers), self._succession = self._succession, None
            self._keys.take_up(history, signers)
        if new_head is not head:
            self._remembered.head = new_head
            self._map.take_over()
        return outcomes, new_head

    async def _append_under_lock(
        self, transaction: Transaction, head: Head, events: list[Admitted]
    ) -> tuple[list[Receipt | LedgerError], Head]:
        known = await transaction.known([event.dedup_key for event in events])
        outcomes: dict[int, Receipt | LedgerError] = {}
        fresh: dict[bytes, int] = {}
        for position, event in enumerate(events):
            if event.dedup_key in known:
                outcomes[position] = await replay(transaction, known[event.dedup_key], event)
            else:
                fresh.setdefault(event.dedup_key, position)
        if fresh:
            places, head = await self._append_fresh(
                [events[position] for position in fresh.values()], transaction, head
            )
            outcomes.update(zip(fresh.values(), places, strict=True))
        for position, event in enumerate(events):
            if position not in outcomes:
                first = fresh[event.dedup_key]
                outcomes[position] = repeat(events[first], event, outcomes[first])
        return [outcomes[position] for position in range(len(events))], head

    async def _run_under_lock(
        self, transaction: Transaction, head: Head, errand: Admitted | Errand
    ) -> tuple[list[Receipt | LedgerError], Head]:
        epoch = self._epoch(transaction, head)
        try:
            built = await cast("Errand", errand).build(transaction, epoch)
        except (InputError, StateConflictError, NotFoundError) as refusal:
            return [refusal], head
        if isinstance(built, Receipt):
            return [built], head
        self._reached("read")
        new = await self._write(epoch, transaction, head)
        return [_receipt(built, new)], new

    async def _append_fresh(
        self, events: list[Admitted], transaction: Transaction, head: Head
    ) -> tuple[list[Receipt], Head]:
        epoch = self._epoch(transaction, head)
        touched = {entry.subject_key for event in events for entry in event.entries}
        epoch.load(await transaction.subjects(list(touched)))
        self._reached("read")
        places = [epoch.add(event) for event in events]
        new = await self._write(epoch, transaction, head)
        return [_receipt(place, new) for place in places], new

    def _epoch(self, transaction: Transaction, head: Head) -> Epoch:
        epoch = Epoch(self._keys, self._sealer, head, self._clock(), head.rulebook_hash)
        epoch.anchor_hash = transaction.anchor_hash
        return epoch

    async def _write(self, epoch: Epoch, transaction: Transaction, head: Head) -> Head:
        """Write what was put into the epoch, and its end; the head that the log has then."""
        changes = await self._map.update(transaction, head, epoch.map_updates())
        # What the mark refused is not built upon: nothing is signed before it took the batch before.
        await self._acknowledged()
        self._refuse_if_stopped()
        batch = epoch.close(
            changes.root, {prefix: stratum.to_bytes() for prefix, stratum in changes.changed.items()}
        )
        self._reached("computed")
        await transaction.write(batch)
        self._succession = (epoch.history, epoch.signers) if epoch.history is not None else None
        return batch.head


def _receipt(place: tuple[int, bytes], head: Head) -> Receipt:
    return Receipt(place[0], head.recorded_at_ms, place[1], head.position, head.checkpoint)


def _nobody_listens(_position: int) -> None:
    """Do nothing."""
