"""The tree itself: how hashes combine, and how a tree grows (RFC 6962 §2.1, RFC 9162 §2.1)."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from service.core.errors import FormatError, ProofShapeError

HASH_SIZE: Final = 32
TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT
SIZE_MAX: Final = 2**63 - 1
"""The largest tree; also what a PostgreSQL bigint holds."""

EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of the tree without leaves (RFC 9162 §2.1.1)."""


class TileRoot(NamedTuple):
    """A hash that storage keeps from now on: the root of complete subtree `position` of 256^level leaves."""

    level: int
    position: int
    hash: bytes


def hash_leaf(entry: bytes) -> bytes:
    """Return the RFC 6962 hash of a log entry."""
    return sha256(b"\x00" + entry).digest()


def hash_children(left: bytes, right: bytes) -> bytes:
    """Return the RFC 6962 hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Return the root over all `leaf_hashes`, which are held in memory."""
    if not leaf_hashes:
        return EMPTY_ROOT
    require_hashes(leaf_hashes)
    row = leaf_hashes
    while len(row) > 1:
        above = pair_row(row)
        if len(row) % 2 == 1:
            above.append(row[-1])  # a right-edge node without a sibling is its own parent
        row = above
    return row[0]


class Frontier:
    """What must be remembered of a tree to append to it: its size and the roots of its complete subtrees.

    There is one such root per bit set in the size, the widest and leftmost first.
    """

    __slots__ = ("_nodes", "_size")

    def __init__(self) -> None:
        self._size = 0
        self._nodes: list[bytes] = []

    @property
    def size(self) -> int:
        """How many leaves the tree has."""
        return self._size

    def copy(self) -> "Frontier":
        """Return an independent frontier, so that a failed transaction costs nothing."""
        twin = Frontier()
        twin._size, twin._nodes = self._size, self._nodes.copy()
        return twin

    def append(self, leaf_hash: bytes) -> list[TileRoot]:
        """Add one leaf; return the tile roots it completes."""
        return self.extend((leaf_hash,))

    def extend(self, leaf_hashes: Sequence[bytes]) -> list[TileRoot]:
        """Add leaves in order; return the tile roots they complete, in the order of completion.

        Raises `ProofShapeError`, and adds nothing, if one of them is not a hash.
        """
        require_hashes(leaf_hashes)
        completed: list[TileRoot] = []
        nodes, size = self._nodes, self._size
        for leaf_hash in leaf_hashes:
            node, height, waiting = leaf_hash, 0, size
            # Each trailing 1 bit of the size is a complete subtree that waits for its right sibling.
            while waiting & 1:
                node = sha256(b"\x01" + nodes.pop() + node).digest()
                height += 1
                waiting >>= 1
                if height % TILE_HEIGHT == 0:
                    completed.append(TileRoot(height // TILE_HEIGHT, waiting, node))
            nodes.append(node)
            size += 1
        self._size = size
        return completed

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        return fold_subtrees(self._nodes) if self._nodes else EMPTY_ROOT

    def to_bytes(self) -> bytes:
        """Return size[8] and then the subtree roots, widest first."""
        return self._size.to_bytes(8) + b"".join(self._nodes)

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Frontier":
        """Read what `to_bytes` wrote; raises `FormatError` if it is anything else."""
        size = int.from_bytes(raw[:8])
        if len(raw) != 8 + HASH_SIZE * size.bit_count() or size > SIZE_MAX:
            raise FormatError("a frontier has its size in 8 bytes and one hash per bit set in it")
        frontier = cls()
        frontier._size = size
        frontier._nodes = [raw[at : at + HASH_SIZE] for at in range(8, len(raw), HASH_SIZE)]
        return frontier


def completed_tiles(size_before: int, size_after: int) -> list[tuple[int, int]]:
    """Return (level, position) of every tile root that growing from one size to the other completes."""
    found: list[tuple[int, int]] = []
    level = 1
    while size_after >> TILE_HEIGHT * level:
        shift = TILE_HEIGHT * level
        found += [(level, position) for position in range(size_before >> shift, size_after >> shift)]
        level += 1
    return found


def require_hashes(values: Iterable[bytes]) -> None:
    """Raise `ProofShapeError` unless every value has the length of a hash."""
    if any(len(value) != HASH_SIZE for value in values):
        raise ProofShapeError(f"every hash must have {HASH_SIZE} bytes")


def left_width(width: int) -> int:
    """Return the largest power of two smaller than `width`: where RFC 9162 splits so many leaves."""
    return 1 << (width - 1).bit_length() - 1


def pair_row(row: Sequence[bytes]) -> list[bytes]:
    """Return the parents of a row; an odd last node is left out."""
    return [sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=False)]


def fold_subtrees(subtrees: Sequence[bytes]) -> bytes:
    """Return the root over adjacent complete subtrees, the widest first."""
    reached = subtrees[-1]
    for subtree in reversed(subtrees[:-1]):
        reached = hash_children(subtree, reached)
    return reached
