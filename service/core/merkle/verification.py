"""Checking other people's proofs: the numbered algorithms of RFC 9162, and one proof for many leaves."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from service.core.errors import ProofShapeError, RootMismatchError
from service.core.merkle.tree import hash_children, left_width, require_hashes


def verify_inclusion(leaf: bytes, proof: Sequence[bytes], *, index: int, size: int, root: bytes) -> None:
    """Raise `ProofShapeError` or `RootMismatchError` unless `leaf` is leaf hash `index` of tree `root`."""
    if not 0 <= index < size:
        raise ProofShapeError(f"index {index} is outside a tree of size {size}")
    require_hashes((leaf, root, *proof))

    # RFC 9162 §2.1.3.2: `node` climbs from the leaf, `last` along the right edge.
    node, last, reached = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofShapeError("the proof is longer than the tree is high")
        if node % 2 == 1 or node == last:
            reached = hash_children(sibling, reached)
            # A right-edge node without a sibling is its own parent.
            while node % 2 == 0 and node != 0:
                node, last = node // 2, last // 2
        else:
            reached = hash_children(reached, sibling)
        node, last = node // 2, last // 2

    if last != 0:
        raise ProofShapeError("the proof is shorter than the tree is high")
    _require_root(root, reached)


def verify_multiproof(
    leaves: Mapping[int, bytes],
    proof: Sequence[bytes],
    *,
    size: int,
    root: bytes,
    known: Mapping[int, bytes],
) -> None:
    """Raise `ProofShapeError` or `RootMismatchError` unless every one of `leaves` is in tree `root`.

    The root is derived as RFC 9162 §2.1.1 defines it, from left to right. Of a subtree without one of
    `leaves` the hash is the next of `proof`; or of `known` (also by index), where it is a single leaf that
    stands there. So there is exactly one proof, and none with a hash too many. Both mappings are of leaf
    hashes by index, and must agree.
    """
    shown = sorted(leaves)
    if not shown or shown[0] < 0 or shown[-1] >= size:
        raise ProofShapeError(f"nothing is shown, or an index is outside a tree of size {size}")
    require_hashes((root, *leaves.values(), *known.values(), *proof))
    if any(leaves.get(index, leaf) != leaf for index, leaf in known.items()):
        raise ProofShapeError("a leaf does not follow the one before it")
    waiting = iter(proof)

    def reach(start: int, stop: int, low: int, high: int) -> bytes:
        if low == high:
            beside = known.get(start) if stop - start == 1 else None
            found = beside if beside is not None else next(waiting, None)
            if found is None:
                raise ProofShapeError("the proof is too short")
            return found
        if stop - start == 1:
            return leaves[start]
        split = start + left_width(stop - start)
        middle = bisect_left(shown, split, low, high)
        return hash_children(reach(start, split, low, middle), reach(split, stop, middle, high))

    reached = reach(0, size, 0, len(shown))
    if next(waiting, None) is not None:
        raise ProofShapeError("the proof is too long")
    _require_root(root, reached)


def verify_consistency(proof: Sequence[bytes], *, size1: int, size2: int, root1: bytes, root2: bytes) -> None:
    """Raise `ProofShapeError` or `RootMismatchError` unless tree 1 is a prefix of tree 2.

    A `size1` of 0 is refused: every tree extends the empty one, so such a proof would say nothing. Protocols
    that allow it (C2SP tlog-witness, "old 0") handle it before they come here.
    """
    if not 0 < size1 <= size2:
        raise ProofShapeError(f"a tree of size {size2} cannot extend one of size {size1}")
    if size1 == size2:
        _require_same(proof, root1, root2)
        return
    if not proof:
        raise ProofShapeError("the proof is empty")
    require_hashes((root1, root2, *proof))

    # RFC 9162 §2.1.4.2: `node` and `last` climb as above; the first tree's own root stands in for the first
    # hash where that tree is one complete subtree of the second.
    path = [root1, *proof] if size1.bit_count() == 1 else list(proof)
    node, last = size1 - 1, size2 - 1
    while node % 2 == 1:
        node, last = node // 2, last // 2
    reached1 = reached2 = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofShapeError("the proof is longer than the tree is high")
        if node % 2 == 1 or node == last:
            reached1, reached2 = hash_children(sibling, reached1), hash_children(sibling, reached2)
            while node % 2 == 0 and node != 0:
                node, last = node // 2, last // 2
        else:
            reached2 = hash_children(reached2, sibling)
        node, last = node // 2, last // 2

    if last != 0:
        raise ProofShapeError("the proof is shorter than the tree is high")
    _require_root(root1, reached1)
    _require_root(root2, reached2)


def _require_same(proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    if proof:
        raise ProofShapeError("trees of one size need no proof")
    _require_root(root1, root2)


def _require_root(expected: bytes, reached: bytes) -> None:
    if reached != expected:
        raise RootMismatchError(f"expected {expected.hex()}, reached {reached.hex()}")
