"""The map: keytrans vectors, two implementations that agree, and every attack on its shape refused."""

from collections.abc import Iterable, Mapping
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.errors import ProofError, ProofShapeError, RootMismatchError
from service.core.prefix_map import (
    EMPTY_STRATUM,
    MapLeaf,
    MapProof,
    MapResult,
    MissingStrataError,
    Stratum,
    UpdateResult,
    levels_for,
    map_root,
    plan_prefixes,
    prove,
    root_of,
    update,
    verify_map,
)
from service.core.prefix_map.strata import hash_map_leaf, hash_map_parent

MISSING = bytes(32)
EMPTY_MAP_ROOT = hash_map_parent(MISSING, MISSING)

A, B, C = bytes(32), b"\x80" + bytes(31), b"\xc0" + bytes(31)
VALUE_A, VALUE_B, VALUE_C = b"\x11" * 32, b"\x22" * 32, b"\x33" * 32


def bit(key: bytes, depth: int) -> int:
    return key[depth // 8] >> 7 - depth % 8 & 1


def naive_root(leaves: Mapping[bytes, bytes], depth: int = 0) -> bytes:
    """The definition, word for word."""
    if not leaves and depth > 0:
        return MISSING
    if len(leaves) == 1 and depth > 0:
        return hash_map_leaf(*next(iter(leaves.items())))
    sides = [{k: v for k, v in leaves.items() if bit(k, depth) == side} for side in (0, 1)]
    return hash_map_parent(naive_root(sides[0], depth + 1), naive_root(sides[1], depth + 1))


def grown(*batches: Mapping[bytes, bytes]) -> dict[str, Stratum]:
    strata = {"": EMPTY_STRATUM}
    for batch in batches:
        strata |= update(strata, batch).changed
    return strata


def subject(number: int) -> bytes:
    return sha256(b"subject %d" % number).digest()


def head(number: int) -> bytes:
    return sha256(b"head %d" % number).digest()


# Keys that share long prefixes are what makes the tree deep; hashes alone would never.
deep_keys = st.builds(
    lambda stem, tail, length: (stem[:length] + tail)[:32],
    st.sampled_from([bytes(32), b"\xff" * 32, b"\x0f" * 32, subject(0)]),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 32),
)
near_keys = st.integers(0, 7).map(lambda number: number.to_bytes(32))
leaves = st.dictionaries(deep_keys | near_keys, st.binary(min_size=32, max_size=32), max_size=24)


@pytest.mark.parametrize(
    ("content", "root"),
    [
        ({A: VALUE_A}, "ee420d2a0734170279a63b598bc892bf876bcbe45e518c70854d0ce3586ea5f3"),
        ({A: VALUE_A, B: VALUE_B}, "76ac87d94f7ceedd4aa804780d19cd25039c366ace0be09a127f6e4ed155ac11"),
        (
            {A: VALUE_A, B: VALUE_B, C: VALUE_C},
            "c465d765504043d328d9b0afd3dfee5a2884f8d0e3a6539caab8b33bcb430096",
        ),
    ],
    ids=["one leaf", "two leaves", "three leaves"],
)
def test_the_known_roots_come_out_in_every_way(content: dict[bytes, bytes], root: str) -> None:
    ways = {update({"": EMPTY_STRATUM}, content).root, map_root(content.items()), naive_root(content)}
    assert {way.hex() for way in ways} == {root}


def test_a_leaf_has_the_keytrans_hash_and_an_empty_map_has_a_root() -> None:
    assert (
        hash_map_leaf(A, VALUE_A).hex() == "a3f1132bffd8af61b107567e3a4ce88ec015505b363b9139a512eb3182fbe968"
    )
    assert root_of(EMPTY_STRATUM) == map_root([]) == update({"": EMPTY_STRATUM}, {}).root == EMPTY_MAP_ROOT


