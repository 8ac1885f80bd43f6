"""What a campaign's tree is made of: leaves, their hashing in bulk, and decisions written in parts."""

import hashlib
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.campaign import DecisionWriter, answer_leaf, decision_bytes, refused_leaf
from service.core.canonical import canonical_json
from service.core.law.decision import decision_body
from service.core.merkle import hash_leaf, plan_inclusion, prove_inclusion, root, verify_inclusion
from service.core.merkle.proving import HashRange
from service.core.records import subject_key, subject_keys
from service.ledger.addresses import canonical_address, plain_email
from service.ledger.campaigns.tree import AnswerTree
from service.ledger.packs import shipped_packs, worked_cases
from service.ledger.scenarios import MemoryLedger, read_cases, run_case

KEY, QUESTION = b"\1" * 32, b"\2" * 32
LEAF = b"clv1/campaign-answer" + KEY + QUESTION + (7).to_bytes(8) + (9).to_bytes(8)


def test_a_leaf_is_hashed_over_exactly_what_the_format_says() -> None:
    decision = b'{"decision":"deny"}'
    expected = hash_leaf(LEAF + hashlib.sha256(decision).digest())
    assert answer_leaf(KEY, QUESTION, 7, 9, decision) == expected


@pytest.mark.parametrize(
    "other",
    [
        (b"\3" * 32, QUESTION, 7, 9, b"{}"),
        (KEY, b"\3" * 32, 7, 9, b"{}"),
        (KEY, QUESTION, 8, 9, b"{}"),
        (KEY, QUESTION, 7, 8, b"{}"),
        (KEY, QUESTION, 7, 9, b"[]"),
    ],
)
def test_whatever_differs_gives_another_leaf(other: tuple[bytes, bytes, int, int, bytes]) -> None:
    assert answer_leaf(*other) != answer_leaf(KEY, QUESTION, 7, 9, b"{}")


def test_a_refusal_is_no_answer() -> None:
    assert refused_leaf("address_syntax") == hash_leaf(b"clv1/campaign-refused" + b"address_syntax")


async def test_a_decision_written_in_parts_is_its_canonical_json() -> None:
    writer, ledger = DecisionWriter(), MemoryLedger(shipped_packs())
    for case in read_cases(worked_cases()):
        decision = (await run_case(case, ledger)).decision
        body = decision_body(decision)
        for _ in range(2):
            assert writer.write(decision) == decision_bytes(body) == canonical_json(body), case["id"]


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["email", "phone"]), st.text(max_size=320))
def test_keys_made_in_bulk_are_the_keys(secret: bytes, kind: str, address: str) -> None:
    key_of = subject_keys(secret, kind)
    assert key_of(address.encode()) == key_of(address.encode()) == subject_key(secret, kind, address)


@given(st.from_regex(r"[a-zA-Z0-9.+_-]{1,20}@[a-z0-9.-]{1,20}\.[a-z]{2,5}", fullmatch=True) | st.text())
def test_an_address_that_is_plain_has_the_same_canonical_form(value: str) -> None:
    plain = plain_email(value)
    if plain is not None:
        assert plain == canonical_address("email", value).value


@pytest.mark.parametrize("value", ["a@B.nl", "Jane@Example.org", "a+b@sub.example.co"])
def test_ordinary_addresses_are_plain(value: str) -> None:
    assert plain_email(value) == value.lower()


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 600, 65_536, 66_000])
@pytest.mark.parametrize("step", [1_000, 256, 77])
def test_the_tree_hands_over_tiles_from_which_every_line_can_be_proved(size: int, step: int) -> None:
    leaves = [hashlib.sha256(number.to_bytes(4)).digest() for number in range(size)]
    tree, tiles = AnswerTree(), {}
    for start in range(0, size, step):
        tree.extend(leaves[start : start + step])
        tiles.update({(tile.level, tile.number): tile.hashes for tile in tree.take_full()})
        assert tree.waiting() == 0
    tiles.update({(tile.level, tile.number): tile.hashes for tile in tree.take_rest()})
    assert tree.root() == root(leaves)
    for place in {0, size // 2, size - 1}:
        hashes = {wanted: _stored(tiles, wanted) for wanted in plan_inclusion(place, size)}
        proof = prove_inclusion(place, size, hashes)
        verify_inclusion(leaves[place], proof, index=place, size=size, root=tree.root())


def _stored(tiles: dict[tuple[int, int], bytes], wanted: HashRange) -> list[bytes]:
    joined = tiles[wanted.level, wanted.start // 256]
    first = wanted.start // 256 * 256
    return [joined[32 * (at - first) :][:32] for at in range(wanted.start, wanted.stop)]


def test_the_tree_holds_no_more_than_what_is_not_full() -> None:
    tree = AnswerTree()
    for _ in range(70):
        tree.extend([os.urandom(32)] * 1_000)
        tree.take_full()
    assert sum(len(tile.hashes) for tile in tree.take_rest()) <= 3 * 256 * 32
