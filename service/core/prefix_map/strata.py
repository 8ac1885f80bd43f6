"""Four levels of the map in one row: what stands in its sixteen slots, and the hashes above them."""

from collections.abc import Collection
from hashlib import sha256
from typing import Final, NamedTuple

from service.core.errors import FormatError, LedgerError

KEY_SIZE: Final = 32
HASH_SIZE: Final = 32
LEAF_SIZE: Final = KEY_SIZE + HASH_SIZE
SLOTS: Final = 16
MISSING: Final = bytes(HASH_SIZE)
"""Stands for a child that is not there."""

_MASKS_SIZE: Final = 4
_SLOTS_AT: Final = SLOTS * HASH_SIZE
_ALL_BRANCHES: Final = (1 << SLOTS) - 1


class MapLeaf(NamedTuple):
    """A subject and what the map says of it."""

    key: bytes
    value: bytes


class MissingStrataError(LedgerError):
    """Rows of the map are needed that were not read; `prefixes` names them."""

    def __init__(self, prefixes: Collection[str]) -> None:
        super().__init__(f"{len(prefixes)} strata of the map were not read")
        self.prefixes = frozenset(prefixes)


def hash_map_leaf(key: bytes, value: bytes) -> bytes:
    """Return the hash of a leaf of the map."""
    return sha256(b"\x02" + key + value).digest()


