"""Questions about another time: standings folded again, as of what had happened and was known then."""

from collections.abc import Awaitable, Callable, Sequence

from service.core.entries import EpochEntry, decode_entry, recorded_at_ms
from service.core.errors import QuestionError
from service.core.history import Erasure, LoggedEvent, fold_as_of, logged_event, named_forms
from service.core.law.facts import Standing
from service.core.law.standing import decode_standing
from service.ledger.catalogue import Catalogue
from service.ledger.opening import Opener
from service.ledger.ports import Head, Snapshot, Store


class Past:
    """Reads the ledger as it stood."""

    def __init__(self, store: Store, opener: Opener, catalogue: Catalogue) -> None:
        self._store = store
        self._opener = opener
        self._catalogue = catalogue

    def reader(
        self, at_ms: int | None, known_at_ms: int | None
    ) -> Callable[[Sequence[bytes]], Awaitable[tuple[Head, dict[bytes, Standing]]]]:
        """A reader of standings as of these times (None: now)."""

        async def read(keys: Sequence[bytes]) -> tuple[Head, dict[bytes, Standing]]:
            async with self._store.snapshot() as snapshot:
                head = await snapshot.head()
                rows = await snapshot.subjects(keys)
                histories = {key: await self._history(snapshot, key) for key in rows}
            standings = {}
            for key, events in histories.items():
                current = decode_standing(rows[key][0].standing)
                mark = current.erased
                erased = Erasure(mark.index, mark.ms) if mark is not None else None
                forms = await self._catalogue.forms(named_forms(events))
                standings[key] = fold_as_of(
                    events, forms, at_ms=at_ms, known_at_ms=known_at_ms, erased=erased
                )
            return head, standings

        return read

    async def _history(self, snapshot: Snapshot, key: bytes) -> list[LoggedEvent]:
        opened = await self._opener.records_of(snapshot, key)
        entries = await snapshot.entries_at([each.index for each in opened])
        return [
            logged_event(each.index, recorded_at_ms(entries[each.index].entry), each.record)
            for each in opened
        ]

    async def rulebook_hash(self, known_at_ms: int) -> bytes:
        """The hash of the rulebook that was in force at this time.

        Raises `QuestionError` for a time before the ledger began.
        """
        async with self._store.snapshot() as snapshot:
            low, high = 0, (await snapshot.head()).size
            # Recorded times never go back, so the first entry after `known_at` is found by halving.
            while low < high:
                middle = (low + high) // 2
                entry = (await snapshot.entries_at([middle]))[middle].entry
                if recorded_at_ms(entry) <= known_at_ms:
                    low = middle + 1
                else:
                    high = middle
            # The newest entry of that time ends an epoch: all of a batch carry one time.
            last = decode_entry((await snapshot.entries_at([low - 1]))[low - 1].entry) if low else None
        if not isinstance(last, EpochEntry):
            raise QuestionError("the ledger did not exist then", pointer="/known_at", code="too_old")
        return last.rulebook_hash
