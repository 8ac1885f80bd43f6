"""The map from subject to the head of its chain: a binary prefix tree with the hashing of IETF keytrans.

    leaf    = SHA-256(0x02 ‖ key[32] ‖ value[32])       stands at the shallowest depth where it is alone
    parent  = SHA-256(0x03 ‖ left[32] ‖ right[32])      a node with two or more leaves below it
    missing = 32 zero bytes

The root is a parent however few leaves there are. Bit 0 of a key is the highest bit of its first byte; 0 goes
left. So one set of leaves has exactly one tree, in whatever order and batches it came to be.

Storage holds the tree as *strata* of four levels, one small row each, named by the hexadecimal prefix of the
keys below ("" is the top). A stratum exists where its parent stratum says so, never by being looked up in
vain. `update` and `prove` raise `MissingStrataError` with the rows they were not given; read and call again.
"""

from service.core.prefix_map.proving import MapProof, MapResult, prove
from service.core.prefix_map.recomputing import map_root
from service.core.prefix_map.strata import (
    EMPTY_STRATUM,
    MISSING,
    MapLeaf,
    MissingStrataError,
    Stratum,
    root_of,
)
from service.core.prefix_map.updating import UpdateResult, levels_for, plan_prefixes, update
from service.core.prefix_map.verification import verify_map

__all__ = [
    "EMPTY_STRATUM",
    "MISSING",
    "MapLeaf",
    "MapProof",
    "MapResult",
    "MissingStrataError",
    "Stratum",
    "UpdateResult",
    "levels_for",
    "map_root",
    "plan_prefixes",
    "prove",
    "root_of",
    "update",
    "verify_map",
]