def hash_map_parent(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node of the map."""
    return sha256(b"\x03" + left + right).digest()


class Stratum:
    """Four levels of the tree below one prefix. Treat as immutable: `update` returns changed copies.

    The nodes are numbered as in a binary heap: 1 is the top, 16 to 31 are the slots. Bit i of `present` is
    set where node i has leaves below it, bit i of `many` where it has two or more. A slot with many is a
    branch to the stratum at the longer prefix; the others hold at most one leaf each, and `leaves` is their
    key ‖ value in slot order. `hashes` are those of all 32 nodes one after the other, zeros where nothing is,
    so that the input of a parent's hash is one slice.
    """

    __slots__ = ("hashes", "leaves", "many", "present")

    def __init__(self, present: int, many: int, hashes: bytearray, leaves: bytes) -> None:
        self.present = present
        self.many = many
        self.hashes = hashes
        self.leaves = leaves

    def copy(self) -> "Stratum":
        """Return a twin that may be changed."""
        return Stratum(self.present, self.many, self.hashes[:], self.leaves)

    def hash_of(self, node: int) -> bytes:
        """Return the hash of a node, zeros where nothing is."""
        return bytes(self.hashes[HASH_SIZE * node : HASH_SIZE * node + HASH_SIZE])

    @property
    def leaf_mask(self) -> int:
        """Bit s is set where slot s holds a single leaf."""
        return (self.present & ~self.many) >> SLOTS

    def leaf_in(self, slot: int) -> MapLeaf:
        """Return the single leaf in `slot`."""
        at = LEAF_SIZE * (self.leaf_mask & (1 << slot) - 1).bit_count()
        return MapLeaf(self.leaves[at : at + KEY_SIZE], self.leaves[at + KEY_SIZE : at + LEAF_SIZE])

    def put_leaf(self, slot: int, key: bytes, value: bytes) -> None:
        """Place a leaf in a slot that is empty or holds this key; `rehash` must follow."""
        node, mask = SLOTS + slot, self.leaf_mask
        at = LEAF_SIZE * (mask & (1 << slot) - 1).bit_count()
        rest = at + LEAF_SIZE if mask >> slot & 1 else at
        self.leaves = b"".join((self.leaves[:at], key, value, self.leaves[rest:]))
        self.present |= 1 << node
        self.hashes[HASH_SIZE * node : HASH_SIZE * node + HASH_SIZE] = sha256(b"\x02" + key + value).digest()

    def put_branch(self, slot: int, top: bytes) -> None:
        """Point a slot to the stratum below it, in place of a leaf if there was one; `rehash` must follow."""
        node, mask = SLOTS + slot, self.leaf_mask
        if mask >> slot & 1:
            at = LEAF_SIZE * (mask & (1 << slot) - 1).bit_count()
            self.leaves = self.leaves[:at] + self.leaves[at + LEAF_SIZE :]
        self.present |= 1 << node
        self.many |= 1 << node
        self.hashes[HASH_SIZE * node : HASH_SIZE * node + HASH_SIZE] = top

    def rehash(self, slots: Collection[int]) -> None:
        """Recompute the nodes above `slots`."""
        row: Collection[int] = [SLOTS + slot for slot in slots]
        for _level in range(4):
            row = {node >> 1 for node in row} if len(row) > 1 else [node >> 1 for node in row]
            for node in row:
                self._rehash_node(node)

    def _rehash_node(self, node: int) -> None:
        at = HASH_SIZE * node
        children = self.hashes[2 * at : 2 * at + 2 * HASH_SIZE]
        present = self.present >> 2 * node & 3
        if present == 3 or self.many >> 2 * node & 3:  # noqa: PLR2004 - both children
            self.hashes[at : at + HASH_SIZE] = sha256(b"\x03" + children).digest()
            self.many |= 1 << node
        else:  # a leaf that is alone rises
            self.hashes[at : at + HASH_SIZE] = children[:HASH_SIZE] if present == 1 else children[HASH_SIZE:]
        self.present |= bool(present) << node

    def to_bytes(self) -> bytes:
        """Return branch mask[2], leaf mask[2], the branches' hashes, then key ‖ value of the leaves.

        Slot 0 is the lowest bit of a mask; hashes and leaves stand in slot order.
        """
        branches = self.many >> SLOTS
        masks = (branches << SLOTS | self.leaf_mask).to_bytes(_MASKS_SIZE)
        if branches == _ALL_BRANCHES:
            return masks + self.hashes[_SLOTS_AT:]
        tops = (
            [
                self.hashes[at : at + HASH_SIZE]
                for slot, at in enumerate(range(_SLOTS_AT, 2 * _SLOTS_AT, HASH_SIZE))
                if branches >> slot & 1
            ]
            if branches
            else ()
        )
        return b"".join((masks, *tops, self.leaves))

    @classmethod
    def from_bytes(cls, raw: bytes, *, prefix: str) -> "Stratum":
        """Read the stratum stored under `prefix`; raises `FormatError` unless it can stand there."""
        branches, leaf_mask = int.from_bytes(raw[:2]), int.from_bytes(raw[2:_MASKS_SIZE])
        leaves_at = _MASKS_SIZE + HASH_SIZE * branches.bit_count()
        if len(raw) != leaves_at + LEAF_SIZE * leaf_mask.bit_count() or branches & leaf_mask:
            raise FormatError(f"the stratum at {prefix!r} does not have the length its masks announce")
        if prefix and not branches and leaf_mask.bit_count() < 2:  # noqa: PLR2004 - one leaf would stand higher
            raise FormatError(f"the stratum at {prefix!r} has fewer than two leaves below it")
        stratum = cls(
            (branches | leaf_mask) << SLOTS, branches << SLOTS, bytearray(2 * _SLOTS_AT), raw[leaves_at:]
        )
        slots = [slot for slot in range(SLOTS) if (branches | leaf_mask) >> slot & 1]
        branch_at = _MASKS_SIZE
        for slot in slots:
            at = HASH_SIZE * (SLOTS + slot)
            if branches >> slot & 1:
                stratum.hashes[at : at + HASH_SIZE] = raw[branch_at : branch_at + HASH_SIZE]
                branch_at += HASH_SIZE
            else:
                key, value = stratum.leaf_in(slot)
                if not key.hex().startswith(f"{prefix}{slot:x}"):
                    raise FormatError(f"a leaf in the stratum at {prefix!r} belongs elsewhere")
                stratum.hashes[at : at + HASH_SIZE] = sha256(b"\x02" + key + value).digest()
        stratum.rehash(slots)
        return stratum


EMPTY_STRATUM: Final = Stratum(0, 0, bytearray(2 * _SLOTS_AT), b"")
"""The top of a map without leaves."""


def root_of(top: Stratum) -> bytes:
    """Return the root of the map whose top stratum this is."""
    return sha256(b"\x03" + top.hashes[2 * HASH_SIZE : 4 * HASH_SIZE]).digest()
