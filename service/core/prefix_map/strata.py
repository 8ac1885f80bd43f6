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
# For inner node i: the bits of itself and of its two children.
_FAMILY: Final = [1 << node | 1 << 2 * node | 1 << 2 * node + 1 for node in range(SLOTS)]


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

    `nodes` is a binary heap: 1 is the top, 16 to 31 are the slots; a node without leaves is `MISSING` itself.
    `many` has bit i set where node i has two or more leaves below it; a slot with that bit is a branch to the
    stratum at the longer prefix. `leaf_mask` has bit s set where slot s holds a single leaf, and `leaves` holds
    those as key ‖ value in slot order.
    """

    __slots__ = ("leaf_mask", "leaves", "many", "nodes")

    def __init__(self, nodes: list[bytes], many: int, leaf_mask: int, leaves: bytes) -> None:
        self.nodes = nodes
        self.many = many
        self.leaf_mask = leaf_mask
        self.leaves = leaves

    def copy(self) -> "Stratum":
        """Return a twin that may be changed."""
        return Stratum(self.nodes.copy(), self.many, self.leaf_mask, self.leaves)

    def leaf_in(self, slot: int) -> MapLeaf:
        """Return the single leaf in `slot`."""
        at = LEAF_SIZE * (self.leaf_mask & (1 << slot) - 1).bit_count()
        return MapLeaf(self.leaves[at : at + KEY_SIZE], self.leaves[at + KEY_SIZE : at + LEAF_SIZE])

    def put_leaf(self, slot: int, key: bytes, value: bytes) -> None:
        """Place a leaf in a slot that is empty or holds this key; `rehash` must follow."""
        at = LEAF_SIZE * (self.leaf_mask & (1 << slot) - 1).bit_count()
        rest = at + LEAF_SIZE if self.leaf_mask >> slot & 1 else at
        self.leaves = b"".join((self.leaves[:at], key, value, self.leaves[rest:]))
        self.leaf_mask |= 1 << slot
        self.nodes[SLOTS + slot] = sha256(b"\x02" + key + value).digest()

    def put_branch(self, slot: int, top: bytes) -> None:
        """Point a slot to the stratum below it, in place of a leaf if there was one; `rehash` must follow."""
        if self.leaf_mask >> slot & 1:
            at = LEAF_SIZE * (self.leaf_mask & (1 << slot) - 1).bit_count()
            self.leaves = self.leaves[:at] + self.leaves[at + LEAF_SIZE :]
            self.leaf_mask ^= 1 << slot
        self.many |= 1 << SLOTS + slot
        self.nodes[SLOTS + slot] = top

    def rehash(self, slots: Collection[int]) -> None:
        """Recompute the nodes above `slots`."""
        nodes, many = self.nodes, self.many
        row = {SLOTS + slot for slot in slots}
        for _level in range(4):
            row = {node >> 1 for node in row}
            for node in row:
                left, right = nodes[2 * node], nodes[2 * node + 1]
                if many & _FAMILY[node] or (left is not MISSING and right is not MISSING):
                    nodes[node] = sha256(b"\x03" + left + right).digest()
                    many |= 1 << node
                else:  # a leaf that is alone rises
                    nodes[node] = right if left is MISSING else left
        self.many = many

    def to_bytes(self) -> bytes:
        """Return branch mask[2], leaf mask[2], the branches' hashes, then key ‖ value of the leaves.

        Slot 0 is the lowest bit of a mask; hashes and leaves stand in slot order.
        """
        branches = self.many >> SLOTS
        hashes = [self.nodes[SLOTS + slot] for slot in range(SLOTS) if branches >> slot & 1]
        return b"".join((branches.to_bytes(2), self.leaf_mask.to_bytes(2), *hashes, self.leaves))

    @classmethod
    def from_bytes(cls, raw: bytes, *, prefix: str) -> "Stratum":
        """Read the stratum stored under `prefix`; raises `FormatError` unless it can stand there."""
        branches, leaf_mask = int.from_bytes(raw[:2]), int.from_bytes(raw[2:_MASKS_SIZE])
        leaves_at = _MASKS_SIZE + HASH_SIZE * branches.bit_count()
        if len(raw) != leaves_at + LEAF_SIZE * leaf_mask.bit_count() or branches & leaf_mask:
            raise FormatError(f"the stratum at {prefix!r} does not have the length its masks announce")
        if prefix and not branches and leaf_mask.bit_count() < 2:  # noqa: PLR2004 - one leaf would stand higher
            raise FormatError(f"the stratum at {prefix!r} has fewer than two leaves below it")
        stratum = cls([MISSING] * 2 * SLOTS, branches << SLOTS, leaf_mask, raw[leaves_at:])
        branch_at = _MASKS_SIZE
        for slot in range(SLOTS):
            if branches >> slot & 1:
                stratum.nodes[SLOTS + slot] = raw[branch_at : branch_at + HASH_SIZE]
                branch_at += HASH_SIZE
            elif leaf_mask >> slot & 1:
                key, value = stratum.leaf_in(slot)
                if not key.hex().startswith(f"{prefix}{slot:x}"):
                    raise FormatError(f"a leaf in the stratum at {prefix!r} belongs elsewhere")
                stratum.nodes[SLOTS + slot] = sha256(b"\x02" + key + value).digest()
        stratum.rehash(range(SLOTS))
        return stratum


EMPTY_STRATUM: Final = Stratum([MISSING] * 2 * SLOTS, 0, 0, b"")
"""The top of a map without leaves."""


def root_of(top: Stratum) -> bytes:
    """Return the root of the map whose top stratum this is."""
    return hash_map_parent(top.nodes[2], top.nodes[3])
