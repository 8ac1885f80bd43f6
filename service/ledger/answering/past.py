"""Questions about another time: standings folded again, as of what had happened and was known then."""

from collections.abc import Awaitable, Callable, Sequence

from service.core.entries import EpochEntry, decode_entry
from service.core.errors import QuestionError
from service.core.history import fold_as_of, named_forms
from service.core.law.facts import Standing
from service.ledger.catalogue import Catalogue
from service.ledger.moments import first_after
from service.ledger.opening import Opener
from service.ledger.ports import Head, Store


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
                histories = await self._opener.histories(snapshot, keys)
            standings = {}
            for key, history in histories.items():
                forms = await self._catalogue.forms(named_forms(history.logged))
                standings[key] = fold_as_of(
                    history.logged, forms, at_ms=at_ms, known_at_ms=known_at_ms, erased=history.erasure
                )
            return head, standings

        return read

    async def rulebook_hash(self, known_at_ms: int) -> bytes:
        """The hash of the rulebook that was in force at this time.

        Raises `QuestionError` for a time before the ledger began.
        """
        async with self._store.snapshot() as snapshot:
            after = await first_after(snapshot, known_at_ms)
            # The newest entry of that time ends an epoch: all of a batch carry one time.
            last = decode_entry((await snapshot.entries_at([after - 1]))[after - 1].entry) if after else None
        if not isinstance(last, EpochEntry):
            raise QuestionError("the ledger did not exist then", pointer="/known_at", code="too_old")
        return last.rulebook_hash
