"""From sealed rows back to openings, records, evidence and addresses: the reverse of what `Epoch` sealed.

What an erasure destroyed stays destroyed. Its rows may be gone, or be tombstones: rows whose `sealed` holds
nothing but the index of the erasure notice. Tombstones let the subject's chain still be shown, without
contents, whatever was recorded since; without them the notice is found through the subject's standing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag

from service.core.entries import ErasureEntry, decode_entry, recorded_at_ms
from service.core.errors import ForkError
from service.core.history import Erasure, LoggedEvent, logged_event
from service.core.law.standing import decode_standing
from service.core.records import HASH_SIZE
from service.ledger.addresses import CanonicalAddress
from service.ledger.keys import Sealer
from service.ledger.ports import EntryRow, SealedRow, SecretRow, Snapshot, SubjectRow

_TOMBSTONE_SIZE = 8


@dataclass(frozen=True, slots=True)
class OpenedEvent:
    """One event as it was sealed. `record` and `evidence` are canonical JSON, exactly as they were hashed."""

    index: int
    opening: bytes
    record: bytes
    evidence: bytes | None


@dataclass(frozen=True, slots=True)
class History:
    """All that is held of one subject, read as one state.

    `events` are those still held, `logged` the same, ready to fold; `erased` the indices of those whose
    contents were destroyed, by the notices at `notices`. `entries` has the entries of all of these.
    """

    subject_key: bytes
    row: SubjectRow
    address: CanonicalAddress | None
    events: tuple[OpenedEvent, ...]
    logged: tuple[LoggedEvent, ...]
    erased: tuple[int, ...]
    notices: tuple[int, ...]
    entries: dict[int, EntryRow]

    @property
    def erasure(self) -> Erasure | None:
        """The newest notice, as the fold takes it; None when nothing was destroyed."""
        if not self.notices:
            return None
        newest = self.notices[-1]
        return Erasure(newest, recorded_at_ms(self.entries[newest].entry))


class Opener:
    """Opens what the ledger's own sealer sealed. Everything it reads is read from one snapshot."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def histories(self, snapshot: Snapshot, keys: Iterable[bytes]) -> dict[bytes, History]:
        """Everything held of those of the subjects that exist.

        Raises `ForkError` when rows are missing that no erasure explains, or do not open.
        """
        rows = await snapshot.subjects(list(keys))
        sealed = {key: await snapshot.records_of(key) for key in rows}
        opened = {key: self.events(key, secret, sealed[key]) for key, (_, secret) in rows.items()}
        notices = {key: self._notices(row, sealed[key]) for key, (row, _) in rows.items()}
        wanted = {row.index for held in sealed.values() for row in held}
        entries = await snapshot.entries_at(sorted(wanted.union(*notices.values())))
        histories = {}
        for key, (row, secret) in rows.items():
            erased = _erased(row, sealed[key], notices[key], entries)
            entries |= await snapshot.entries_at([index for index in erased if index not in entries])
            histories[key] = History(
                subject_key=key,
                row=row,
                address=self.address(key, secret),
                events=tuple(opened[key]),
                logged=tuple(_logged(event, entries) for event in opened[key]),
                erased=erased,
                notices=notices[key],
                entries=entries,
            )
        return histories

    def address(self, subject_key: bytes, secret: SecretRow | None) -> CanonicalAddress | None:
        """The subject's canonical address, or sender id; None where it was erased. Raises `ForkError`."""
        if secret is None:
            return None
        try:
            cipher = self._sealer.open_subject(subject_key, secret.wrapped_key)
            plain = self._sealer.open(cipher, secret.sealed_address, subject_key)
        except InvalidTag as error:
            raise ForkError("a sealed address does not open with this ledger's keys") from error
        kind, separator, value = plain.decode().partition(":")
        return CanonicalAddress(kind, value) if separator else None

    def events(
        self, subject_key: bytes, secret: SecretRow | None, rows: Sequence[SealedRow]
    ) -> list[OpenedEvent]:
        """Everything still held of one subject, in the order of `rows`; tombstones are passed over.

        Raises `ForkError` when something was sealed under other keys, or for another place.
        """
        held = [row for row in rows if notice_of(row) is None]
        if not held:
            return []
        if secret is None:
            raise ForkError("events are held of a subject whose key is gone")
        opened = []
        try:
            cipher = self._sealer.open_subject(subject_key, secret.wrapped_key)
            for row in held:
                place = row.index.to_bytes(8)
                plain = self._sealer.open(cipher, row.sealed, place)
                evidence = self._sealer.open(cipher, row.evidence, place) if row.evidence else None
                opened.append(OpenedEvent(row.index, plain[:HASH_SIZE], plain[HASH_SIZE:], evidence))
        except InvalidTag as error:
            raise ForkError("a sealed event does not open with this ledger's keys") from error
        return opened

    @staticmethod
    def _notices(row: SubjectRow, sealed: Sequence[SealedRow]) -> tuple[int, ...]:
        """Indices of the notices that explain what is not held, oldest first."""
        if row.event_count > len(sealed):
            mark = decode_standing(row.standing).erased
            if mark is None:
                raise ForkError("events of a subject are missing, and no erasure explains it")
            return (mark.index,)
        return tuple(sorted({notice for each in sealed if (notice := notice_of(each)) is not None}))


def tombstone(row: SealedRow, notice_index: int) -> SealedRow:
    """What an erasure leaves of a row: whose event it was, and the notice of its erasure."""
    return SealedRow(row.index, row.subject_key, notice_index.to_bytes(_TOMBSTONE_SIZE), None)


def is_tombstone(row: SealedRow) -> bool:
    """Whether the contents were erased, and only whose they were is left."""
    return len(row.sealed) == _TOMBSTONE_SIZE


def notice_of(row: SealedRow) -> int | None:
    """The index of the notice that a tombstone holds; None for a row with contents."""
    return int.from_bytes(row.sealed) if is_tombstone(row) else None


def _erased(
    row: SubjectRow, sealed: Sequence[SealedRow], notices: tuple[int, ...], entries: dict[int, EntryRow]
) -> tuple[int, ...]:
    if row.event_count == len(sealed):
        return tuple(each.index for each in sealed if notice_of(each) is not None)
    notice = decode_entry(entries[notices[0]].entry) if notices[0] in entries else None
    indices = notice.indices if isinstance(notice, ErasureEntry) else ()
    if len(indices) + len(sealed) != row.event_count:
        raise ForkError("events of a subject are missing that no erasure notice lists")
    return indices


def _logged(event: OpenedEvent, entries: dict[int, EntryRow]) -> LoggedEvent:
    return logged_event(event.index, recorded_at_ms(entries[event.index].entry), event.record)