@settings(deadline=None)
@given(leaves, st.randoms(use_true_random=False), st.integers(1, 8))
def test_neither_order_nor_batches_change_the_root(
    content: dict[bytes, bytes], chance: object, size: int
) -> None:
    items = sorted(content.items())
    chance.shuffle(items)  # type: ignore[attr-defined] # hypothesis types it as object
    strata = grown(*(dict(items[at : at + size]) for at in range(0, len(items), size)))
    assert root_of(strata[""]) == map_root(content.items()) == naive_root(content)
    assert encoded(strata) == encoded(grown(content) if content else {"": EMPTY_STRATUM})


def encoded(strata: Mapping[str, Stratum]) -> dict[str, bytes]:
    return {prefix: stratum.to_bytes() for prefix, stratum in strata.items()}


@settings(deadline=None)
@given(leaves, leaves)
def test_changing_values_gives_the_map_that_held_the_last_ones(
    first: dict[bytes, bytes], second: dict[bytes, bytes]
) -> None:
    strata = grown(first)
    result = update(strata, second)
    assert result.root == map_root((first | second).items())
    assert result.inserted == len(second.keys() - first.keys())


@settings(deadline=None)
@given(leaves, leaves)
def test_an_update_leaves_what_it_was_given_untouched(
    first: dict[bytes, bytes], second: dict[bytes, bytes]
) -> None:
    strata = grown(first)
    before = encoded(strata)
    result = update(strata, second)
    assert encoded(strata) == before
    assert root_of(strata[""]) == map_root(first.items())
    assert set(result.changed) >= {""} if second else result.changed == {}


@settings(deadline=None)
@given(leaves, leaves)
def test_rows_written_and_read_back_work_as_the_ones_in_memory(
    first: dict[bytes, bytes], second: dict[bytes, bytes]
) -> None:
    strata = grown(first)
    read = {prefix: Stratum.from_bytes(raw, prefix=prefix) for prefix, raw in encoded(strata).items()}
    assert encoded(read) == encoded(strata)
    assert update(read, second).root == map_root((first | second).items())


@settings(max_examples=30, deadline=None)
@given(leaves, leaves)
def test_rows_can_be_read_as_they_turn_out_to_be_needed(
    first: dict[bytes, bytes], second: dict[bytes, bytes]
) -> None:
    rows = RowsOnDemand(grown(first))
    root = rows.update(second).root
    assert root == map_root((first | second).items())
    assert rows.reads <= 65


class RowsOnDemand:
    """Storage that is read only for the rows that an update says it needs."""

    def __init__(self, stored: dict[str, Stratum]) -> None:
        self.stored = stored
        self.held: dict[str, Stratum] = {}
        self.reads = 0

    def update(self, updates: Mapping[bytes, bytes]) -> UpdateResult:
        """Update, reading and trying again as often as it takes."""
        try:
            return update(self.held, updates)
        except MissingStrataError as missing:
            needed = missing.prefixes
        assert not needed & self.held.keys(), "nothing is asked for twice"
        self.held |= {prefix: self.stored[prefix] for prefix in needed}
        self.reads += 1
        return self.update(updates)


def test_a_plan_covers_a_large_map_in_one_read() -> None:
    content = {subject(number): head(number) for number in range(3000)}
    stored = grown(content)
    keys = [subject(number) for number in range(2900, 3100)]
    planned = plan_prefixes(keys, levels_for(3000))
    read = {prefix: stratum for prefix, stratum in stored.items() if prefix in planned}
    assert update(read, dict.fromkeys(keys, head(0))).inserted == 100
    assert len(read) < len(stored)


@settings(deadline=None)
@given(leaves, deep_keys | near_keys)
def test_every_key_present_or_absent_has_a_proof(content: dict[bytes, bytes], stranger: bytes) -> None:
    strata = grown(content)
    root = map_root(content.items())
    for key in [*content, stranger]:
        proof = prove(strata, key)
        verify_map(proof, key=key, value=content.get(key), root=root)
        assert (proof.result is MapResult.INCLUSION) == (key in content)


