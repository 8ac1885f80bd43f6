"""The root of a map from all of its leaves: a second way, which shares no code with updating."""

from collections.abc import Iterable
from itertools import pairwise

from service.core.errors import ProofShapeError
from service.core.prefix_map.strata import HASH_SIZE, KEY_SIZE, MISSING, hash_map_leaf, hash_map_parent

_BITS = 8 * KEY_SIZE


def map_root(items: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the root of the map that holds exactly these (key, value) pairs, given in any order.

    Raises `ProofShapeError` for a key given twice and for keys or values that do not have 32 bytes.
    """
    leaves = sorted(items)
    if not leaves:
        return hash_map_parent(MISSING, MISSING)
    if any(len(key) != KEY_SIZE or len(value) != HASH_SIZE for key, value in leaves):
        raise ProofShapeError("keys and values of the map have 32 bytes each")
    numbers = [int.from_bytes(key) for key, _value in leaves]
    # How many leading bits each leaf shares with the next; the last shares not even the root with anything.
    shared = [_BITS - (this ^ following).bit_length() for this, following in pairwise(numbers)]
    if _BITS in shared:
        raise ProofShapeError("a key of the map is given twice")

    waiting: list[tuple[int, bytes]] = []  # depth and hash of left children whose right sibling is to come
    before = -1
    for (key, value), number, after in zip(leaves, numbers, [*shared, -1], strict=True):
        node, depth = hash_map_leaf(key, value), max(before, after, 0) + 1
        while depth > after + 1:
            if not number >> _BITS - depth & 1:
                node = hash_map_parent(node, MISSING)
            elif waiting and waiting[-1][0] == depth:
                node = hash_map_parent(waiting.pop()[1], node)
            else:
                node = hash_map_parent(MISSING, node)
            depth -= 1
        waiting.append((depth, node))
        before = after
    return waiting[0][1]
