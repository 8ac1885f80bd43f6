"""Writing to the map, many subjects at once."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from service.core.errors import ProofShapeError, RootMismatchError
from service.core.prefix_map.strata import (
    EMPTY_STRATUM,
    HASH_SIZE,
    KEY_SIZE,
    SLOTS,
    MissingStrataError,
    Stratum,
    root_of,
)

_Items = list[tuple[bytes, bytes]]


class UpdateResult(NamedTuple):
    """What an update changes. Nothing has changed until the caller stores it.

    `changed` are the strata to write, by prefix; `inserted` counts the keys that were new; `root` is the root
    of the map after the update.
    """

    changed: dict[str, Stratum]
    inserted: int
    root: bytes


def levels_for(subject_count: int) -> int:
    """Return how many strata below the top to read so that a batch of hundreds rarely needs another read."""
    return (subject_count.bit_length() + 3) // 4 + 2


def plan_prefixes(keys: Iterable[bytes], depth_hint: int) -> set[str]:
    """Return the prefixes of the rows that `update` or `prove` may need, down to `depth_hint` strata.

    Many of them will not exist; that is no error. See `levels_for`.
    """
    names = [key.hex() for key in keys]
    return {name[:length] for name in names for length in range(depth_hint + 1)}


def update(strata: Mapping[str, Stratum], updates: Mapping[bytes, bytes]) -> UpdateResult:
    """Return what setting these keys changes, leaving `strata` and everything in it as it was.

    After the transaction is committed, a caller that keeps strata in memory takes over `changed`.

    Raises `MissingStrataError` with every row known to be needed and not given, and `RootMismatchError` if a
    stratum is not the one that its parent names: changed behind the service's back, or out of date.
    """
    if any(len(key) != KEY_SIZE or len(value) != HASH_SIZE for key, value in updates.items()):
        raise ProofShapeError("keys and values of the map have 32 bytes each")
    top = strata.get("")
    if top is None:
        raise MissingStrataError({""})
    if not updates:
        return UpdateResult({}, 0, root_of(top))
    batch = _Batch(strata)
    top = batch.apply("", top, list(updates.items()))
    if batch.missing:
        raise MissingStrataError(batch.missing)
    return UpdateResult(batch.changed, batch.inserted, root_of(top))


def child_of(strata: Mapping[str, Stratum], prefix: str, expected: bytes) -> Stratum | None:
    """Return the stratum at `prefix`, None if it was not read; raises if its parent expects another."""
    child = strata.get(prefix)
    if child is not None and child.hash_of(1) != expected:
        raise RootMismatchError(f"the stratum at {prefix!r} is not the one its parent names")
    return child


class _Batch:
    """One update in progress; everything it makes is new."""

    def __init__(self, strata: Mapping[str, Stratum]) -> None:
        self.strata = strata
        self.changed: dict[str, Stratum] = {}
        self.missing: set[str] = set()
        self.inserted = 0

    def apply(self, prefix: str, stratum: Stratum, items: _Items) -> Stratum:
        twin = stratum.copy()
        groups = _by_slot(items, len(prefix))
        for slot, group in groups.items():
            if twin.many >> SLOTS + slot & 1:
                self._descend(prefix, twin, slot, group)
            else:
                self._place(prefix, twin, slot, group)
        twin.rehash(groups)
        self.changed[prefix] = twin
        return twin

    def _descend(self, prefix: str, twin: Stratum, slot: int, group: _Items) -> None:
        longer = f"{prefix}{slot:x}"
        child = child_of(self.strata, longer, twin.hash_of(SLOTS + slot))
        if child is None:
            self.missing.add(longer)
        else:
            twin.put_branch(slot, self.apply(longer, child, group).hash_of(1))

    def _place(self, prefix: str, twin: Stratum, slot: int, group: _Items) -> None:
        if twin.leaf_mask >> slot & 1:
            resident = twin.leaf_in(slot)
            self.inserted -= 1  # it is placed, and counted, once more
            if all(key != resident.key for key, _value in group):
                group = [resident, *group]
        if len(group) == 1:
            twin.put_leaf(slot, *group[0])
            self.inserted += 1
        else:
            twin.put_branch(slot, self.apply(f"{prefix}{slot:x}", EMPTY_STRATUM, group).hash_of(1))


def _by_slot(items: _Items, nibble: int) -> dict[int, _Items]:
    """Divide the items by the hexadecimal digit number `nibble` of their keys."""
    at, shift = nibble >> 1, 0 if nibble & 1 else 4
    if len(items) == 1:
        return {items[0][0][at] >> shift & 15: items}
    groups: dict[int, _Items] = {}
    for item in items:
        groups.setdefault(item[0][at] >> shift & 15, []).append(item)
    return groups
