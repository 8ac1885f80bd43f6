"""Canonical JSON: equal to the reference implementation, and no doubtful input gets through."""

import json
from pathlib import Path

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from service.core.canonical import (
    DEPTH_MAX,
    INTEGER_MAX,
    JsonFormatError,
    canonical_json,
    parse_canonical,
    parse_strict,
)

JCS = Path(__file__).resolve().parents[2] / "../shared/vectors/jcs"

integers = st.integers(-INTEGER_MAX, INTEGER_MAX)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
keys = st.text(st.characters(max_codepoint=127), max_size=6)
values = st.recursive(
    st.none() | st.booleans() | integers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
readable = st.recursive(
    st.none() | st.booleans() | integers | texts.filter(lambda text: "\x00" not in text),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys.filter(lambda key: "\x00" not in key), inner, max_size=4)
    ),
    max_leaves=12,
)


def jcs(name: str, kind: str) -> bytes:
    file = JCS / kind / name
    if not file.exists():
        pytest.skip("the public RFC 8785 vectors are not beside this checkout")
    return file.read_bytes()


@given(values)
def test_the_fast_encoder_and_the_reference_agree_on_every_value(value: object) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)  # type: ignore[arg-type] # its type is recursive


@given(readable)
def test_reading_canonical_bytes_gives_the_value_back(value: object) -> None:
    assert parse_canonical(canonical_json(value)) == value


@given(readable)
def test_however_it_was_written_the_canonical_form_is_the_same(value: object) -> None:
    spread = json.dumps(value, indent=3, ensure_ascii=True).encode()

    assert canonical_json(parse_strict(spread)) == canonical_json(value)


@pytest.mark.parametrize("name", ["arrays.json", "unicode.json"])
def test_public_vectors_within_our_rules_come_out_byte_for_byte(name: str) -> None:
    assert canonical_json(parse_strict(jcs(name, "input"))) == jcs(name, "output")


def test_the_public_structures_vector_holds_once_its_one_float_is_written_as_integer() -> None:
    assert canonical_json(parse_strict(jcs("structures.json", "input").replace(b"56.0", b"56"))) == jcs(
        "structures.json", "output"
    )


def test_the_strings_and_literals_of_the_public_values_vector_hold() -> None:
    without_numbers = [
        b"[]" if b"numbers" in line else line for line in jcs("values.json", "input").split(b"\n")
    ]
    source = b"\n".join(without_numbers).replace(b"[]", b'  "numbers": [],')
    expected = jcs("values.json", "output")
    start, end = expected.index(b'"numbers":[') + 11, expected.index(b'],"string"')

    assert canonical_json(parse_strict(source)) == expected[:start] + expected[end:]


def test_the_public_vector_full_of_floats_is_refused() -> None:
    with pytest.raises(JsonFormatError) as refusal:
        parse_strict(jcs("values.json", "input"))
    assert refusal.value.pointer == "/numbers/0"


@pytest.mark.parametrize("name", ["french.json", "weird.json"])
def test_public_vectors_with_keys_beyond_ascii_are_read_but_have_no_canonical_form(name: str) -> None:
    value = parse_strict(jcs(name, "input"))
    with pytest.raises(JsonFormatError):
        canonical_json(value)


class Word(str):
    """Looks like a string."""

    __slots__ = ()


UNREPRESENTABLE: dict[str, object] = {
    "a float": 1.0,
    "not a number": float("nan"),
    "an integer one too large": INTEGER_MAX + 1,
    "an integer one too small": -INTEGER_MAX - 1,
    "an integer beyond 64 bits": 2**70,
    "bytes": b"x",
    "a set": {1},
    "a subclass of str": Word("x"),
    "a lone surrogate": "\ud800",
    "a lone surrogate in a key": {"\udc00": 1},
    "a key beyond ASCII": {"é": 1},
    "an integer as key": {1: 2},
    "a float deep inside": {"a": [{"b": (1, 2.5)}]},
}


@pytest.mark.parametrize("value", UNREPRESENTABLE.values(), ids=UNREPRESENTABLE.keys())
def test_what_has_no_exact_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(JsonFormatError):
        canonical_json(value)


def test_nesting_is_accepted_to_the_limit_and_refused_beyond() -> None:
    at_limit: object = 1
    for _ in range(DEPTH_MAX):
        at_limit = [at_limit]
    assert canonical_json(at_limit) == b"[" * DEPTH_MAX + b"1" + b"]" * DEPTH_MAX
    with pytest.raises(JsonFormatError):
        canonical_json([at_limit])


