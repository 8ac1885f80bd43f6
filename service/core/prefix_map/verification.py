"""Checking what the map is said to say of one key."""

from service.core.errors import ProofShapeError, RootMismatchError
from service.core.prefix_map.proving import MapProof, MapResult
from service.core.prefix_map.strata import HASH_SIZE, KEY_SIZE, MISSING, hash_map_leaf, hash_map_parent

_BITS = 8 * KEY_SIZE


def verify_map(proof: MapProof, *, key: bytes, value: bytes | None, root: bytes) -> None:
    """Raise unless the map with this `root` holds `value` for `key`, or for None holds nothing for it.

    1. The shape: as many siblings as the depth says, between 1 and 256, each a hash.
    2. The end of the path: the key's own leaf, another leaf that shares every bit of the path, or nothing.
    3. The depth is minimal: a node that ends below depth 1 has a sibling, or it would stand higher.
    4. The path hashes to the root.

    Raises `ProofShapeError` for 1 to 3 and `RootMismatchError` for 4.
    """
    # Step 1: the shape.
    if len(proof.siblings) != proof.depth or not 1 <= proof.depth <= _BITS:
        raise ProofShapeError(f"{len(proof.siblings)} siblings for a path of depth {proof.depth}")
    if any(len(item) != HASH_SIZE for item in (root, *proof.siblings)) or len(key) != KEY_SIZE:
        raise ProofShapeError(f"every key and hash must have {HASH_SIZE} bytes")
    # Step 2: the end of the path.
    reached = _end_of_path(proof, key, value)
    # Step 3: the depth.
    if proof.depth > 1 and proof.siblings[0] == MISSING:
        raise ProofShapeError("the path is longer than the tree is deep there")
    # Step 4: the root.
    path = int.from_bytes(key) >> _BITS - proof.depth
    for sibling in proof.siblings:
        reached = hash_map_parent(sibling, reached) if path & 1 else hash_map_parent(reached, sibling)
        path >>= 1
    if reached != root:
        raise RootMismatchError(f"expected {root.hex()}, reached {reached.hex()}")


def _end_of_path(proof: MapProof, key: bytes, value: bytes | None) -> bytes:
    """Return the hash of the node where the search is said to have ended."""
    if (proof.result is MapResult.INCLUSION) != (value is not None):
        raise ProofShapeError(f"a proof of {proof.result} does not show what is claimed")
    if (proof.result is MapResult.NON_INCLUSION_LEAF) != (proof.other is not None):
        raise ProofShapeError("another leaf is shown exactly when the path ends there")
    if value is not None:
        if len(value) != HASH_SIZE:
            raise ProofShapeError(f"a value of the map has {HASH_SIZE} bytes")
        return hash_map_leaf(key, value)
    if proof.other is None:
        return MISSING
    other, other_value = proof.other
    if len(other) != KEY_SIZE or len(other_value) != HASH_SIZE:
        raise ProofShapeError("the other leaf is no leaf")
    shared = _BITS - (int.from_bytes(key) ^ int.from_bytes(other)).bit_length()
    if other == key or shared < proof.depth:
        raise ProofShapeError("the other leaf does not stand on the path of this key")
    return hash_map_leaf(other, other_value)
