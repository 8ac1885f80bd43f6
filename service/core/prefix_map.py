"""The map from subject to the head of its chain: a binary prefix tree with the IETF keytrans hashing.

leaf = SHA-256(0x02 ‖ key ‖ value), parent = SHA-256(0x03 ‖ left ‖ right), a missing child counts as 32 zero
bytes, a leaf stands at the shallowest depth at which its prefix is its own, and the root is always a parent.
So the root depends on what is in the map alone, never on the order or the batches in which it came.

Stored in strata: one small row for four levels under a prefix of whole hexadecimal digits. A batch plans
which strata it needs, has them read at once, and recomputes only the paths it touched.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from service.core.errors import FormatError, ProofError

HASH_SIZE: Final = 32
EMPTY: Final = bytes(HASH_SIZE)
"""Stands in for a child that is not there."""

_SLOTS: Final = 16
_MASKS: Final = struct.Struct(">HH")
_ROOT: Final = 1


class MissingStrataError(ProofError):
    """Strata that are needed were not read; nothing was changed."""

    def __init__(self, prefixes: set[str]) -> None:
        super().__init__(f"{len(prefixes)} strata of the map were not read")
        self.prefixes = prefixes


class Leaf(NamedTuple):
    """One subject of the map."""

    key: bytes
    value: bytes


def hash_leaf(leaf: Leaf) -> bytes:
    """SHA-256(0x02 ‖ key ‖ value)."""
    return hashlib.sha256(b"\x02" + leaf.key + leaf.value).digest()


def hash_parent(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x03 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x03" + left + right).digest()


class Stratum:
    """Four levels: sixteen slots, each empty, one leaf, or the hash of a stratum below.

    `hashes` and `single` are a heap over the slots (1 the top, 16 to 31 the slots): the hash of each node,
    and whether one leaf alone stands under it, in which case that leaf is the node.
    """

    __slots__ = ("hashes", "single", "slots")

    def __init__(self, slots: Sequence[Leaf | bytes | None] = (None,) * _SLOTS) -> None:
        self.slots: list[Leaf | bytes | None] = list(slots)
        self.hashes: list[bytes] = [EMPTY] * (2 * _SLOTS)
        self.single: list[bool] = [False] * (2 * _SLOTS)
        self.refresh(nibble for nibble, slot in enumerate(self.slots) if slot is not None)

    @property
    def top(self) -> bytes:
        """The hash of the node this stratum hangs from."""
        return self.hashes[_ROOT]

    def refresh(self, nibbles: Iterable[int]) -> None:
        """Recompute what stands above these slots."""
        hashes, single = self.hashes, self.single
        nodes = set()
        for nibble in nibbles:
            slot = self.slots[nibble]
            node = _SLOTS + nibble
            if isinstance(slot, Leaf):
                hashes[node], single[node] = hash_leaf(slot), True
            else:
                hashes[node], single[node] = slot or EMPTY, False
            nodes.add(node >> 1)
        while nodes:
            for node in nodes:
                left, right = hashes[2 * node], hashes[2 * node + 1]
                if left == EMPTY and (right == EMPTY or single[2 * node + 1]):
                    hashes[node], single[node] = right, right != EMPTY
                elif right == EMPTY and single[2 * node]:
                    hashes[node], single[node] = left, True
                else:
                    hashes[node], single[node] = hash_parent(left, right), False
            nodes = {node >> 1 for node in nodes if node > 1}

    def to_bytes(self) -> bytes:
        """Masks of branches and leaves (2 bytes each), branch hashes, then leaves, each in slot order."""
        branches, leaves, branch_mask, leaf_mask = [], [], 0, 0
        for nibble, slot in enumerate(self.slots):
            if isinstance(slot, Leaf):
                leaf_mask |= 1 << nibble
                leaves.append(slot.key + slot.value)
            elif slot is not None:
                branch_mask |= 1 << nibble
                branches.append(slot)
        return b"".join((_MASKS.pack(branch_mask, leaf_mask), *branches, *leaves))

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Stratum":
        """Read what `to_bytes` wrote. Raises `FormatError`."""
        if len(raw) < _MASKS.size:
            raise FormatError("a stratum begins with its masks")
        branch_mask, leaf_mask = _MASKS.unpack_from(raw)
        size = _MASKS.size + HASH_SIZE * (branch_mask.bit_count() + 2 * leaf_mask.bit_count())
        if branch_mask & leaf_mask or len(raw) != size:
            raise FormatError("the masks of a stratum do not fit its length")
        slots: list[Leaf | bytes | None] = [None] * _SLOTS
        branch, leaf = _MASKS.size, _MASKS.size + HASH_SIZE * branch_mask.bit_count()
        for nibble in range(_SLOTS):
            if branch_mask >> nibble & 1:
                slots[nibble] = raw[branch : branch + HASH_SIZE]
                branch += HASH_SIZE
            elif leaf_mask >> nibble & 1:
                middle = leaf + HASH_SIZE
                slots[nibble] = Leaf(raw[leaf:middle], raw[middle : middle + HASH_SIZE])
                leaf = middle + HASH_SIZE
        return cls(slots)


Strata = MutableMapping[str, Stratum]


@dataclass(frozen=True, slots=True)
class Update:
    """What a batch changed: the strata to store again, how many keys are new, and the map's new root."""

    changed: frozenset[str]
    inserted: int
    root: bytes


