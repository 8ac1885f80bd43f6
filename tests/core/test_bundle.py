"""The bundle's format: one sequence of bytes for one content, and nothing else is read."""

import json
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from service.core import bundle as format_of_bundles
from service.core.bundle import (
    BUNDLE_BYTES_MAX,
    encode_bundle,
    join_hashes,
    parse_bundle,
    read_map_proof,
    shown_map_proof,
    signed_message,
    split_hashes,
)
from service.core.canonical import canonical_json, parse_canonical
from service.core.errors import FormatError, ProofShapeError
from service.core.prefix_map import MapLeaf, MapProof, MapResult
from tests.support.forgery import Json, opened, world

HASHES = st.lists(st.binary(min_size=32, max_size=32) | st.just(bytes(32)), max_size=8)


SPELLINGS = {
    "white space": ('{"checkpoint":', '{ "checkpoint":'),
    "a line end after it": ("}$", "}\n"),
    "an escape nobody needs": ('"origin":"ledger', r'"origin":"\\u006cedger'),
    "capitals in a hash": ('"subject_key":"[0-9a-f]', '"subject_key":"A'),
    "a number with a fraction": ('"index":13', '"index":13.0'),
    "a number with an exponent": ('"index":13', '"index":13e0'),
    "a key twice": ('"decision":null', '"decision":null,"decision":null'),
    "a field nobody knows": ('"decision":null', '"decision":null,"detail":null'),
    "a field left out": ('"decision":null,', ""),
    "a null for what is left out": ('"decision":null', '"consistency":null,"decision":null'),
    "base64 without its end": ('=","prev_leaf_hash"', '","prev_leaf_hash"'),
    "base64 in the other alphabet": ('("log_proof":"[^"]*?)[/+]', r"\1_"),
    "another version": ("bundle/1", "bundle/2"),
    "a text where a number belongs": ('"index":13', '"event_count":"3"'),
    "a byte order mark": ("^", "\ufeff"),
    "something after it": ("}$", "}{}"),
    "a role nobody plays": ('"role":"address"', '"role":"witness"'),
    "a negative index": ('"index":', '"index":-'),
    "a key that is not ASCII": ('"seller":', '"seller\u00e9":'),
    "contents beside their commitment": ('"event":', f'"commitment":"{"A" * 43}=","event":'),
    "contents without an opening": ('"opening":"[^"]*",', ""),
    "evidence beside its hash": ('"index":13', f'"evidence_hash":"{"A" * 43}=","index":13'),
    "an empty list of empty siblings": (r'"empty":\[[0-9,]*\]', '"empty":[]'),
}


@pytest.mark.parametrize(
    "name", ["agreed", "left", "absent", "history", "moved", "erased", "earlier", "grown"]
)
def test_what_is_read_is_written_again_byte_for_byte(name: str) -> None:
    raw: bytes = getattr(world(), name)
    assert encode_bundle(parse_bundle(raw)) == raw


def test_a_bundle_is_canonical_json() -> None:
    raw = world().agreed
    assert canonical_json(parse_canonical(raw)) == raw


@pytest.mark.parametrize(("before", "after"), SPELLINGS.values(), ids=SPELLINGS)
def test_the_same_content_in_another_spelling_is_refused(before: str, after: str) -> None:
    text = world().history.decode()
    respelled, changes = re.subn(before, after, text, count=1)
    assert changes == 1
    assert respelled != text
    with pytest.raises(FormatError):
        parse_bundle(respelled.encode())


def test_keys_in_another_order_are_refused() -> None:
    value = opened(world().history)
    turned: Json = dict(reversed(value.items()))
    with pytest.raises(FormatError):
        parse_bundle(json.dumps(turned, separators=(",", ":")).encode())


def test_trailing_bits_in_base64_are_refused() -> None:
    # Before the one padding character of 32 bytes, two bits say nothing: four spellings decode alike.
    text = world().history.decode()
    end = text.index('=","prev_leaf_hash"')
    spellings = [text[: end - 1] + digit + text[end:] for digit in "ABCD"]
    assert len({spelled for spelled in spellings if _reads(spelled)}) <= 1


def _reads(text: str) -> bool:
    try:
        parse_bundle(text.encode())
    except FormatError:
        return False
    return True


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"{}", b"\xff", b'{"format":1}', b"{" * 100_000])
def test_what_is_no_bundle_is_refused(raw: bytes) -> None:
    with pytest.raises(FormatError):
        parse_bundle(raw)


def test_a_bundle_beyond_the_size_limit_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = world().history
    monkeypatch.setattr(format_of_bundles, "BUNDLE_BYTES_MAX", len(raw) - 1)
    with pytest.raises(FormatError):
        parse_bundle(raw)
    assert len(raw) < BUNDLE_BYTES_MAX


def test_a_refusal_never_repeats_a_value_of_the_bundle() -> None:
    raw = world().history.replace(b'"kind":"email"', b'"kind":"secret-value"')
    with pytest.raises(FormatError) as refusal:
        parse_bundle(raw)
    assert "secret-value" not in str(refusal.value)
    assert "jane" not in str(refusal.value)


def test_the_signature_covers_everything_but_itself() -> None:
    bundle = parse_bundle(world().history)
    unsigned = msgspec.structs.replace(bundle, signature=UNSET)
    assert signed_message(bundle) == signed_message(unsigned)
    assert signed_message(msgspec.structs.replace(bundle, origin="ledger.test/other/1")) != signed_message(
        bundle
    )


@given(HASHES)
def test_the_hashes_of_a_proof_survive_being_joined(hashes: list[bytes]) -> None:
    assert list(split_hashes(join_hashes(hashes))) == hashes


@given(st.binary(max_size=100).filter(lambda raw: len(raw) % 32 != 0))
def test_part_of_a_hash_is_no_proof(raw: bytes) -> None:
    with pytest.raises(ProofShapeError):
        split_hashes(raw)


@settings(max_examples=50)
@given(HASHES, st.sampled_from(list(MapResult)))
def test_a_map_proof_is_shown_and_read_back(hashes: list[bytes], result: MapResult) -> None:
    other = MapLeaf(b"k" * 32, b"v" * 32) if result is MapResult.NON_INCLUSION_LEAF else None
    proof = MapProof(result, len(hashes), tuple(hashes), other)
    shown = shown_map_proof(proof)
    assert read_map_proof(shown, present=result is MapResult.INCLUSION) == proof
