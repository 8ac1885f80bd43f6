"""One proof for many leaves: the root again for any of them, of any tree, and for nothing else."""

import base64
from hashlib import sha256

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.core.errors import ProofError
from service.core.merkle import (
    SIZE_MAX,
    TILE_WIDTH,
    HashRange,
    hash_leaf,
    plan_inclusions,
    plan_multiproof,
    prove_inclusions,
    prove_multiproof,
    root,
    verify_multiproof,
)
from tests.support.forgery import opened, world
from tests.support.reproving import leaves_of, log_proof, shown_indices

LARGEST = 700
LEAVES = [hash_leaf(number.to_bytes(4)) for number in range(LARGEST)]
ROOTS = [root(LEAVES[:size]) for size in range(LARGEST + 1)]


def stored(plan: list[HashRange]) -> dict[HashRange, list[bytes]]:
    """What storage would answer: leaves, and the roots of whole tiles of them."""
    above = [root(LEAVES[at : at + TILE_WIDTH]) for at in range(0, LARGEST, TILE_WIDTH)]
    return {part: [LEAVES, above][part.level][part.start : part.stop] for part in plan}


def proved(shown: set[int], size: int, known: set[int]) -> list[bytes]:
    return prove_multiproof(shown, size, stored(plan_multiproof(shown, size, known=known)), known=known)


def verify(shown: set[int], size: int, known: set[int], proof: list[bytes]) -> None:
    verify_multiproof(
        {index: LEAVES[index] for index in shown},
        proof,
        size=size,
        root=ROOTS[size],
        known={index: LEAVES[index] for index in known},
    )


@st.composite
def trees(draw: st.DrawFn) -> tuple[set[int], int, set[int]]:
    """Some leaves to show of a tree, its size, and some leaves that the verifier knows otherwise."""
    size = draw(st.integers(1, LARGEST) | st.sampled_from([255, 256, 257, 511, 512, 513]))
    places = st.integers(0, size - 1)
    shown = draw(st.lists(places, min_size=1, max_size=12))
    return set(shown), size, set(draw(st.lists(places, max_size=12)))


@given(trees())
def test_whatever_is_shown_of_a_tree_its_proof_verifies(tree: tuple[set[int], int, set[int]]) -> None:
    shown, size, known = tree
    verify(shown, size, known, proved(shown, size, known))


@given(trees(), st.data())
def test_no_other_proof_verifies(tree: tuple[set[int], int, set[int]], data: st.DataObject) -> None:
    shown, size, known = tree
    proof = proved(shown, size, known)
    other = list(proof)
    place = data.draw(st.integers(0, len(proof)))
    kind = data.draw(st.sampled_from(["added", "left out", "changed", "repeated", "exchanged"]))
    if kind == "added":
        other.insert(place, data.draw(st.sampled_from([bytes(32), *proof, LEAVES[0]])))
    elif kind == "left out":
        del other[place : place + 1]
    elif kind == "changed":
        other[place : place + 1] = [sha256(b"other").digest()]
    else:
        other = [*proof, *proof] if kind == "repeated" else proof[::-1]
    assume(other != proof)
    with pytest.raises(ProofError):
        verify(shown, size, known, other)


@given(trees(), st.data())
def test_a_proof_is_for_these_leaves_at_these_places_alone(
    tree: tuple[set[int], int, set[int]], data: st.DataObject
) -> None:
    shown, size, known = tree
    leaves = {index: LEAVES[index] for index in shown}
    place = data.draw(st.sampled_from(sorted(shown)))
    forged = data.draw(st.sampled_from(["another leaf", "another place", "one more", "one fewer"]))
    if forged == "another leaf":
        leaves[place] = sha256(b"other").digest()
    elif forged == "another place":
        leaves[data.draw(st.integers(-1, size))] = leaves.pop(place)
    elif forged == "one more":
        leaves[data.draw(st.integers(0, size))] = sha256(b"other").digest()
    else:
        del leaves[place]
    assume(leaves != {index: LEAVES[index] for index in shown})
    # A leaf that is shown no more may still be told by `known`: then all that is shown is true.
    assume(forged != "one fewer" or place not in known or not leaves)
    with pytest.raises(ProofError):
        verify_multiproof(
            leaves,
            proved(shown, size, known),
            size=size,
            root=ROOTS[size],
            known={index: LEAVES[index] for index in known - {place}},
        )


@settings(max_examples=50)
@given(trees())
def test_it_is_never_longer_than_a_path_for_each(tree: tuple[set[int], int, set[int]]) -> None:
    shown, size, _ = tree
    paths = prove_inclusions(sorted(shown), size, stored(plan_inclusions(sorted(shown), size)))
    assert len(proved(shown, size, set())) <= sum(map(len, paths))


def test_a_known_leaf_that_is_shown_with_another_hash_is_refused() -> None:
    with pytest.raises(ProofError):
        verify_multiproof({2: LEAVES[2]}, [], size=3, root=ROOTS[3], known={2: LEAVES[1]})


@pytest.mark.parametrize("shown", [[], [-1], [3], [SIZE_MAX]])
def test_what_is_in_no_tree_is_not_proved(shown: list[int]) -> None:
    with pytest.raises(ProofError):
        plan_multiproof(shown, 3)
    with pytest.raises(ProofError):
        verify_multiproof(dict.fromkeys(shown, LEAVES[0]), [], size=3, root=ROOTS[3], known={})


@pytest.mark.parametrize("name", ["agreed", "absent", "erased", "earlier", "moved", "older"])
def test_a_bundles_log_proof_is_the_one_that_the_definition_gives(name: str) -> None:
    bundle = opened(getattr(world(), name))
    size = int(bundle["checkpoint"].split("\n")[1])
    expected = log_proof(leaves_of(world().ledger)[:size], shown_indices(bundle))
    assert base64.b64decode(bundle["log_proof"]) == expected
