"""The log's tree: RFC 6962 hashing, append, proofs and their verification (RFC 9162 §2.1).

Proving is *plan, read, compute*. `plan_*` says which stored hashes a proof needs, storage reads them in one
query, `prove_*` folds them. Storage holds two kinds of rows, both written once and never changed:

- level 0, position i: the hash of leaf i;
- level L >= 1, position i: the root of the complete subtree over leaves [i * 256^L, (i + 1) * 256^L), written
  in the batch that completes it (`Frontier.extend` returns it at that moment).

A plan is a list of `HashRange`s, each within one 256-wide tile and never beyond what a tree of the given size
has completed. So a range that spans its whole tile may be cached for ever.

This is the only place of the log that knows how hashes combine. The prefix map uses other domain bytes.
"""

from service.core.merkle.proving import (
    HashRange,
    frontier_from,
    plan_consistency,
    plan_inclusion,
    plan_inclusions,
    plan_multiproof,
    plan_root,
    prove_consistency,
    prove_inclusion,
    prove_inclusions,
    prove_multiproof,
    root_from,
)
from service.core.merkle.tree import (
    EMPTY_ROOT,
    HASH_SIZE,
    SIZE_MAX,
    TILE_HEIGHT,
    TILE_WIDTH,
    Frontier,
    TileRoot,
    completed_tiles,
    hash_children,
    hash_leaf,
    root,
)
from service.core.merkle.verification import (
    verify_consistency,
    verify_inclusion,
    verify_multiproof,
)

__all__ = [
    "EMPTY_ROOT",
    "HASH_SIZE",
    "SIZE_MAX",
    "TILE_HEIGHT",
    "TILE_WIDTH",
    "Frontier",
    "HashRange",
    "TileRoot",
    "completed_tiles",
    "frontier_from",
    "hash_children",
    "hash_leaf",
    "plan_consistency",
    "plan_inclusion",
    "plan_inclusions",
    "plan_multiproof",
    "plan_root",
    "prove_consistency",
    "prove_inclusion",
    "prove_inclusions",
    "prove_multiproof",
    "root",
    "root_from",
    "verify_consistency",
    "verify_inclusion",
    "verify_multiproof",
]
