"""Entries, the log's tree and the map, from `schemas/README.md` alone."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from tests.support.plain_reader.identities import ZERO, sha256
from tests.support.plain_reader.texts import Json, require, unhex

LONGEST = 65_535


class Fields:
    """Takes an entry apart, from its beginning to its end."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def take(self, size: int) -> bytes:
        """The next bytes."""
        require(size <= len(self.raw), "cut off")
        taken, self.raw = self.raw[:size], self.raw[size:]
        return taken

    def number(self, size: int) -> int:
        """The next integer."""
        return int.from_bytes(self.take(size), "big")

    def prefixed(self) -> bytes:
        """The next field with a length before it."""
        return self.take(self.number(2))

    def name(self) -> str:
        """The next name."""
        raw = self.prefixed()
        require(raw and all(0x21 <= byte <= 0x7E for byte in raw), "not a name")
        return raw.decode()

    def end(self) -> None:
        """There is nothing more."""
        require(not self.raw, "bytes after the end")


def read_entry(raw: bytes) -> Json:
    """What an entry says."""
    require(len(raw) <= LONGEST, "too long")
    fields = Fields(raw)
    kind, link, time = fields.number(1), fields.take(32), fields.number(8)
    require(kind < 5, "no such type")
    said = (_genesis, _event, _epoch, _erasure, _succession)[kind](fields)
    fields.end()
    return {"prev_leaf_hash": link.hex(), "recorded_at_ms": time, **said}


def _genesis(fields: Fields) -> Json:
    said = {"type": "genesis", "hash_suite": fields.number(1), "canonicaliser_version": fields.number(1)}
    require(said["hash_suite"] == 1, "another suite")
    said |= {"rulebook_hash": fields.take(32).hex(), "secret_commitment": fields.take(32).hex()}
    return said | {"origin": fields.name(), "vkey": fields.name()}


def _event(fields: Fields) -> Json:
    return {"type": "event", "commitment": fields.take(32).hex()}


def _epoch(fields: Fields) -> Json:
    numbers = {name: fields.number(8) for name in ("epoch_no", "previous_epoch_index", "subject_count")}
    hashes = {name: fields.take(32).hex() for name in ("map_root", "rulebook_hash", "anchor_hash")}
    return {"type": "epoch", **numbers, **hashes}


def _erasure(fields: Fields) -> Json:
    reason, count = fields.number(1), fields.number(4)
    require(len(fields.raw) == 8 * count, "another count")
    indices = [fields.number(8) for _ in range(count)]
    require(indices and all(a < b for a, b in pairwise(indices)), "not ascending")
    return {"type": "erasure", "reason": reason, "indices": indices}


def _succession(fields: Fields) -> Json:
    return {"type": "succession", "kind": fields.name(), "payload": fields.prefixed().decode()}


def entry(given: Json) -> Json:
    """What an entry says, and its leaf hash."""
    raw = unhex(given["entry"])
    return {"leaf_hash": sha256(b"\0", raw).hex(), **read_entry(raw)}


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, word for word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256()
    split = _left(len(leaves))
    return sha256(b"\1", tree_root(leaves[:split]), tree_root(leaves[split:]))


def _left(count: int) -> int:
    """The largest power of two smaller than the count."""
    power = 1
    while 2 * power < count:
        power *= 2
    return power


def check_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> None:
    """By recursion from the root, instead of the climb that the RFC describes."""
    require(0 <= index < size, "no such leaf")
    proof = list(proof)
    reached = _path_root(leaf, index, size, proof)
    require(not proof, "too long")
    require(reached == root, "another root")