def plan_prefixes(keys: Iterable[bytes], count: int) -> set[str]:
    """The strata that these keys will most likely need in a map of `count` keys, when none was read."""
    depths = range((count.bit_length() + 4) // 4 + 1)
    names = [key.hex() for key in keys]
    return {name[:depth] for name in names for depth in depths}


def missing_prefixes(strata: Mapping[str, Stratum], keys: Iterable[bytes]) -> set[str]:
    """The strata that must exist and were not read: what a branch points to, or the top one."""
    missing = set()
    for key in keys:
        name = key.hex()
        depth = 0
        while True:
            stratum = strata.get(name[:depth])
            if stratum is None:
                missing.add(name[:depth])
                break
            slot = stratum.slots[int(name[depth], 16)]
            if slot is None or isinstance(slot, Leaf):
                break
            depth += 1
    return missing


def update(strata: Strata, updates: Mapping[bytes, bytes]) -> Update:
    """Set the values of these keys, in place.

    Raises `MissingStrataError`, having changed nothing, when a stratum is needed that `strata` does not hold.
    """
    missing = missing_prefixes(strata, updates)
    if missing:
        raise MissingStrataError(missing)
    items = sorted((key.hex(), Leaf(key, value)) for key, value in updates.items())
    changed: set[str] = set()
    inserted = _apply(strata, "", items, changed)
    return Update(frozenset(changed), inserted, root_of(strata[""]))


def root_of(top: Stratum) -> bytes:
    """The map's root: always a parent, however few leaves there are."""
    return hash_parent(top.hashes[2], top.hashes[3])


def map_root(items: Mapping[bytes, bytes]) -> bytes:
    """The root of a map from all its keys and values at once: what an audit compares with."""
    strata: dict[str, Stratum] = {"": Stratum()}
    return update(strata, items).root if items else root_of(strata[""])


def _apply(strata: Strata, prefix: str, items: list[tuple[str, Leaf]], changed: set[str]) -> int:
    """Put sorted items under one prefix and return how many keys are new."""
    stratum = strata[prefix]
    depth = len(prefix)
    inserted, touched = 0, []
    for digit, run in groupby(items, key=lambda item: item[0][depth]):
        group = list(run)
        nibble = int(digit, 16)
        slot = stratum.slots[nibble]
        touched.append(nibble)
        if slot is None or isinstance(slot, Leaf):
            merged = {slot.key.hex(): slot} if slot is not None else {}
            before = len(merged)
            merged.update(group)
            inserted += len(merged) - before
            if len(merged) == 1:
                stratum.slots[nibble] = group[0][1]
                continue
            group = sorted(merged.items(), key=itemgetter(0))
            strata[prefix + digit] = Stratum()
            _apply(strata, prefix + digit, group, changed)
        else:
            inserted += _apply(strata, prefix + digit, group, changed)
        stratum.slots[nibble] = strata[prefix + digit].top
    stratum.refresh(touched)
    changed.add(prefix)
    return inserted


@dataclass(frozen=True, slots=True)
class MapProof:
    """Where the search for a key ends: `siblings` from the lowest up, one for each level below the root.

    `leaf` is what stands there: the key's own (presence), another (absence), or None (absence).
    """

    siblings: tuple[bytes, ...]
    leaf: Leaf | None = field(default=None)


def prove(strata: Mapping[str, Stratum], key: bytes) -> MapProof:
    """Prove presence or absence of a key. Raises `MissingStrataError` for strata that were not read."""
    missing = missing_prefixes(strata, [key])
    if missing:
        raise MissingStrataError(missing)
    siblings: list[bytes] = []
    name, depth = key.hex(), 0
    while True:
        stratum = strata[name[:depth]]
        nibble, node = int(name[depth], 16), _ROOT
        for shift in (3, 2, 1, 0):
            node = 2 * node + (nibble >> shift & 1)
            siblings.append(stratum.hashes[node ^ 1])
            if stratum.single[node] or stratum.hashes[node] == EMPTY:
                return MapProof(tuple(reversed(siblings)), _only_leaf(stratum, node))
        depth += 1


def _only_leaf(stratum: Stratum, node: int) -> Leaf | None:
    """The one leaf under a node, if there is one."""
    while node < _SLOTS:
        node = 2 * node + (stratum.hashes[2 * node] == EMPTY)
    slot = stratum.slots[node - _SLOTS]
    return slot if isinstance(slot, Leaf) else None


def verify_map(proof: MapProof, *, key: bytes, value: bytes | None, root: bytes) -> None:
    """Raise `ProofError` unless the map of `root` holds `value` under `key` (None: holds nothing)."""
    depth = len(proof.siblings)
    if not 1 <= depth <= 8 * HASH_SIZE or any(
        len(each) != HASH_SIZE for each in (*proof.siblings, key, root)
    ):
        raise ProofError("a map proof has one hash for each level, and at least one level")
    path = int.from_bytes(key)
    if value is not None:
        if proof.leaf != Leaf(key, value):
            raise ProofError("the map proof ends at another leaf than the one it should show")
    elif proof.leaf is not None and proof.leaf.key == key:
        raise ProofError("the map proof shows the key whose absence it should show")
    node = EMPTY
    if proof.leaf is not None:
        _check_leaf(proof.leaf, path, depth)
        node = hash_leaf(proof.leaf)
    # A leaf, or nothing, beside nothing would have stood higher up: the tree has one shape only.
    if depth > 1 and proof.siblings[0] == EMPTY:
        raise ProofError("the map proof is longer than it could be")
    for level, sibling in zip(range(depth - 1, -1, -1), proof.siblings, strict=True):
        right = path >> (8 * HASH_SIZE - 1 - level) & 1
        node = hash_parent(sibling, node) if right else hash_parent(node, sibling)
    if node != root:
        raise ProofError("the map proof leads to another root")


def _check_leaf(leaf: Leaf, path: int, depth: int) -> None:
    if len(leaf.key) != HASH_SIZE or len(leaf.value) != HASH_SIZE:
        raise ProofError("a leaf of the map is two hashes")
    if (int.from_bytes(leaf.key) ^ path) >> (8 * HASH_SIZE - depth):
        raise ProofError("the leaf of the map proof does not stand on the key's path")
