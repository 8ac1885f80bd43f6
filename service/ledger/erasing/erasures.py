"""Erasure of a person (GDPR 17): contents and keys of all of an address's events destroyed at once, for good.

What stays: the log, whose notice names indices and nobody; the pseudonymous subject key, because the
suppression (GDPR 17(3), 21(3)) must know the address again; and the tombstones that keep the map provable.

Only what was vouched for may be destroyed: the newest size of the log that was replayed whole
(`consent-ledger audit`), witnessed or timestamped must cover the person's newest event. Otherwise an erasure
would be a way to hide a withdrawal before anybody saw it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from service.core.entries import recorded_at_ms
from service.core.errors import NotAssuredError, NotFoundError
from service.core.events.vocabulary import ErasureExecuted
from service.core.history import logged_event
from service.ledger.addresses import CanonicalAddress
from service.ledger.appending.admission import Admission, Admitted
from service.ledger.appending.appender import Appender
from service.ledger.appending.epoch import Epoch, Receipt
from service.ledger.delivering.cloud_events import Heard, cloud_event
from service.ledger.erasing.ports import ErasedSubject, ErasureList
from service.ledger.opening import Opener, is_tombstone, notice_of, tombstone
from service.ledger.ports import Destruction, EntryRow, SealedRow, SecretRow, Store, Transaction

REASON_REQUEST: Final = 1
"""The person asked for it, or it was due."""
REASON_RESTORED: Final = 2
"""It was erased before, and a restored backup had brought it back."""

SOURCE: Final = "consent-ledger"
"""The `source` of the event that follows a notice."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did. `events`: so many were destroyed; 0 and no receipt: nothing was held.

    `receipt` is that of the newest notice; `linked` are addresses that the ledger knows as the same person's,
    former or later ones, which were not erased with it.
    """

    events: int
    receipt: Receipt | None
    linked: tuple[CanonicalAddress, ...]


class Erasures:
    """The way to erase; whoever calls it has the right to."""

    def __init__(
        self, store: Store, admission: Admission, opener: Opener, appender: Appender, kept: ErasureList
    ) -> None:
        self._store = store
        self._admission = admission
        self._opener = opener
        self._appender = appender
        self._kept = kept

    async def erase(self, address: CanonicalAddress) -> Erased:
        """Erase everything held of this address; returns when it is durable, here and in the list outside.

        Doing it again changes nothing. Raises `NotAssuredError`, `UnavailableError` and `ForkError`.
        """
        key = self._admission.subject_of(address)
        linked = await self._linked(key)
        try:
            erased, receipt = await self.run(key, REASON_REQUEST)
        except NotFoundError:
            return Erased(0, None, linked)
        return Erased(erased, receipt, linked)

    async def run(self, key: bytes, reason: int, *, assured_until_ms: int = -1) -> tuple[int, Receipt]:
        """Erase a subject by its key: how many events, and the receipt of the notice.

        What was recorded by `assured_until_ms` was vouched for before. Raises `NotFoundError` where nothing
        is held, and what `erase` raises.
        """
        errand = _Erasing(self._admission, self._opener, key, reason, assured_until_ms)
        receipt = await self._appender.run(errand)
        await self._kept.add([errand.noted(receipt)])
        return errand.erased, receipt

    async def _linked(self, key: bytes) -> tuple[CanonicalAddress, ...]:
        """The addresses on the other side of every change of address that this subject's events tell of."""
        async with self._store.snapshot() as snapshot:
            history = (await self._opener.histories(snapshot, [key])).get(key)
            if history is None:
                return ()
            others = {event.recorded.counterpart for event in history.logged} - {None}
            keys = sorted(bytes.fromhex(other) for other in others if other is not None)
            secrets = await snapshot.secrets(keys)
        known = [self._opener.address(other, secrets.get(other)) for other in keys]
        return tuple(address for address in known if address is not None)


