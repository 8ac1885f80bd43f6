"""Proving in three steps: plan which stored hashes are needed, let storage read them, fold them."""

from bisect import bisect_left
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from service.core.errors import ProofShapeError
from service.core.merkle.tree import (
    SIZE_MAX,
    TILE_HEIGHT,
    TILE_WIDTH,
    Frontier,
    fold_subtrees,
    left_width,
    pair_row,
)


class HashRange(NamedTuple):
    """Stored hashes `start` to `stop` (exclusive) of a level; a position counts 256^level leaves."""

    level: int
    start: int
    stop: int


def plan_root(size: int) -> list[HashRange]:
    """Return what `root_from` and `frontier_from` need: the right edge of the tree."""
    return _tiles_of([(0, size)], size) if size else []


def root_from(size: int, hashes: Mapping[HashRange, Sequence[bytes]]) -> bytes:
    """Return the root of the first `size` leaves from the hashes that `plan_root` asked for."""
    return frontier_from(size, hashes).root()


def frontier_from(size: int, hashes: Mapping[HashRange, Sequence[bytes]]) -> Frontier:
    """Return the frontier of the first `size` leaves from the hashes that `plan_root` asked for."""
    nodes = _StoredNodes(size, hashes)
    edge = [nodes.hash_of(height, index) for height, index in _complete_subtrees(0, size)]
    return Frontier.from_bytes(size.to_bytes(8) + b"".join(edge))


def plan_inclusion(index: int, size: int) -> list[HashRange]:
    """Return the stored hashes that `prove_inclusion` needs."""
    return plan_inclusions((index,), size)


