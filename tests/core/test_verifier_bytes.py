"""No byte of a bundle may be another, and none may be missing or added."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.canonical import canonical_json
from service.core.verifier import verify_bundle
from tests.support.forgery import opened, verified, world


@pytest.mark.parametrize("mask", [0x01, 0x20], ids=["another digit", "another case"])
def test_a_bundle_with_any_byte_changed_never_verifies(mask: int) -> None:
    raw = world().history
    assert verified(raw).verified
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= mask
        assert not verified(bytes(changed)).verified, f"byte {place} says nothing"


def test_nor_does_it_where_no_key_is_pinned() -> None:
    raw = world().history
    assert verify_bundle(raw).verified
    for place in range(0, len(raw), 3):
        changed = bytearray(raw)
        changed[place] ^= 0x02
        assert not verify_bundle(bytes(changed)).verified, f"byte {place} says nothing"


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=3))
def test_a_bundle_with_bytes_added_never_verifies(place: int, added: bytes) -> None:
    raw = world().history
    at = place % (len(raw) + 1)
    assert not verified(raw[:at] + added + raw[at:]).verified


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_a_bundle_with_bytes_missing_never_verifies(place: int, count: int) -> None:
    raw = world().history
    at = place % len(raw)
    assert not verified(raw[:at] + raw[at + count :]).verified


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 255))
def test_nor_does_a_whole_answer_with_any_byte_changed(place: int, mask: int) -> None:
    changed = bytearray(world().agreed)
    changed[place % len(changed)] ^= mask
    assert not verified(bytes(changed)).verified


def test_parts_of_two_bundles_never_make_a_third() -> None:
    one, other = opened(world().agreed), opened(world().left)
    for part in one:
        if one[part] != other[part]:
            mixed = one | {part: other[part]}
            assert not verified(canonical_json(mixed)).verified, part