class _Erasing:
    """The errand: under the head's lock everything that is held is seen, and nothing can come in between."""

    def __init__(
        self, admission: Admission, opener: Opener, key: bytes, reason: int, assured_until_ms: int
    ) -> None:
        self._admission = admission
        self._opener = opener
        self._key = key
        self._reason = reason
        self._assured_until_ms = assured_until_ms
        self.erased = 0
        self.last_index = 0

    async def build(self, transaction: Transaction, epoch: Epoch) -> tuple[int, bytes] | Receipt:
        """Put the notice and the event that tells of it into the epoch, or find that both stand already."""
        subjects = await transaction.subjects([self._key])
        rows = await transaction.records_of(self._key)
        if self._key not in subjects or not rows:
            raise NotFoundError("nothing is held of this address")
        held = [row for row in rows if not is_tombstone(row)]
        if (before := self._done_before(rows, held, subjects[self._key][1])) is not None:
            return await self._receipt_of(transaction, before)
        self.erased, self.last_index = len(held), held[-1].index
        entries = await transaction.entries_at([row.index for row in held])
        if recorded_at_ms(entries[self.last_index].entry) > self._assured_until_ms:
            assured = await transaction.assured_size()
            if self.last_index >= assured:
                raise NotAssuredError(assured, self.last_index + 1)
        epoch.load(subjects)
        notices = epoch.erase(self._key, [row.index for row in held], self._reason)
        leaf_hash = epoch.last_leaf_hash
        noted = ErasedSubject(notices[-1], leaf_hash, self._key, self.last_index, epoch.recorded_at_ms)
        declared = list(zip(held, notices, strict=True))
        epoch.destroy(destruction(declared, entries, self._admission.origin, noted))
        epoch.add(self._told(epoch, leaf_hash))
        return notices[-1], leaf_hash

    def noted(self, receipt: Receipt) -> ErasedSubject:
        """The erasure as it is listed."""
        return ErasedSubject(
            receipt.index, receipt.leaf_hash, self._key, self.last_index, receipt.recorded_at_ms
        )

    def _done_before(
        self, rows: Sequence[SealedRow], held: Sequence[SealedRow], secret: SecretRow | None
    ) -> int | None:
        """The newest notice, where all that came after it is the event that tells of it."""
        notices = [notice for row in rows if (notice := notice_of(row)) is not None]
        if not notices:
            return None
        opened = self._opener.events(self._key, secret, held)
        told = (logged_event(event.index, 0, event.record).recorded.event for event in opened)
        if not all(isinstance(event, ErasureExecuted) for event in told):
            return None
        self.last_index = max(row.index for row in rows if is_tombstone(row))
        return max(notices)

    def _told(self, epoch: Epoch, leaf_hash: bytes) -> Admitted:
        """That it was done, for those who keep copies (GDPR 19): without an address, and of no sender."""
        event = ErasureExecuted(
            # Known to nobody before this moment, so no caller can have used it.
            source_event_id=f"erasure:{leaf_hash.hex()}",
            source=SOURCE,
            occurred_at=_EPOCH + timedelta(milliseconds=epoch.recorded_at_ms),
        )
        return self._admission.admit_for(event, self._key, epoch.recorded_at_ms)

    @staticmethod
    async def _receipt_of(transaction: Transaction, notice: int) -> Receipt:
        entry = (await transaction.entries_at([notice]))[notice]
        size, note = await transaction.covering_checkpoint(notice)
        return Receipt(notice, recorded_at_ms(entry.entry), entry.leaf_hash, size - 1, note, replayed=True)


def destruction(
    held: Sequence[tuple[SealedRow, int]],
    entries: Mapping[int, EntryRow],
    origin: str,
    notice: ErasedSubject,
    *,
    with_key: bool = False,
) -> Destruction:
    """What is destroyed with these rows of one subject, each declared by the notice beside it."""
    key = notice.subject_key
    told = {
        row.index: msgspec.json.encode(
            cloud_event(origin, Heard(row.index, key, recorded_at_ms(entry.entry), entry.leaf_hash, None))
        )
        for row, _ in held
        for entry in [entries[row.index]]
    }
    return Destruction(
        subject_key=key,
        notice=notice.notice,
        leaf_hash=notice.leaf_hash,
        last_index=notice.last_index,
        at_ms=notice.at_ms,
        tombstones=[tombstone(row, declared) for row, declared in held],
        told=told,
        with_key=with_key,
    )