def test_absence_shows_itself_in_two_ways() -> None:
    strata = grown({A: VALUE_A, B: VALUE_B})
    beside = prove(strata, b"\x01" + bytes(31))
    assert beside == MapProof(
        MapResult.NON_INCLUSION_LEAF, 1, (hash_map_leaf(B, VALUE_B),), MapLeaf(A, VALUE_A)
    )
    gap = prove(grown({A: VALUE_A}), B)
    assert gap == MapProof(MapResult.NON_INCLUSION_PARENT, 1, (hash_map_leaf(A, VALUE_A),))


CONTENT = {subject(number): head(number) for number in range(40)} | {
    bytes(31) + b"\x01": head(101),
    bytes(31) + b"\x02": head(102),
    bytes(31) + b"\x03": head(103),
}
STRATA = grown(CONTENT)
ROOT = map_root(CONTENT.items())
STRANGERS = [subject(number) for number in range(100, 140)] + [bytes(32), b"\x00\x01" + bytes(30)]


def mutations(proof: MapProof) -> Iterable[MapProof]:
    """Every sibling flipped, dropped, doubled, cut or swapped; the depth, the result and the leaf changed."""
    for place, item in enumerate(proof.siblings):
        before, after = proof.siblings[:place], proof.siblings[place + 1 :]
        for flip in (0, 255):
            yield proof._replace(siblings=(*before, (int.from_bytes(item) ^ 1 << flip).to_bytes(32), *after))
        for siblings in [(*before, *after), (*before, item, item, *after), (*before, item[1:], *after)]:
            yield proof._replace(siblings=siblings)
            yield proof._replace(siblings=siblings, depth=len(siblings))
        if after and after[0] != item:
            yield proof._replace(siblings=(*before, after[0], item, *after[1:]))
    for depth in (-1, 0, proof.depth - 1, proof.depth + 1, 256, 257):
        yield proof._replace(depth=depth)
    for result in set(MapResult) - {proof.result}:
        yield proof._replace(result=result)
    # A chain of missing siblings below the true end would give the key a second place.
    for result in MapResult:
        yield proof._replace(result=result, siblings=(MISSING, *proof.siblings), depth=proof.depth + 1)
    yield proof._replace(other=MapLeaf(subject(1), head(1)))
    yield proof._replace(other=MapLeaf(b"", b""))
    if proof.other is not None:
        yield proof._replace(other=None)
        yield proof._replace(other=MapLeaf(proof.other.key, head(999)))
        yield proof._replace(other=MapLeaf(subject(999), proof.other.value))


@pytest.mark.parametrize("key", [*CONTENT, *STRANGERS], ids=lambda key: key.hex()[:8] + key.hex()[-2:])
def test_no_mutated_proof_verifies(key: bytes) -> None:
    value = CONTENT.get(key)
    for proof in mutations(prove(STRATA, key)):
        if proof == prove(STRATA, key):
            continue
        with pytest.raises(ProofError):
            verify_map(proof, key=key, value=value, root=ROOT)


@pytest.mark.parametrize("key", CONTENT, ids=lambda key: key.hex()[:8] + key.hex()[-2:])
def test_a_proof_of_presence_shows_no_other_value_no_absence_and_no_other_key(key: bytes) -> None:
    proof = prove(STRATA, key)
    for other_key, value in [(key, head(999)), (key, None), (STRANGERS[0], CONTENT[key])]:
        with pytest.raises(ProofError):
            verify_map(proof, key=other_key, value=value, root=ROOT)


@pytest.mark.parametrize("key", CONTENT, ids=lambda key: key.hex()[:8] + key.hex()[-2:])
def test_a_subject_in_the_map_cannot_be_shown_to_be_absent(key: bytes) -> None:
    path = prove(STRATA, key)
    for depth in range(1, path.depth + 1):
        siblings = path.siblings[path.depth - depth :]
        forgeries = [MapProof(MapResult.NON_INCLUSION_PARENT, depth, siblings)]
        forgeries += [
            MapProof(MapResult.NON_INCLUSION_LEAF, depth, siblings, MapLeaf(*leaf))
            for leaf in CONTENT.items()
        ]
        for forgery in forgeries:
            with pytest.raises(ProofError):
                verify_map(forgery, key=key, value=None, root=ROOT)


