"""Showing what the map says of one key, or that it says nothing."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from service.core.errors import ProofShapeError
from service.core.prefix_map.strata import KEY_SIZE, SLOTS, MapLeaf, MissingStrataError, Stratum
from service.core.prefix_map.updating import child_of


class MapResult(StrEnum):
    """How a search of the map ended (keytrans: PrefixSearchResultType)."""

    INCLUSION = "inclusion"
    NON_INCLUSION_LEAF = "non_inclusion_leaf"
    NON_INCLUSION_PARENT = "non_inclusion_parent"


class MapProof(NamedTuple):
    """The path of a key through the map.

    `depth` is how many levels below the root the search ended: at the key's own leaf, at another key's leaf
    (`other`), or at a missing child. `siblings` are the `depth` hashes beside the path, the deepest first.
    """

    result: MapResult
    depth: int
    siblings: tuple[bytes, ...]
    other: MapLeaf | None = None


def prove(strata: Mapping[str, Stratum], key: bytes) -> MapProof:
    """Return the proof of presence or absence of `key`.

    Raises `MissingStrataError` if a row on its path was not given, and `RootMismatchError` as `update` does.
    """
    if len(key) != KEY_SIZE:
        raise ProofShapeError(f"a key of the map has {KEY_SIZE} bytes")
    siblings: list[bytes] = []
    prefix, stratum = "", strata.get("")
    while stratum is not None:
        end = _walk(stratum, int(key.hex()[len(prefix)], 16), siblings)
        if not stratum.many >> end & 1:
            return _conclude(stratum, end, key, tuple(reversed(siblings)))
        prefix += f"{end - SLOTS:x}"
        stratum = child_of(strata, prefix, stratum.hash_of(end))
    raise MissingStrataError({prefix})


def _walk(stratum: Stratum, slot: int, siblings: list[bytes]) -> int:
    """Walk towards `slot` while there is more than one leaf below; return the node where it ends."""
    node = 1
    for shift in (3, 2, 1, 0):
        node = 2 * node + (slot >> shift & 1)
        siblings.append(stratum.hash_of(node ^ 1))
        if not stratum.many >> node & 1:
            break
    return node


def _conclude(stratum: Stratum, node: int, key: bytes, siblings: tuple[bytes, ...]) -> MapProof:
    if not stratum.present >> node & 1:
        return MapProof(MapResult.NON_INCLUSION_PARENT, len(siblings), siblings)
    width = SLOTS >> node.bit_length() - 1
    below = ((1 << width) - 1) << node * width - SLOTS
    leaf = stratum.leaf_in((stratum.leaf_mask & below).bit_length() - 1)
    if leaf.key == key:
        return MapProof(MapResult.INCLUSION, len(siblings), siblings)
    return MapProof(MapResult.NON_INCLUSION_LEAF, len(siblings), siblings, leaf)
