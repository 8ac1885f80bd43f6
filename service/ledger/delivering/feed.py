"""The log as an outbox: every committed event once, in the order of the log, from any position on.

There is no second table of events. A position is an entry's index; the head row gives them out under its
lock, so whatever a reader sees below the head is complete, and nothing is ever put there later. What was read
last is kept in memory, so that a thousand subscribers who wait at the end cost one read.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from service.core.entries import EventEntry, decode_entry, recorded_at_ms
from service.core.errors import QuestionError
from service.core.history import logged_event
from service.ledger.delivering.cloud_events import EVERYTHING, Filter, Heard
from service.ledger.opening import OpenedEvent, Opener
from service.ledger.ports import Bell, EntryRow, SealedRow, SecretRow, Snapshot, Store

SCANNED_MAX = 2_000
"""Entries that one read looks at: a filter that passes little answers early instead of late."""
TAIL_MAX = 4_096
"""Events kept in memory for those who wait at the end of the log."""
TAIL_BEGINS = 256


@dataclass(frozen=True, slots=True)
class Page:
    """Events after a position. `scanned`: go on from there. `caught_up`: nothing more was committed."""

    events: Sequence[Heard]
    scanned: int
    caught_up: bool


class Feed:
    """Reads one ledger's events, from memory at the end of the log and from the database before it."""

    def __init__(self, store: Store, opener: Opener, bell: Bell) -> None:
        self._store = store
        self._opener = opener
        self._bell = bell
        self._reading = asyncio.Lock()
        # All events above `_tail_from` and up to `_tail_to`, in order.
        self._tail: list[Heard] = []
        self._tail_from = self._tail_to = -1

    async def read(self, after: int, wanted: Filter = EVERYTHING, *, limit: int = 100) -> Page:
        """Up to `limit` events above position `after`, oldest first, at once.

        Raises `QuestionError` for a position that does not exist: the reader knows another log.
        """
        page = self._from_memory(after, wanted, limit)
        # Something new may be an erasure of what is in memory: it is looked at first.
        if page is None or not page.events or self._bell.position > self._tail_to:
            await self._catch_up(after)
            page = self._from_memory(after, wanted, limit)
        if page is not None:
            return page
        async with self._store.snapshot() as snapshot:
            end = min(after + SCANNED_MAX, (await snapshot.head()).position)
            return self._page(await self._heard(snapshot, after, end), end, wanted, limit)

    async def wait(self, after: int, seconds: float) -> None:
        """Return when something was committed above this position, or after so many seconds."""
        await self._bell.wait(after, seconds)

    async def latest(self) -> int:
        """The position up to which everything is committed."""
        async with self._store.snapshot() as snapshot:
            return (await snapshot.head()).position

    def _from_memory(self, after: int, wanted: Filter, limit: int) -> Page | None:
        if not self._tail_from <= after <= self._tail_to:
            return None
        first = bisect_right(self._tail, after, key=_index)
        return self._page(self._tail[first:], self._tail_to, wanted, limit)

    def _page(self, known: Sequence[Heard], end: int, wanted: Filter, limit: int) -> Page:
        found: list[Heard] = []
        for heard in known:
            if len(found) == limit:
                return Page(found, found[-1].index, caught_up=False)
            if wanted.passes(heard):
                found.append(heard)
        return Page(found, end, caught_up=end >= self._bell.position)

    async def _catch_up(self, after: int) -> None:
        """Bring the tail up to the head: one read for all who found nothing new at the same time."""
        seen = self._tail_to
        async with self._reading:
            if self._tail_to > seen:
                return
            async with self._store.snapshot() as snapshot:
                position = (await snapshot.head()).position
                self._bell.heard(position)
                if after > position:
                    raise QuestionError("this position does not exist", pointer="/after", code="in_future")
                if position > self._tail_to:
                    await self._extend(snapshot, position)

    async def _extend(self, snapshot: Snapshot, position: int) -> None:
        if self._tail_to < 0 or position - self._tail_to > TAIL_MAX:
            self._tail, self._tail_from = [], max(position - TAIL_BEGINS, 0)
            self._tail_to = self._tail_from
        new = await self._heard(snapshot, self._tail_to, position)
        if any(heard.type == "erasure_executed" for heard in new):
            # What was erased is not to be told from memory.
            self._tail, self._tail_from = [], position
        else:
            self._tail.extend(new)
        self._tail_to = position
        surplus = len(self._tail) - TAIL_MAX
        if surplus > 0:
            self._tail_from = self._tail[surplus - 1].index
            del self._tail[:surplus]

    async def _heard(self, snapshot: Snapshot, after: int, end: int) -> list[Heard]:
        """The events with `after` < index ≤ `end`."""
        if end <= after:
            return []
        entries = [
            row
            for row in await snapshot.entries(after + 1, end + 1)
            if isinstance(decode_entry(row.entry), EventEntry)
        ]
        sealed = {row.index: row for row in await snapshot.records(after + 1, end + 1)}
        secrets = await snapshot.secrets(list({row.subject_key for row in sealed.values()}))
        opened = self._opened(list(sealed.values()), secrets)
        return [_heard(row, sealed.get(row.index), opened.get(row.index)) for row in entries]

    def _opened(self, rows: Sequence[SealedRow], secrets: dict[bytes, SecretRow]) -> dict[int, OpenedEvent]:
        by_subject: dict[bytes, list[SealedRow]] = {}
        for row in rows:
            by_subject.setdefault(row.subject_key, []).append(row)
        return {
            event.index: event
            for key, held in by_subject.items()
            if key in secrets
            for event in self._opener.events(key, secrets[key], held)
        }


def _heard(row: EntryRow, sealed: SealedRow | None, opened: OpenedEvent | None) -> Heard:
    return Heard(
        index=row.index,
        subject_key=sealed.subject_key if sealed is not None else bytes(32),
        recorded_at_ms=recorded_at_ms(row.entry),
        leaf_hash=row.leaf_hash,
        event=logged_event(row.index, 0, opened.record).recorded if opened is not None else None,
    )


def _index(heard: Heard) -> int:
    return heard.index
