"""Every row that is sealed under a wrapping key, counted by key and sealed anew under the first.

Nothing is remembered between runs: what is under the first key already is passed over, so whoever was killed
begins again. A row is replaced only while it still is what was read, so that whatever an append, an erasure
or a rotation of secrets wrote meanwhile stays, and what was erased stays erased.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag

from service.core.errors import ForkError
from service.ledger.delivering.subscriptions import answer_context, secrets_context
from service.ledger.exporting.preparing import context as export_context
from service.ledger.ports import Randomness
from service.ledger.vault import Vault
from service.ledger.wrapping import RingCipher, WrappingRing
from service.ledger.wrapping_ports import Place, Replacement, Sealed, SealedColumn

Progress = Callable[[int, int], None]
"""Told how many rows are done, and of how many."""

PAGE: Final = 1_000
FILES_PAGE: Final = 4
"""Files of exports are read a few at a time: each may be megabytes."""

PASSES_MAX: Final = 5
_KEY_SIZE: Final = 32
_SOME: Final = 64

CONTEXTS: Final[Mapping[str, Callable[..., bytes]]] = {
    "subject_secret": lambda subject_key: subject_key,
    "subscription": lambda subscription_id: secrets_context(subscription_id).encode(),
    "delivery_attempt": lambda subscription_id, *_: answer_context(subscription_id).encode(),
    "export": lambda export_id: export_context(export_id).encode(),
    "export_file": lambda export_id, number: export_context(export_id, number).encode(),
}
"""By table, what a row is sealed for, as those say who seal it."""

_BY_PERSON: Final = "subject_secret"


@dataclass(slots=True)
class Survey:
    """What was found. `by_key`: rows by the id of the key that opened them; `unopened`: by table.

    `replaced` were sealed anew then; `missed` could not be, because somebody held or changed them.
    """

    by_key: Counter[str] = field(default_factory=Counter)
    unopened: Counter[str] = field(default_factory=Counter)
    replaced: int = 0
    missed: int = 0

    @property
    def rows(self) -> int:
        """How many rows were looked at."""
        return self.by_key.total() + self.unopened.total()


class Rewrapping:
    """What is sealed under the keys of one ledger's ring."""

    def __init__(self, columns: Sequence[SealedColumn], wrapping: WrappingRing, random: Randomness) -> None:
        self._columns = columns
        self._random = random
        self._ids = wrapping.ids
        self._vault = Vault(wrapping, random).cipher
        self._wrapping = wrapping.cipher(random)

    async def survey(self, progress: Progress | None = None) -> Survey:
        """Every row by the key that opens it; changes nothing. Raises `UnavailableError`."""
        found = Survey()
        await self._walk(found, progress, replacing=False)
        return found

    async def rewrap(self, progress: Progress | None = None) -> Survey:
        """Seal everything under the first key that is not; what was found. Raises `UnavailableError`.

        Rows that somebody else held or changed meanwhile are looked at again, a few times over.
        """
        found, replaced = Survey(), 0
        for _ in range(PASSES_MAX):
            found = Survey()
            await self._walk(found, progress, replacing=True)
            replaced += found.replaced
            if not found.missed:
                break
        found.replaced = replaced
        return found

    async def sample(self, rows: int) -> Survey:
        """The same of at most so many rows of each table; persons from a random one on, so a fair sample.

        Raises `UnavailableError`.
        """
        found = Survey()
        for column in self._columns:
            limit = min(rows, FILES_PAGE) if column.name == "export_file" else rows
            start: Place | None = (self._random(_KEY_SIZE),) if column.name == _BY_PERSON else None
            page = await column.page(start, limit)
            if start is not None and len(page) < limit:
                page = await column.page(None, limit)
            for _ in self._outdated(column, page, found):
                pass
        return found

    async def require_ours(self) -> None:
        """Raises `ForkError` when nothing of a sample opens: then these are another ledger's keys."""
        found = await self.sample(_SOME)
        if found.unopened and not found.by_key:
            raise ForkError(
                "nothing that is sealed in this database opens with this ledger's wrapping keys: put the key"
                " that sealed it back from an escrow, as another line of wrapping.key (docs/operations.md,"
                " Replace the wrapping key). Nothing was signed."
            )

    async def _walk(self, found: Survey, progress: Progress | None, *, replacing: bool) -> None:
        total = sum([await column.count() for column in self._columns]) if progress else 0
        for column in self._columns:
            limit = FILES_PAGE if column.name == "export_file" else PAGE
            page = await column.page(None, limit)
            while page:
                outdated = list(self._outdated(column, page, found))
                if replacing and outdated:
                    done = await column.replace(outdated)
                    found.replaced += done
                    found.missed += len(outdated) - done
                if progress:
                    progress(found.rows, max(total, found.rows))
                page = await column.page(page[-1].place, limit)

    def _outdated(self, column: SealedColumn, page: Sequence[Sealed], found: Survey) -> Iterator[Replacement]:
        """Count the rows of a page; those that another key than the first opened, sealed anew."""
        cipher, context = self._cipher(column), CONTEXTS[column.name]
        for row in page:
            place = row.place
            try:
                opened, plain = cipher.opened(row.sealed, context(*place))
            except InvalidTag:
                found.unopened[column.name] += 1
                continue
            found.by_key[self._ids[opened]] += 1
            if opened:
                yield Replacement(place, row.sealed, cipher.seal(plain, context(*place)))

    def _cipher(self, column: SealedColumn) -> RingCipher:
        return self._wrapping if column.name == _BY_PERSON else self._vault
