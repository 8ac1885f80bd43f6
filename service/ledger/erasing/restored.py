"""At start, before anything is answered: what was erased stays erased, whatever backup was restored.

The list outside the database says who was erased, and when. Where the database holds contents of such a
person that were recorded by then, they are destroyed again:

* the log has the notice (only the erasable tables were restored): without another notice;
* it has not (an older database, which the operator has accepted by bringing back an older high-water mark, or
  none): with a new notice, as an erasure of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.core.entries import ErasureEntry, decode_entry
from service.core.errors import ForkError
from service.ledger.appending.admission import Admission
from service.ledger.erasing.erasures import REASON_RESTORED, Erasures, destruction
from service.ledger.erasing.ports import ErasedSubject, ErasureList, ErasureRows
from service.ledger.opening import Opener, is_tombstone
from service.ledger.ports import SealedRow, SecretRow, Store, Transaction

_LOOKED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class RestoredErasures:
    """What one ledger's erasures are compared with, and how they are done again."""

    store: Store
    admission: Admission
    opener: Opener
    erasures: Erasures
    rows: ErasureRows
    kept: ErasureList

    async def erase_again(self) -> int:
        """Bring the list and the database together; how many persons were erased again.

        Raises `NotAssuredError` where what came back reaches beyond what was erased, `UnavailableError`, and
        `ForkError`.
        """
        listed = self.kept.read()
        stored = await self.rows.all()
        if new := [one for one in stored if one not in set(listed)]:
            # The process died between its COMMIT and the list.
            await self.kept.add(new)
        held = await self.outstanding()
        for one in held:
            if not await self._destroyed_again(one):
                await self.erasures.run(one.subject_key, REASON_RESTORED, assured_until_ms=one.at_ms)
        return len({one.subject_key for one in held})

    async def outstanding(self) -> list[ErasedSubject]:
        """Those who were erased and of whom contents are held all the same: nothing may be told of them.

        Raises `UnavailableError` and `ForkError`.
        """
        every = sorted({*self.kept.read(), *await self.rows.all()}, key=_notice)
        held: list[ErasedSubject] = []
        for start in range(0, len(every), _LOOKED_AT_ONCE):
            held += await self.rows.still_held(every[start : start + _LOOKED_AT_ONCE])
        return sorted(held, key=_notice)

    async def _destroyed_again(self, one: ErasedSubject) -> bool:
        """Whether the log's own notice declares all that is held and older than it; it is gone then."""
        async with self.store.transaction() as transaction:
            await transaction.lock_head()
            declared = await _declared(transaction, one)
            rows = [row for row in await transaction.records_of(one.subject_key) if not is_tombstone(row)]
            held = [(row, declared[row.index]) for row in rows if row.index in declared]
            if not held:
                return False
            newer = [row for row in rows if row.index not in declared]
            subjects = await transaction.subjects([one.subject_key])
            _, secret = subjects.get(one.subject_key, (None, None))
            entries = await transaction.entries_at([row.index for row, _ in held])
            again = destruction(held, entries, self.admission.origin, one, with_key=not newer)
            if newer and not self._opens(one.subject_key, secret, newer):
                raise ForkError(
                    "records of an erased person came back whose key is not that of the newer ones: restore"
                    " the whole database, not single tables. Nothing was signed."
                )
            await transaction.destroy(again)
        return True

    def _opens(self, key: bytes, secret: SecretRow | None, rows: Sequence[SealedRow]) -> bool:
        try:
            self.opener.events(key, secret, rows)
        except ForkError:
            return False
        return True


async def _declared(transaction: Transaction, one: ErasedSubject) -> dict[int, int]:
    """What this log's notices of that erasure list: by index, the notice. Empty: the log has none of them."""
    declared: dict[int, int] = {}
    index = one.notice
    found = (await transaction.entries_at([index])).get(index)
    if found is None or found.leaf_hash != one.leaf_hash:
        return declared
    # An erasure of very many events has several notices, one right after the other.
    while found is not None and isinstance(entry := decode_entry(found.entry), ErasureEntry):
        declared |= dict.fromkeys(entry.indices, index)
        index -= 1
        found = (await transaction.entries_at([index])).get(index)
    return declared


def _notice(one: ErasedSubject) -> int:
    return one.notice
