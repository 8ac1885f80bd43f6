"""Vectors of the two trees: the log's (RFC 6962) over real entries, and the map (keytrans)."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.core.merkle import (
    HashRange,
    hash_leaf,
    plan_consistency,
    plan_inclusion,
    plan_multiproof,
    prove_consistency,
    prove_inclusion,
    prove_multiproof,
    root,
)
from service.core.prefix_map import EMPTY_STRATUM, MapProof, map_root, prove, update
from tests.support.log_writer import small_log
from tests.support.vectors.case import Vectors

ENTRIES = [line.entry for line in small_log().lines]
LEAVES = [hash_leaf(entry) for entry in ENTRIES]
STRANGER = b"\x5a" * 32

Forged = dict[str, tuple[dict[str, Any], str]]
"""What is changed of a good case, and why it is refused then."""


def _stored(plan: Sequence[HashRange]) -> Mapping[HashRange, Sequence[bytes]]:
    return {part: LEAVES[part.start : part.stop] for part in plan}  # fewer than 256: level 0 alone


def _inclusion(index: int, size: int) -> dict[str, Any]:
    proof = prove_inclusion(index, size, _stored(plan_inclusion(index, size)))
    return {
        "leaf": LEAVES[index].hex(),
        "index": index,
        "size": size,
        "root": root(LEAVES[:size]).hex(),
        "proof": [each.hex() for each in proof],
    }


def _multiproof(indices: Sequence[int], size: int) -> dict[str, Any]:
    known = {index - 1 for index in indices}
    stored = _stored(plan_multiproof(indices, size, known=known))
    proof = prove_multiproof(indices, size, stored, known=known)
    return {
        "entries": [{"index": index, "entry": ENTRIES[index].hex()} for index in indices],
        "size": size,
        "root": root(LEAVES[:size]).hex(),
        "proof": [each.hex() for each in proof],
    }


def _consistency(size1: int, size2: int) -> dict[str, Any]:
    proof = prove_consistency(size1, size2, _stored(plan_consistency(size1, size2)))
    return {
        "size1": size1,
        "size2": size2,
        "root1": root(LEAVES[:size1]).hex(),
        "root2": root(LEAVES[:size2]).hex(),
        "proof": [each.hex() for each in proof],
    }


def roots_of_trees() -> Vectors:
    """Roots over the first entries of a log."""
    vectors = Vectors("tree/root", "The root over leaf hashes.")
    for size in range(len(LEAVES) + 1):
        vectors.accept(f"{size} leaves", leaves=[leaf.hex() for leaf in LEAVES[:size]])
    vectors.refuse("leaf of 31 bytes", "a hash has 32 bytes", leaves=[LEAVES[0].hex()[2:]])
    return vectors


def inclusions() -> Vectors:
    """Inclusion proofs."""
    vectors = Vectors("tree/inclusion", "That a leaf stands at an index of a tree.")
    for size in range(1, len(LEAVES) + 1):
        for index in range(size):
            vectors.accept(f"leaf {index} of {size}", **_inclusion(index, size))
    good = _inclusion(4, 7)
    proof = good["proof"]
    forged: Forged = {
        "another leaf": ({"leaf": LEAVES[5].hex()}, "leads to another root"),
        "another index": ({"index": 5}, "leads to another root"),
        "index beyond the tree": ({"index": 7}, "the index is below the size"),
        "another size": ({"size": 5}, "longer than the tree is high"),
        "another root": ({"root": STRANGER.hex()}, "leads to another root"),
        "a hash dropped": ({"proof": proof[1:]}, "shorter than the tree is high"),
        "a hash added": ({"proof": [*proof, STRANGER.hex()]}, "longer than the tree is high"),
        "a hash changed": ({"proof": [STRANGER.hex(), *proof[1:]]}, "leads to another root"),
        "two hashes exchanged": ({"proof": proof[::-1]}, "leads to another root"),
        "a hash cut off": ({"proof": [proof[0][2:], *proof[1:]]}, "a hash has 32 bytes"),
        "no tree": ({"size": 0, "index": 0}, "the index is below the size"),
    }
    for name, (changes, reason) in forged.items():
        vectors.refuse(name, reason, **good | changes)
    return vectors


def multiproofs() -> Vectors:
    """Proofs for several entries together."""
    vectors = Vectors("tree/multiproof", "That entries stand at their indices of a tree.")
    for size in (1, 2, 3, 5):
        for chosen in range(1, 2**size):
            indices = [index for index in range(size) if chosen >> index & 1]
            vectors.accept(f"{indices} of {size}", **_multiproof(indices, size))
    last = len(LEAVES) - 1
    for indices in ([0, last], [0, 3, 4, last], [2, 5, last - 1], list(range(last + 1))):
        vectors.accept(f"{indices} of {last + 1}", **_multiproof(indices, last + 1))
    good = _multiproof([0, 3, 6], 8)
    for name, (changes, reason) in _forged_multiproofs(good).items():
        vectors.refuse(name, reason, **good | changes)
    return vectors


def _forged_multiproofs(good: dict[str, Any]) -> Forged:
    proof, entries = good["proof"], good["entries"]
    moved = [entries[0], entries[1] | {"index": 5}, entries[2]]
    relinked = bytes.fromhex(entries[1]["entry"])
    relinked = relinked[:1] + STRANGER + relinked[33:]
    other = [entries[0], {"index": 3, "entry": relinked.hex()}, entries[2]]
    neighbours = _multiproof([2, 3], 8)
    return {
        "another entry": (
            {"entries": [entries[0], entries[1] | {"entry": ENTRIES[4].hex()}]},
            "another root",
        ),
        "another index": ({"entries": moved}, "leads to another root"),
        "another link": ({"entries": other}, "leads to another root"),
        "an entry left out": ({"entries": entries[:2]}, "a hash too few"),
        "an entry added": (
            {"entries": [*entries, {"index": 7, "entry": ENTRIES[7].hex()}]},
            "a hash too many",
        ),
        "an index beyond the tree": ({"entries": [entries[0] | {"index": 8}]}, "the index is below the size"),
        "one index twice": (
            {"entries": [*entries, entries[1] | {"entry": relinked.hex()}]},
            "one entry each",
        ),
        "entries that do not follow": (
            neighbours | {"entries": [neighbours["entries"][0], {"index": 3, "entry": relinked.hex()}]},
            "the link is the leaf hash before",
        ),
        "no entry": ({"entries": [], "proof": [good["root"]]}, "nothing is shown"),
        "another size": ({"size": 7}, "leads to another root"),
        "another root": ({"root": STRANGER.hex()}, "leads to another root"),
        "a hash dropped": ({"proof": proof[1:]}, "a hash too few"),
        "a hash added": ({"proof": [*proof, STRANGER.hex()]}, "a hash too many"),
        "a hash shown that the link tells": ({"proof": [proof[0], LEAVES[2].hex(), *proof[1:]]}, "too many"),
        "two hashes exchanged": ({"proof": [proof[1], proof[0], *proof[2:]]}, "leads to another root"),
        "a hash cut off": ({"proof": [proof[0][2:], *proof[1:]]}, "a hash has 32 bytes"),
    }


def consistencies() -> Vectors:
    """Consistency proofs."""
    vectors = Vectors("tree/consistency", "That one tree is the beginning of another.")
    for size2 in range(1, len(LEAVES) + 1):
        for size1 in range(1, size2 + 1):
            vectors.accept(f"{size1} of {size2}", **_consistency(size1, size2))
    good, same = _consistency(3, 7), _consistency(4, 4)
    proof = good["proof"]
    empty = hashlib.sha256().hexdigest()
    forged: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
        "size 0 before": (
            good,
            {"size1": 0, "root1": empty, "proof": []},
            "a proof from nothing says nothing",
        ),
        "grown backwards": (good, {"size1": 7, "size2": 3}, "the first size is not the greater"),
        "roots exchanged": (good, {"root1": good["root2"], "root2": good["root1"]}, "leads to another root"),
        "another first root": (good, {"root1": STRANGER.hex()}, "leads to another root"),
        "another second root": (good, {"root2": STRANGER.hex()}, "leads to another root"),
        "no proof": (good, {"proof": []}, "the proof is empty"),
        "a hash dropped": (good, {"proof": proof[:-1]}, "shorter than the tree is high"),
        "a hash added": (good, {"proof": [*proof, STRANGER.hex()]}, "longer than the tree is high"),
        "a hash changed": (good, {"proof": [STRANGER.hex(), *proof[1:]]}, "leads to another root"),
        "a hash cut off": (good, {"proof": [proof[0][2:], *proof[1:]]}, "a hash has 32 bytes"),
        "two roots of one size": (same, {"root2": STRANGER.hex()}, "one size has one root: a fork"),
        "a proof where none is needed": (same, {"proof": [STRANGER.hex()]}, "the proof of one size is empty"),
    }
    for name, (case, changes, reason) in forged.items():
        vectors.refuse(name, reason, **case | changes)
    return vectors


def _value(number: int) -> bytes:
    return hashlib.sha256(b"value %d" % number).digest()


def _first_byte(value: int, last: int = 0) -> bytes:
    return bytes([value]) + bytes(30) + bytes([last])


MAPS: dict[str, dict[bytes, bytes]] = {
    "empty": {},
    "one leaf": {_first_byte(0x00): b"\x11" * 32},
    "two leaves, parted at the root": {_first_byte(0x00): b"\x11" * 32, _first_byte(0x80): b"\x22" * 32},
    "three leaves": {
        _first_byte(0x00): b"\x11" * 32,
        _first_byte(0x80): b"\x22" * 32,
        _first_byte(0xC0): b"\x33" * 32,
    },
    "two leaves on one side": {_first_byte(0x80): _value(1), _first_byte(0xC0): _value(2)},
    "two keys that differ in their last bit": {
        _first_byte(0x40, 0): _value(1),
        _first_byte(0x40, 1): _value(2),
    },
    "twenty leaves": {hashlib.sha256(b"key %d" % number).digest(): _value(number) for number in range(20)},
}


def roots_of_maps() -> Vectors:
    """Roots of maps."""
    vectors = Vectors("map/root", "The root of the map that holds exactly these leaves.")
    for name, content in MAPS.items():
        leaves = [{"key": key.hex(), "value": value.hex()} for key, value in content.items()]
        vectors.accept(name, leaves=leaves)
    leaf = {"key": _first_byte(1).hex(), "value": _value(1).hex()}
    vectors.refuse("a key twice", "a key stands once", leaves=[leaf, leaf | {"value": _value(2).hex()}])
    vectors.refuse("key of 31 bytes", "a key has 32 bytes", leaves=[leaf | {"key": leaf["key"][2:]}])
    vectors.refuse(
        "value of 33 bytes", "a value has 32 bytes", leaves=[leaf | {"value": leaf["value"] + "00"}]
    )
    return vectors


def _proof(content: Mapping[bytes, bytes], key: bytes) -> dict[str, Any]:
    strata = {"": EMPTY_STRATUM} | update({"": EMPTY_STRATUM}, content).changed
    proof: MapProof = prove(strata, key)
    value, other = content.get(key), proof.other
    return {
        "root": map_root(content.items()).hex(),
        "key": key.hex(),
        "value": value.hex() if value is not None else None,
        "siblings": [each.hex() for each in proof.siblings],
        "other_leaf": {"key": other.key.hex(), "value": other.value.hex()} if other is not None else None,
    }


def map_proofs() -> Vectors:
    """Presence and absence, shown and forged."""
    vectors = Vectors("map/proof", "That the map holds this value for a key, or (null) nothing.")
    for name, content in MAPS.items():
        for number, key in enumerate(list(content)[:3]):
            vectors.accept(f"{name}: present, {number}", **_proof(content, key))
        vectors.accept(f"{name}: absent", **_proof(content, b"\x9f" * 32))
    content = MAPS["three leaves"]
    absent_by_leaf = _proof(content, _first_byte(0xC0, 1))
    absent_by_gap = _proof(MAPS["two leaves on one side"], _first_byte(0x01))
    vectors.accept("absent: another leaf stands there", **absent_by_leaf)
    vectors.accept("absent: nothing stands there", **absent_by_gap)
    present, other = _proof(content, _first_byte(0x80)), absent_by_leaf["other_leaf"]
    _forge(vectors, present, _of_presence(present, other))
    _forge(vectors, absent_by_leaf, _of_absence_by_leaf(other))
    _forge(vectors, absent_by_gap, _of_absence_by_gap())
    return vectors


def _forge(vectors: Vectors, good: dict[str, Any], forged: Forged) -> None:
    for name, (changes, reason) in forged.items():
        vectors.refuse(name, reason, **good | changes)


def _of_presence(present: dict[str, Any], other_leaf: dict[str, str]) -> Forged:
    siblings, stranger = present["siblings"], STRANGER.hex()
    own = {"key": present["key"], "value": present["value"]}
    return {
        "another value": ({"value": stranger}, "leads to another root"),
        "another key": ({"key": stranger}, "leads to another root"),
        "another root": ({"root": stranger}, "leads to another root"),
        "a sibling dropped": ({"siblings": siblings[1:]}, "leads to another root"),
        "a sibling added": ({"siblings": [*siblings, stranger]}, "leads to another root"),
        "siblings exchanged": ({"siblings": siblings[::-1]}, "leads to another root"),
        "a sibling cut off": ({"siblings": [siblings[0][2:], *siblings[1:]]}, "a hash has 32 bytes"),
        "no sibling": ({"siblings": []}, "the root is always a parent"),
        "257 siblings": ({"siblings": [stranger] * 257}, "a key has 256 bits"),
        "another leaf beside a value": ({"other_leaf": other_leaf}, "present or absent, not both"),
        "a leaf below its shallowest place": (
            _lengthened(present),
            "the deepest sibling is missing below depth 1",
        ),
        "present, said to be absent": ({"value": None}, "leads to another root"),
        "absent by its own leaf": ({"value": None, "other_leaf": own}, "the other leaf is another key's"),
        "key of 31 bytes": ({"key": present["key"][2:]}, "a key has 32 bytes"),
        "value of 31 bytes": ({"value": present["value"][2:]}, "a value has 32 bytes"),
    }


def _of_absence_by_leaf(other_leaf: dict[str, str]) -> Forged:
    stranger = STRANGER.hex()
    said = {"value": stranger, "other_leaf": None}
    return {
        "absent, said to be present": (said, "leads to another root"),
        "another value of the other leaf": (
            {"other_leaf": other_leaf | {"value": stranger}},
            "leads to another root",
        ),
    }


def _of_absence_by_gap() -> Forged:
    off = {"key": "80" + "00" * 31, "value": STRANGER.hex()}
    return {
        "absent by a leaf off its path": ({"other_leaf": off}, "the other leaf shares the path"),
        "absent, said to be present with zeros": ({"value": "00" * 32}, "leads to another root"),
    }


def _lengthened(present: dict[str, Any]) -> dict[str, Any]:
    """The same leaf one level deeper, in a tree whose root says so: no map has this root."""
    key, leaf = bytes.fromhex(present["key"]), b"\x02" + bytes.fromhex(present["key"] + present["value"])
    siblings = [bytes(32), *(bytes.fromhex(each) for each in present["siblings"])]
    node, path = hashlib.sha256(leaf).digest(), int.from_bytes(key) >> 256 - len(siblings)
    for sibling in siblings:
        pair = sibling + node if path & 1 else node + sibling
        node, path = hashlib.sha256(b"\x03" + pair).digest(), path >> 1
    return present | {"siblings": [each.hex() for each in siblings], "root": node.hex()}


def all_of_them() -> Iterator[Vectors]:
    """Every file of this module."""
    yield from (roots_of_trees(), inclusions(), multiproofs(), consistencies(), roots_of_maps(), map_proofs())
