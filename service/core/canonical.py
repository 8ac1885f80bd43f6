"""Canonical JSON: one value, one sequence of bytes (RFC 8785, restricted), and a reader that refuses doubt.

Restrictions that make RFC 8785 simple enough to trust: object keys are ASCII, numbers are integers of at most
2^53 - 1 in magnitude, strings are Unicode without lone surrogates. So UTF-16 key order is byte order, and no
number ever needs a float's shortest form. No Unicode normalisation takes place: what differs stays different.

Records are hashed as these bytes and stored as these bytes; nothing is ever verified from a re-serialisation.
"""

import json
import re
from typing import Any, Final

import msgspec

from service.core.errors import FormatError

INTEGER_MAX: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 7493 §2.2)."""

DEPTH_MAX: Final = 32
"""How deep a canonical value may nest."""

_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_PLAIN_ENCODER: Final = msgspec.json.Encoder()
_DIGITS_TO_ZERO: Final = bytes.maketrans(b"123456789", b"000000000")
_SIXTEEN_DIGITS: Final = b"0" * len(str(INTEGER_MAX))
_ORDINARY_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


class JsonFormatError(FormatError):
    """These bytes, or this value, are not the JSON that is accepted here.

    `pointer` is the RFC 6901 JSON pointer of the place where one is known. Keys that do not look like field
    names appear in it as `*`, because a key can be somebody's address.
    """

    def __init__(self, message: str, *, pointer: str = "") -> None:
        super().__init__(f"{message} (at {pointer})" if pointer else message)
        self.pointer = pointer


def canonical_json(value: object) -> bytes:
    """Return the RFC 8785 bytes of `value`, built of dict, list, tuple, str, int, bool and None.

    Raises `JsonFormatError` for floats, integers beyond `INTEGER_MAX`, keys that are not ASCII strings, lone
    surrogates, other types, and nesting deeper than `DEPTH_MAX`.
    """
    _refuse_unrepresentable(value, DEPTH_MAX)
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        raise JsonFormatError("a string holds a lone surrogate") from None


def parse_strict(raw: bytes, *, max_depth: int = 16) -> object:
    """Return the value that `raw` says, provided every reader would understand the same.

    Raises `JsonFormatError` for duplicate keys, floats and NaN, integers beyond `INTEGER_MAX`, invalid UTF-8,
    a byte order mark, nesting deeper than `max_depth` containers, NUL characters and lone surrogates in
    strings, and anything after the value. The message names the place and never repeats a value.
    """
    try:
        value = _DECODER.decode(raw)
        colons = _PLAIN_ENCODER.encode(value).count(b":")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return _parse_slowly(raw, max_depth)
    # A dropped duplicate takes its colon with it, and a re-encoding never escapes a colon.
    if raw.count(b":") != colons:
        return _parse_slowly(raw, max_depth)
    if b"\\u00" in raw and (b"\\u0000" in raw or b"\\u003a" in raw or b"\\u003A" in raw):
        return _parse_slowly(raw, max_depth)
    may_be_deep = raw.count(b"{") + raw.count(b"[") > max_depth
    may_be_large = _SIXTEEN_DIGITS in raw.translate(_DIGITS_TO_ZERO)
    if (may_be_deep or may_be_large) and not _is_within_limits(value, max_depth):
        return _parse_slowly(raw, max_depth)
    return value


def parse_canonical(raw: bytes) -> object:
    """Return what `parse_strict` would; `raw` must be exactly the canonical bytes of it."""
    value = parse_strict(raw, max_depth=DEPTH_MAX)
    if canonical_json(value) != raw:
        raise JsonFormatError("not in canonical form (RFC 8785)")
    return value


def _refuse_float(_text: str) -> object:
    raise ValueError


_DECODER: Final = msgspec.json.Decoder(float_hook=_refuse_float)


def _refuse_unrepresentable(value: object, levels: int) -> None:
    kind = type(value)  # exactly these types: a subclass may encode to something else
    if kind is dict or kind is list or kind is tuple:
        _refuse_items(value, levels)
    elif type(value) is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise JsonFormatError("an integer is larger than 2^53 - 1")
    elif kind is not str and kind is not bool and value is not None:
        raise JsonFormatError(f"a {kind.__name__} has no canonical form")


def _refuse_items(value: Any, levels: int) -> None:  # noqa: ANN401 - dict, list or tuple, told apart below
    if levels == 0:
        raise JsonFormatError("nested too deeply")
    items = value
    if type(value) is dict:
        items = value.values()
        for key in value:
            if type(key) is not str or not key.isascii():
                raise JsonFormatError("a key is not an ASCII string")
    for item in items:
        if type(item) is not str:
            _refuse_unrepresentable(item, levels - 1)


def _is_within_limits(value: object, levels: int) -> bool:
    if isinstance(value, int):
        return -INTEGER_MAX <= value <= INTEGER_MAX
    if not isinstance(value, dict | list):
        return True
    if levels == 0:
        return False
    for item in value.values() if isinstance(value, dict) else value:
        if type(item) is not str and not _is_within_limits(item, levels - 1):
            return False
    return True


class _Pairs(list[tuple[str, object]]):
    """An object as written, duplicates included."""


class _Refused:
    """A number that is not accepted, kept until its place is known."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def _read_integer(text: str) -> int | _Refused:
    # Checked by length first: Python refuses, and is slow at, very long decimal strings.
    if len(text) > len(str(-INTEGER_MAX)) or abs(int(text)) > INTEGER_MAX:
        return _Refused("integer larger than 2^53 - 1")
    return int(text)


_CAREFUL_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_Pairs,
    parse_float=lambda _text: _Refused("number with a fraction or exponent"),
    parse_constant=lambda _text: _Refused("not a JSON number"),
    parse_int=_read_integer,
)


def _parse_slowly(raw: bytes, max_depth: int) -> object:
    """Read the same language as the fast path of `parse_strict`, naming the place of what is refused."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonFormatError(f"invalid UTF-8 at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise JsonFormatError("starts with a byte order mark")
    try:
        value = _CAREFUL_DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise JsonFormatError(f"not JSON: {error.msg.lower()} at character {error.pos}") from None
    except RecursionError:
        raise JsonFormatError("nested too deeply") from None
    return _settle(value, "", max_depth)


def _settle(value: object, pointer: str, levels: int) -> object:
    if isinstance(value, _Refused):
        raise JsonFormatError(value.reason, pointer=pointer)
    if isinstance(value, str):
        _refuse_text(value, pointer)
        return value
    if not isinstance(value, list):
        return value
    if levels == 0:
        raise JsonFormatError("nested too deeply", pointer=pointer)
    if not isinstance(value, _Pairs):
        return [_settle(item, f"{pointer}/{place}", levels - 1) for place, item in enumerate(value)]
    settled: dict[str, object] = {}
    for key, item in value:
        place = f"{pointer}/{key if _ORDINARY_KEY.fullmatch(key) else '*'}"
        _refuse_text(key, place)
        if key in settled:
            raise JsonFormatError("duplicate key", pointer=place)
        settled[key] = _settle(item, place, levels - 1)
    return settled


def _refuse_text(text: str, pointer: str) -> None:
    if "\x00" in text:
        raise JsonFormatError("string with a NUL character", pointer=pointer)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise JsonFormatError("string with a lone surrogate", pointer=pointer)