def test_a_key_is_not_absent_because_its_own_leaf_is_shown_as_another() -> None:
    key = subject(3)
    path = prove(STRATA, key)
    forged = MapProof(MapResult.NON_INCLUSION_LEAF, path.depth, path.siblings, MapLeaf(key, CONTENT[key]))
    with pytest.raises(ProofShapeError):
        verify_map(forged, key=key, value=None, root=ROOT)


def test_a_leaf_off_the_path_shows_nothing_about_a_key() -> None:
    root = map_root([(A, VALUE_A), (B, VALUE_B)])
    off_path = MapProof(MapResult.NON_INCLUSION_LEAF, 1, (hash_map_leaf(A, VALUE_A),), MapLeaf(B, VALUE_B))
    with pytest.raises(ProofShapeError):
        verify_map(off_path, key=b"\x01" + bytes(31), value=None, root=root)


def test_a_tree_with_a_leaf_below_its_shallowest_place_is_refused() -> None:
    # As in akd #495: a prover who built such a tree could also show the key where it ought to stand.
    lone = hash_map_leaf(A, VALUE_A)
    root = hash_map_parent(hash_map_parent(lone, MISSING), MISSING)
    with pytest.raises(ProofShapeError):
        verify_map(MapProof(MapResult.INCLUSION, 2, (MISSING, MISSING)), key=A, value=VALUE_A, root=root)


def test_a_key_in_two_places_still_has_only_one_proof() -> None:
    leaf, other = hash_map_leaf(A, VALUE_A), hash_map_leaf(C, VALUE_C)
    root = hash_map_parent(hash_map_parent(leaf, other), hash_map_parent(leaf, other))
    misplaced = (other, hash_map_parent(leaf, other))
    verify_map(MapProof(MapResult.INCLUSION, 2, misplaced), key=A, value=VALUE_A, root=root)
    for result in (MapResult.INCLUSION, MapResult.NON_INCLUSION_PARENT):
        with pytest.raises(ProofError):
            verify_map(MapProof(result, 2, misplaced), key=B, value=None, root=root)


def test_an_inner_node_cannot_pass_for_a_leaf() -> None:
    left, right = hash_map_leaf(A, VALUE_A), hash_map_leaf(B, VALUE_B)
    root = map_root([(A, VALUE_A), (B, VALUE_B)])
    assert hash_map_leaf(left, right) != root
    with pytest.raises(ProofShapeError):
        verify_map(MapProof(MapResult.INCLUSION, 0, ()), key=left, value=right, root=root)


def test_a_missing_child_cannot_be_shown_as_a_value() -> None:
    with pytest.raises(ProofError):
        verify_map(prove(STRATA, STRANGERS[0]), key=STRANGERS[0], value=MISSING, root=ROOT)


def test_a_row_changed_behind_our_back_is_noticed_by_the_next_update_and_proof() -> None:
    strata = dict(STRATA)
    prefix = max(strata, key=len)
    raw = bytearray(strata[prefix].to_bytes())
    raw[-1] ^= 1
    strata[prefix] = Stratum.from_bytes(bytes(raw), prefix=prefix)
    inside = strata[prefix].leaf_in(strata[prefix].leaf_mask.bit_length() - 1).key
    with pytest.raises(RootMismatchError):
        update(strata, {inside: head(1)})
    with pytest.raises(RootMismatchError):
        prove(strata, inside)


def test_a_proof_names_the_row_that_it_was_not_given() -> None:
    with pytest.raises(MissingStrataError) as missing:
        prove({"": STRATA[""]}, bytes(31) + b"\x01")
    assert missing.value.prefixes == {"0"}
    with pytest.raises(MissingStrataError):
        prove({}, A)