def prove_inclusion(index: int, size: int, hashes: Mapping[HashRange, Sequence[bytes]]) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of `size` leaves, from the leaf upwards."""
    return prove_inclusions((index,), size, hashes)[0]


def plan_inclusions(indices: Iterable[int], size: int) -> list[HashRange]:
    """Return the stored hashes that `prove_inclusions` needs for all `indices` together."""
    return _tiles_of([span for index in indices for span in _inclusion_spans(index, size)], size)


def prove_inclusions(
    indices: Iterable[int], size: int, hashes: Mapping[HashRange, Sequence[bytes]]
) -> list[list[bytes]]:
    """Return one audit path per index, hashing each tile once for all of them."""
    nodes = _StoredNodes(size, hashes)
    return [[nodes.hash_over(*span) for span in _inclusion_spans(index, size)] for index in indices]


def plan_multiproof(
    indices: Iterable[int], size: int, *, known: Container[int] = frozenset()
) -> list[HashRange]:
    """Return the stored hashes that `prove_multiproof` needs."""
    return _tiles_of(_multiproof_spans(indices, size, known), size)


def prove_multiproof(
    indices: Iterable[int],
    size: int,
    hashes: Mapping[HashRange, Sequence[bytes]],
    *,
    known: Container[int] = frozenset(),
) -> list[bytes]:
    """Return one proof for all leaves `indices`: the hash of each largest subtree without one, in order.

    `known` are leaves that the verifier has the hash of: where such a leaf stands alone, it is left out.
    """
    nodes = _StoredNodes(size, hashes)
    return [nodes.hash_over(*span) for span in _multiproof_spans(indices, size, known)]


def plan_consistency(size1: int, size2: int) -> list[HashRange]:
    """Return the stored hashes that `prove_consistency` needs."""
    return _tiles_of(_consistency_spans(size1, size2), size2)


def prove_consistency(size1: int, size2: int, hashes: Mapping[HashRange, Sequence[bytes]]) -> list[bytes]:
    """Return the proof that the tree of `size1` leaves is a prefix of that of `size2` (RFC 9162 §2.1.4.1)."""
    nodes = _StoredNodes(size2, hashes)
    return [nodes.hash_over(*span) for span in _consistency_spans(size1, size2)]


def _inclusion_spans(index: int, size: int) -> list[tuple[int, int]]:
    """Return the leaves [start, stop) under each hash of an audit path, from the leaf upwards."""
    if not 0 <= index < size <= SIZE_MAX:
        raise ProofShapeError(f"index {index} is outside a tree of size {size}")
    spans: list[tuple[int, int]] = []
    start, stop = 0, size
    while stop - start > 1:  # RFC 9162 §2.1.3.1, from the root downwards
        split = start + left_width(stop - start)
        if index < split:
            spans.append((split, stop))
            stop = split
        else:
            spans.append((start, split))
            start = split
    return spans[::-1]


def _multiproof_spans(indices: Iterable[int], size: int, known: Container[int]) -> list[tuple[int, int]]:
    """Return the leaves [start, stop) under each hash of a multiproof, from left to right."""
    shown = sorted(set(indices))
    if not shown or shown[0] < 0 or not shown[-1] < size <= SIZE_MAX:
        raise ProofShapeError(f"nothing to prove, or an index outside a tree of size {size}")
    spans: list[tuple[int, int]] = []

    def walk(start: int, stop: int, low: int, high: int) -> None:
        if low == high:
            if stop - start > 1 or start not in known:
                spans.append((start, stop))
        elif stop - start > 1:
            split = start + left_width(stop - start)
            middle = bisect_left(shown, split, low, high)
            walk(start, split, low, middle)
            walk(split, stop, middle, high)

    walk(0, size, 0, len(shown))
    return spans


def _consistency_spans(size1: int, size2: int) -> list[tuple[int, int]]:
    if not 0 < size1 <= size2 <= SIZE_MAX:
        raise ProofShapeError(f"a tree of size {size2} cannot extend one of size {size1}")
    spans: list[tuple[int, int]] = []
    start, stop = 0, size2
    while stop != size1:  # RFC 9162 §2.1.4.1, from the root downwards
        split = start + left_width(stop - start)
        if size1 <= split:
            spans.append((split, stop))
            stop = split
        else:
            spans.append((start, split))
            start = split
    if start != 0:  # otherwise the verifier holds this hash: it is the first tree's root
        spans.append((start, stop))
    return spans[::-1]


def _complete_subtrees(start: int, stop: int) -> list[tuple[int, int]]:
    """Return (height, index) of the complete subtrees that make up an aligned span, the widest first."""
    found: list[tuple[int, int]] = []
    while start < stop:
        height = (stop - start).bit_length() - 1
        found.append((height, start >> height))
        start += 1 << height
    return found


def _tile_of(height: int, index: int, size: int) -> HashRange:
    """Return the stored range, one tile of a tree of `size`, from which a complete subtree is computed."""
    level, above = divmod(height, TILE_HEIGHT)
    start = (index << above) // TILE_WIDTH * TILE_WIDTH
    return HashRange(level, start, min(start + TILE_WIDTH, size >> TILE_HEIGHT * level))


def _tiles_of(spans: Iterable[tuple[int, int]], size: int) -> list[HashRange]:
    return sorted({_tile_of(*node, size) for span in spans for node in _complete_subtrees(*span)})


class _StoredNodes:
    """Computes inner nodes from stored ranges, each tile's rows once."""

    def __init__(self, size: int, hashes: Mapping[HashRange, Sequence[bytes]]) -> None:
        self._size = size
        self._hashes = hashes
        self._rows: dict[HashRange, list[Sequence[bytes]]] = {}

    def hash_over(self, start: int, stop: int) -> bytes:
        return fold_subtrees([self.hash_of(*node) for node in _complete_subtrees(start, stop)])

    def hash_of(self, height: int, index: int) -> bytes:
        tile = _tile_of(height, index, self._size)
        rows = self._rows.get(tile)
        if rows is None:
            rows = self._rows[tile] = [self._read(tile)]
        above = height % TILE_HEIGHT
        while len(rows) <= above:
            rows.append(pair_row(rows[-1]))
        return rows[above][index - (tile.start >> above)]

    def _read(self, tile: HashRange) -> Sequence[bytes]:
        found = self._hashes.get(tile, ())
        if len(found) != tile.stop - tile.start:
            raise ProofShapeError(f"{len(found)} hashes given for {tile}")
        return found
