"""Canonical JSON, hex and base64, read as strictly as `schemas/README.md` asks."""

import base64
import binascii
import json
import re
from typing import Any

Json = dict[str, Any]

LARGEST = 2**53 - 1
DEEPEST = 32


class RefusedError(Exception):
    """What the writer would not have written."""


def require(condition: object, message: str) -> None:
    """Raise `RefusedError` unless the condition holds."""
    if not condition:
        raise RefusedError(message)


def unhex(text: object, size: int | None = None) -> bytes:
    """Bytes of lower-case hex."""
    require(isinstance(text, str) and re.fullmatch(r"(?:[0-9a-f]{2})*", text), "not hex")
    raw = bytes.fromhex(str(text))
    require(size is None or len(raw) == size, "another length")
    return raw


def unbase64(text: str) -> bytes:
    """Bytes of base64 in its only spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("not base64") from None
    require(base64.b64encode(raw).decode() == text, "another spelling of base64")
    return raw


def unbase64url(text: str) -> bytes:
    """Bytes of base64url without padding, in its only spelling."""
    require(re.fullmatch(r"[A-Za-z0-9_-]*", text), "not base64url")
    standard = text.replace("-", "+").replace("_", "/")
    return unbase64(standard + "=" * (-len(text) % 4))


def read_json(raw: bytes) -> object:
    """The value of a JSON text."""
    try:
        text = raw.decode()
        value = json.loads(
            text,
            object_pairs_hook=_once,
            parse_float=_never,
            parse_constant=_never,
            parse_int=lambda digits: int(digits) if len(digits) < 20 else _never(digits),
        )
    except (ValueError, RecursionError):
        raise RefusedError("not this JSON") from None
    _check(value, DEEPEST)
    return value


def _never(_text: str) -> int:
    raise ValueError


def _once(pairs: list[tuple[str, object]]) -> Json:
    require(len({key for key, _ in pairs}) == len(pairs), "a key stands twice")
    return dict(pairs)


def _check(value: object, levels: int) -> None:
    if isinstance(value, dict | list):
        require(levels > 0, "nested too deeply")
        for item in value.values() if isinstance(value, dict) else value:
            _check(item, levels - 1)
        for key in value if isinstance(value, dict) else ():
            require(key.isascii(), "a key beyond ASCII")
            _check(key, levels)
    elif isinstance(value, str):
        require(not re.search("[\0\ud800-\udfff]", value), "no such string")
    elif isinstance(value, int):
        require(abs(value) <= LARGEST, "too large a number")


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def _string(text: str) -> str:
    return '"' + re.sub(r'[\x00-\x1f"\\]', lambda m: _ESCAPES.get(m[0], f"\\u{ord(m[0]):04x}"), text) + '"'


def write_json(value: object) -> str:
    """The canonical form, written letter by letter."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_string(key)}:{write_json(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write_json, value)) + "]"
    if isinstance(value, str):
        return _string(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def read_canonical(raw: bytes) -> object:
    """The value of a JSON text that is in canonical form."""
    value = read_json(raw)
    require(write_json(value).encode() == raw, "not canonical")
    return value