DOUBTFUL: dict[str, tuple[bytes, str]] = {
    "duplicate key": (b'{"a":1,"b":2,"a":1}', "/a"),
    "duplicate key deep inside": (b'{"x":[0,{"k":1,"k":1}]}', "/x/1/k"),
    "duplicate key, one of them escaped": (b'{"a":{"k":1,"\\u006b":1}}', "/a/k"),
    "duplicate key balanced by an escaped colon": (b'{"a":1,"a":2,"b":"\\u003A"}', "/a"),
    "duplicate key whose values hold colons": (b'{"a":":::","a":":"}', "/a"),
    "fraction": (b'{"a":[1,2.5]}', "/a/1"),
    "fraction that is whole": (b'{"a":1.0}', "/a"),
    "exponent": (b'{"a":1e2}', "/a"),
    "number beyond a double": (b"1e400", ""),
    "NaN": (b'{"a":NaN}', "/a"),
    "minus infinity": (b"[-Infinity]", "/0"),
    "integer beyond 2^53 - 1": (b'{"a":9007199254740992}', "/a"),
    "integer below -2^53 + 1": (b'{"a":-9007199254740992}', "/a"),
    "integer of a hundred thousand digits": (b"[" + b"1" * 100_000 + b"]", "/0"),
    "invalid UTF-8": (b'"\xff"', ""),
    "surrogate encoded in UTF-8": (b'"\xed\xa0\x80"', ""),
    "overlong UTF-8": (b'"\xc0\x80"', ""),
    "byte order mark": (b"\xef\xbb\xbf{}", ""),
    "UTF-16": ('{"a":1}'.encode("utf-16"), ""),
    "lone high surrogate": (b'{"a":"\\ud800"}', "/a"),
    "lone low surrogate in a key": (b'{"\\udc00":1}', "/*"),
    "NUL in a string": (b'{"a":"x\\u0000"}', "/a"),
    "NUL in a key": (b'{"a":{"\\u0000":1}}', "/a/*"),
    "raw NUL": (b'"\x00"', ""),
    "control character": (b'"\x01"', ""),
    "trailing data": (b"{} {}", ""),
    "trailing comma": (b"[1,]", ""),
    "leading zero": (b"01", ""),
    "single quotes": (b"{'a':1}", ""),
    "a comment": (b"{}//", ""),
    "nothing": (b"", ""),
    "nesting one too deep": (b"[" * 17 + b"]" * 17, "/0" * 16),
    "nesting of a million": (b"[" * 1_000_000, ""),
    "objects nested ten thousand deep": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, ""),
}


@pytest.mark.parametrize(("raw", "pointer"), DOUBTFUL.values(), ids=DOUBTFUL.keys())
def test_what_two_readers_could_read_differently_is_refused_with_its_place(raw: bytes, pointer: str) -> None:
    with pytest.raises(JsonFormatError) as refusal:
        parse_strict(raw)
    assert refusal.value.pointer == pointer


WELCOME: dict[str, tuple[bytes, object]] = {
    "the largest integers": (b"[9007199254740991,-9007199254740991]", [INTEGER_MAX, -INTEGER_MAX]),
    "many digits inside a string": (b'"12345678901234567890"', "12345678901234567890"),
    "an escaped colon": (b'{"a\\u003a":":"}', {"a:": ":"}),
    "an escaped backslash before u0000": (b'"\\\\u0000"', "\\u0000"),
    "a surrogate pair": (b'"\\ud83d\\ude02"', "😂"),
    "sixteen levels": (b"[" * 16 + b"]" * 16, [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]),
    "more containers than levels, none too deep": (b"[" + b"{}," * 30 + b"{}]", [{}] * 31),
    "white space": (b' {\t"a" :\r\n1 } ', {"a": 1}),
}


@pytest.mark.parametrize(("raw", "value"), WELCOME.values(), ids=WELCOME.keys())
def test_what_only_looks_doubtful_is_accepted(raw: bytes, value: object) -> None:
    assert parse_strict(raw) == value


@given(st.binary(max_size=40) | st.text(alphabet='{}[]":,\\u0a1-. eE', max_size=24).map(str.encode))
def test_whatever_is_accepted_survives_the_standard_reader_and_a_round_trip(raw: bytes) -> None:
    try:
        value = parse_strict(raw)
    except JsonFormatError:
        return
    assert json.loads(raw, object_pairs_hook=dict) == value
    assert parse_strict(json.dumps(value).encode()) == value


@pytest.mark.parametrize("raw", [b'{"a": 1}', b'{"b":1,"a":1}', b'"\\u0061"', b"-0", b"[1]\n"])
def test_bytes_that_are_not_canonical_are_refused_even_when_they_mean_the_same(raw: bytes) -> None:
    parse_strict(raw)
    with pytest.raises(JsonFormatError):
        parse_canonical(raw)


@pytest.mark.parametrize(
    "raw", [b'{"jane@example.org":1.5}', b'{"a":1.5,"31612345678":2}', b'["jane@example.org']
)
def test_a_refusal_never_repeats_what_could_be_an_address(raw: bytes) -> None:
    with pytest.raises(JsonFormatError) as refusal:
        parse_strict(raw)
    assert "jane" not in str(refusal.value)
    assert "316" not in str(refusal.value)