def _path_root(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    if size == 1:
        return leaf
    require(proof, "too short")
    split, sibling = _left(size), proof.pop()
    if index < split:
        return sha256(b"\1", _path_root(leaf, index, split, proof), sibling)
    return sha256(b"\1", sibling, _path_root(leaf, index - split, size - split, proof))


def check_entries(entries: Mapping[int, bytes], size: int, proof: Sequence[bytes], root: bytes) -> None:
    """That all these entries, by index, are in the tree, by one proof."""
    waiting = list(proof)
    read = {index: (sha256(b"\0", raw), raw[1:33]) for index, raw in entries.items()}
    require(read and min(read) >= 0 and max(read) < size, "no such leaf")
    for index, (leaf, _) in read.items():
        require(index + 1 not in read or read[index + 1][1] == leaf, "does not follow")

    def reach(start: int, stop: int) -> bytes:
        if not any(start <= index < stop for index in read):
            if stop - start == 1 and stop in read:
                return read[stop][1]
            require(waiting, "too short")
            return waiting.pop(0)
        if stop - start == 1:
            return read[start][0]
        split = start + _left(stop - start)
        left = reach(start, split)
        return sha256(b"\1", left, reach(split, stop))

    reached = reach(0, size)
    require(not waiting, "too long")
    require(reached == root, "another root")


def check_consistency(sizes: tuple[int, int], roots: tuple[bytes, bytes], proof: list[bytes]) -> None:
    """By recursion from the root (RFC 9162 section 2.1.4.1, read backwards)."""
    require(0 < sizes[0] <= sizes[1], "no growth")
    proof = list(proof)
    reached = _both_roots(sizes, proof, roots[0], whole=True)
    require(not proof, "too long")
    require(reached == roots, "another root")


def _both_roots(
    sizes: tuple[int, int], proof: list[bytes], first: bytes, *, whole: bool
) -> tuple[bytes, bytes]:
    """The old and the new root of a subtree; `whole` while the old tree is not cut."""
    size1, size2 = sizes
    if size1 == size2:
        if whole:
            return first, first
        require(proof, "too short")
        node = proof.pop()
        return node, node
    require(proof, "too short")
    split, sibling = _left(size2), proof.pop()
    if size1 <= split:
        old, new = _both_roots((size1, split), proof, first, whole=whole)
        return old, sha256(b"\1", new, sibling)
    old, new = _both_roots((size1 - split, size2 - split), proof, first, whole=False)
    return sha256(b"\1", sibling, old), sha256(b"\1", sibling, new)


def _bit(key: bytes, depth: int) -> int:
    return key[depth // 8] >> 7 - depth % 8 & 1


def map_root(leaves: Mapping[bytes, bytes], depth: int = 0) -> bytes:
    """The root of a map, from the top down."""
    if depth > 0 and len(leaves) < 2:
        return next((sha256(b"\2", key, value) for key, value in leaves.items()), ZERO)
    sides = [{key: leaves[key] for key in leaves if _bit(key, depth) == side} for side in (0, 1)]
    return sha256(b"\3", *(map_root(side, depth + 1) for side in sides))


def check_map_proof(given: Json) -> Json:
    """That the map holds this value, or nothing."""
    key, root = unhex(given["key"], 32), unhex(given["root"], 32)
    siblings = [unhex(each, 32) for each in given["siblings"]]
    require(1 <= len(siblings) <= 256, "no such depth")
    require(len(siblings) == 1 or siblings[0] != ZERO, "a leaf below its place")
    node = _end(key, given["value"], given["other_leaf"], len(siblings))
    for sibling, depth in zip(siblings, range(len(siblings) - 1, -1, -1), strict=True):
        node = sha256(b"\3", sibling, node) if _bit(key, depth) else sha256(b"\3", node, sibling)
    require(node == root, "another root")
    return {}


def _end(key: bytes, value: str | None, other: Json | None, depth: int) -> bytes:
    if value is not None:
        require(other is None, "present and absent")
        return sha256(b"\2", key, unhex(value, 32))
    if other is None:
        return ZERO
    stranger = unhex(other["key"], 32)
    shared = all(_bit(stranger, place) == _bit(key, place) for place in range(depth))
    require(stranger != key and shared, "not on the path")
    return sha256(b"\2", stranger, unhex(other["value"], 32))
