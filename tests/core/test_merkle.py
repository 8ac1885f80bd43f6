"""The log's tree: public vectors, a naive second implementation, and every mutation refused."""

import base64
import json
import random
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.errors import ProofError, ProofShapeError
from service.core.merkle import (
    EMPTY_ROOT,
    SIZE_MAX,
    TILE_WIDTH,
    Frontier,
    HashRange,
    completed_tiles,
    frontier_from,
    hash_children,
    hash_leaf,
    plan_consistency,
    plan_inclusion,
    plan_inclusions,
    plan_root,
    prove_consistency,
    prove_inclusion,
    prove_inclusions,
    root,
    root_from,
    verify_consistency,
    verify_inclusion,
)

CORPUS = Path(__file__).resolve().parents[2] / "../shared/vectors/merkle"

RFC_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        bytes(range(0x60, 0x70)).hex(),
    )
]
RFC_ROOTS = (  # by size, from transparency-dev/merkle
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    split = max(power for power in (1 << shift for shift in range(20)) if power < len(leaves))
    return sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


class Store:
    """Keeps what storage keeps, written by a growing frontier, and answers only what was planned."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.leaves = list(leaves)
        self.levels: dict[int, list[bytes]] = {0: self.leaves}
        for level, position, value in Frontier().extend(leaves):
            row = self.levels.setdefault(level, [])
            assert position == len(row), "tile roots complete in order, each once"
            row.append(value)

    def read(self, plan: Sequence[HashRange]) -> dict[HashRange, Sequence[bytes]]:
        """Answer a plan, and check that it is one."""
        assert list(plan) == sorted(set(plan)), "each row is read once"
        assert all(part.start % TILE_WIDTH == 0 < part.stop - part.start <= TILE_WIDTH for part in plan)
        return {part: self.levels[part.level][part.start : part.stop] for part in plan}

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Plan, read and prove one leaf."""
        return prove_inclusion(index, size, self.read(plan_inclusion(index, size)))

    def consistency(self, size1: int, size2: int) -> list[bytes]:
        """Plan, read and prove one growth."""
        return prove_consistency(size1, size2, self.read(plan_consistency(size1, size2)))


def leaves_of(count: int) -> list[bytes]:
    return [hash_leaf(b"entry %d" % number) for number in range(count)]


STORE = Store(leaves_of(70_000))


def mutations(proof: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Every proof with one element flipped, dropped, doubled, cut, or swapped with its neighbour."""
    for place, item in enumerate(proof):
        before, after = list(proof[:place]), list(proof[place + 1 :])
        for bit in (0, 100, 255):
            yield [*before, (int.from_bytes(item) ^ 1 << bit).to_bytes(32), *after]
        yield [*before, *after]
        yield [*before, item, item, *after]
        yield [*before, item[:-1], *after]
        if after and after[0] != item:
            yield [*before, after[0], item, *after[1:]]
    yield [*proof, bytes(32)]
    yield [bytes(32), *proof]


def corpus(kind: str) -> list[Path]:
    return sorted((CORPUS / kind).rglob("*.json"))


def hashes_in(encoded: Sequence[str] | None) -> list[bytes]:
    return [base64.b64decode(text) for text in encoded or ()]


def test_the_public_corpus_is_complete_where_it_exists() -> None:
    if not CORPUS.exists():
        pytest.skip("the public RFC 6962 vectors are not beside this checkout")
    assert (len(corpus("inclusion")), len(corpus("consistency"))) == (98, 98)


@pytest.mark.parametrize("file", corpus("inclusion"), ids=lambda file: "/".join(file.parts[-3:]))
def test_the_public_inclusion_vectors_are_judged_as_published(file: Path) -> None:
    case = json.loads(file.read_bytes())
    leaf, tree_root = hashes_in([case["leafHash"], case["root"]])
    arguments = {"index": case["leafIdx"], "size": case["treeSize"]}
    if not case["wantErr"]:
        verify_inclusion(leaf, hashes_in(case["proof"]), **arguments, root=tree_root)
        return
    with pytest.raises(ProofError):
        verify_inclusion(leaf, hashes_in(case["proof"]), **arguments, root=tree_root)


@pytest.mark.parametrize("file", corpus("consistency"), ids=lambda file: "/".join(file.parts[-3:]))
def test_the_public_consistency_vectors_are_judged_as_published(file: Path) -> None:
    case = json.loads(file.read_bytes())
    root1, root2 = hashes_in([case["root1"], case["root2"]])
    arguments = {"size1": case["size1"], "size2": case["size2"], "root1": root1, "root2": root2}
    if not case["wantErr"]:
        verify_consistency(hashes_in(case["proof"]), **arguments)
        return
    with pytest.raises(ProofError):
        verify_consistency(hashes_in(case["proof"]), **arguments)


def test_the_roots_of_rfc_6962_come_out_in_all_three_ways() -> None:
    hashed = [hash_leaf(leaf) for leaf in RFC_LEAVES]
    store, frontier = Store(hashed), Frontier()
    assert EMPTY_ROOT.hex() == RFC_ROOTS[0] == frontier.root().hex()
    for size, leaf in enumerate(hashed, start=1):
        frontier.append(leaf)
        ways = {frontier.root(), root(hashed[:size]), root_from(size, store.read(plan_root(size)))}
        assert {way.hex() for way in ways} == {RFC_ROOTS[size]}


def test_the_published_proofs_of_the_eight_leaf_tree_come_out() -> None:
    store = Store([hash_leaf(leaf) for leaf in RFC_LEAVES])
    assert [item.hex()[:16] for item in store.inclusion(5, 8)] == [
        "bc1a0643b12e4d2d",
        "ca854ea128ed050b",
        "d37ee418976dd957",
    ]
    assert [item.hex()[:16] for item in store.consistency(6, 8)] == [
        "0ebc5d3437fbe2db",
        "ca854ea128ed050b",
        "d37ee418976dd957",
    ]


def test_every_leaf_of_every_tree_up_to_three_hundred_leaves_proves() -> None:
    for size in range(1, 301):
        tree_root = naive_root(STORE.leaves[:size])
        plan = plan_inclusions(range(size), size)
        for index, proof in enumerate(prove_inclusions(range(size), size, STORE.read(plan))):
            verify_inclusion(STORE.leaves[index], proof, index=index, size=size, root=tree_root)


def test_every_earlier_tree_up_to_seventy_leaves_proves_to_be_a_prefix() -> None:
    roots = [EMPTY_ROOT, *(naive_root(STORE.leaves[:size]) for size in range(1, 71))]
    for size2 in range(1, 71):
        for size1 in range(1, size2 + 1):
            verify_consistency(
                STORE.consistency(size1, size2),
                size1=size1,
                size2=size2,
                root1=roots[size1],
                root2=roots[size2],
            )


sizes = st.one_of(
    st.integers(1, 70_000),
    st.sampled_from([255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_792, 69_999, 70_000]),
)


@settings(max_examples=60, deadline=None)
@given(sizes, st.randoms(use_true_random=False))
def test_large_trees_prove_inclusion_and_consistency_from_tiles(size: int, chance: random.Random) -> None:
    index, size1 = chance.randrange(size), chance.randrange(size) + 1
    root1, root2 = root(STORE.leaves[:size1]), root(STORE.leaves[:size])
    assert root_from(size, STORE.read(plan_root(size))) == root2
    verify_inclusion(STORE.leaves[index], STORE.inclusion(index, size), index=index, size=size, root=root2)
    verify_consistency(STORE.consistency(size1, size), size1=size1, size2=size, root1=root1, root2=root2)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 21, 64, 100])
def test_no_mutated_inclusion_proof_verifies(size: int) -> None:
    tree_root = naive_root(STORE.leaves[:size])
    for index in range(size):
        for proof in mutations(STORE.inclusion(index, size)):
            with pytest.raises(ProofError):
                verify_inclusion(STORE.leaves[index], proof, index=index, size=size, root=tree_root)


@pytest.mark.parametrize("size", [2, 3, 8, 9, 21, 64])
def test_an_inclusion_proof_holds_for_no_other_leaf_place_size_or_root(size: int) -> None:
    tree_root = naive_root(STORE.leaves[:size])
    for index in range(size):
        leaf, proof = STORE.leaves[index], STORE.inclusion(index, size)
        wrong = [(STORE.leaves[index - 1], index, tree_root), (leaf, index, hash_leaf(tree_root))]
        wrong += [(leaf, other, tree_root) for other in range(-1, size + 2) if other != index]
        for other_leaf, other_index, other_root in wrong:
            with pytest.raises(ProofError):
                verify_inclusion(other_leaf, proof, index=other_index, size=size, root=other_root)


@pytest.mark.parametrize(
    ("size1", "size2"), [(1, 2), (3, 7), (4, 8), (5, 8), (6, 8), (8, 21), (20, 33), (64, 100)]
)
def test_no_mutated_consistency_proof_verifies(size1: int, size2: int) -> None:
    root1, root2 = naive_root(STORE.leaves[:size1]), naive_root(STORE.leaves[:size2])
    for proof in mutations(STORE.consistency(size1, size2)):
        with pytest.raises(ProofError):
            verify_consistency(proof, size1=size1, size2=size2, root1=root1, root2=root2)


@pytest.mark.parametrize(("size1", "size2"), [(1, 2), (3, 7), (4, 8), (6, 8), (20, 33)])
def test_a_consistency_proof_holds_for_no_other_root(size1: int, size2: int) -> None:
    root1, root2 = naive_root(STORE.leaves[:size1]), naive_root(STORE.leaves[:size2])
    proof = STORE.consistency(size1, size2)
    for wrong1, wrong2 in [(root2, root1), (root1, root1), (root2, root2), (bytes(32), root2)]:
        with pytest.raises(ProofError):
            verify_consistency(proof, size1=size1, size2=size2, root1=wrong1, root2=wrong2)


def test_a_rewritten_log_has_no_proof_that_it_grew() -> None:
    rewritten = Store([hash_leaf(b"forged"), *STORE.leaves[1:40]])
    for size1 in range(1, 30):
        with pytest.raises(ProofError):
            verify_consistency(
                rewritten.consistency(size1, 40),
                size1=size1,
                size2=40,
                root1=naive_root(STORE.leaves[:size1]),
                root2=naive_root(rewritten.leaves),
            )


def test_growth_from_the_empty_tree_is_not_something_a_proof_can_show() -> None:
    with pytest.raises(ProofShapeError):
        verify_consistency([], size1=0, size2=3, root1=EMPTY_ROOT, root2=naive_root(STORE.leaves[:3]))
    with pytest.raises(ProofShapeError):
        plan_consistency(0, 3)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0), (0, SIZE_MAX + 1)])
def test_nothing_outside_the_tree_is_planned(index: int, size: int) -> None:
    with pytest.raises(ProofShapeError):
        plan_inclusion(index, size)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 700), max_size=5), st.integers(0, 700))
def test_how_leaves_were_batched_changes_neither_root_nor_tile_roots(batches: list[int], last: int) -> None:
    frontier, at = Frontier(), 0
    returned = []
    for count in [*batches, last]:
        expected = completed_tiles(at, at + count)
        completed = frontier.extend(STORE.leaves[at : at + count])
        assert sorted((level, position) for level, position, _ in completed) == expected
        returned += completed
        at += count
    assert frontier.root() == root(STORE.leaves[:at])
    assert returned == Frontier().extend(STORE.leaves[:at])


def test_a_tile_root_is_the_root_of_its_leaves() -> None:
    assert STORE.levels[1][3] == naive_root(STORE.leaves[768:1024])
    assert STORE.levels[2] == [naive_root(STORE.leaves[:65_536])]
    assert sorted(STORE.levels) == [0, 1, 2]


def test_proving_in_a_log_of_seventy_thousand_reads_at_most_two_tiles_per_level() -> None:
    plan = plan_inclusion(12_345, 70_000)
    assert plan == [
        HashRange(0, 12_288, 12_544),
        HashRange(0, 69_888, 70_000),
        HashRange(1, 0, 256),
        HashRange(1, 256, 273),
    ]


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 1000, 65_536, 70_000])
def test_a_frontier_survives_bytes_and_can_be_rebuilt_from_tiles(size: int) -> None:
    frontier = Frontier()
    frontier.extend(STORE.leaves[:size])
    raw = frontier.to_bytes()
    for twin in (Frontier.from_bytes(raw), frontier_from(size, STORE.read(plan_root(size)))):
        assert (twin.size, twin.root(), twin.to_bytes()) == (size, frontier.root(), raw)


def test_a_copied_frontier_grows_alone_and_a_bad_batch_adds_nothing() -> None:
    frontier = Frontier()
    frontier.extend(STORE.leaves[:5])
    frontier.copy().extend(STORE.leaves[5:9])
    with pytest.raises(ProofShapeError):
        frontier.extend([*STORE.leaves[5:9], b"short"])
    assert (frontier.size, frontier.root()) == (5, naive_root(STORE.leaves[:5]))


def test_a_store_that_returns_too_little_is_noticed_before_a_proof_is_built() -> None:
    plan = plan_inclusion(3, 300)
    cut = {part: rows[:-1] for part, rows in STORE.read(plan).items()}
    for damaged in ({}, cut):
        with pytest.raises(ProofShapeError):
            prove_inclusion(3, 300, damaged)


def test_a_leaf_cannot_pass_for_an_inner_node() -> None:
    left, right = STORE.leaves[:2]
    assert hash_leaf(left + right) != hash_children(left, right)
