"""The map's strata that a process keeps between batches: a cache, believed while the head is its own."""

from service.core.errors import ForkError, FormatError, RootMismatchError
from service.core.prefix_map import (
    MissingStrataError,
    Stratum,
    UpdateResult,
    levels_for,
    plan_prefixes,
    root_of,
    update,
)
from service.ledger.ports import Head, Transaction

STRATA_CACHED_MAX = 200_000


class MapCache:
    """Updates the map batch by batch; reads from the database what it does not hold."""

    def __init__(self) -> None:
        self._strata: dict[str, Stratum] = {}
        self._changed: dict[str, Stratum] = {}

    def forget(self) -> None:
        """Believe nothing any more: another process wrote, or the outcome of a batch is unknown."""
        self._strata = {}

    def take_over(self) -> None:
        """Believe what the last update changed: it is committed."""
        self._strata |= self._changed

    async def update(self, transaction: Transaction, head: Head, updates: dict[bytes, bytes]) -> UpdateResult:
        """What the batch changes in the map. The cache holds it only after `take_over`.

        Raises `ForkError` when the map in the database is not the one that was signed.
        """
        if len(self._strata) > STRATA_CACHED_MAX:
            self.forget()
        asked: set[str] = set()
        wanted = set() if self._strata else plan_prefixes(updates, levels_for(head.subject_count))
        while True:
            if wanted:
                self._strata |= await self._read(transaction, head, wanted)
            asked |= wanted
            try:
                changes = update(self._strata, updates)
            except MissingStrataError as error:
                wanted = set(error.prefixes)
                if wanted <= asked:
                    raise ForkError("strata of the map are missing from the database") from error
            except RootMismatchError as error:
                raise ForkError(f"the map was changed behind the service's back: {error}") from error
            else:
                self._changed = changes.changed
                return changes

    @staticmethod
    async def _read(transaction: Transaction, head: Head, prefixes: set[str]) -> dict[str, Stratum]:
        """Those that exist. Each is compared with its parent when used; the top has only the head."""
        rows = await transaction.strata(prefixes)
        try:
            strata = {prefix: Stratum.from_bytes(slots, prefix=prefix) for prefix, slots in rows.items()}
        except FormatError as error:
            raise ForkError(f"the map was changed behind the service's back: {error}") from error
        if "" in strata and root_of(strata[""]) != head.map_root:
            raise ForkError("the map was changed behind the service's back: its root is not the head's")
        return strata
