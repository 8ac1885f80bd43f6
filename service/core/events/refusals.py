"""From a decoder's complaint to a refusal that names the field and repeats no value."""

import re
from typing import TypeVar

import msgspec

from service.core.errors import InputError

E = TypeVar("E", bound=InputError)

_PATH = re.compile(r" - at `\$(?P<path>.*)`$")
_STEP = re.compile(r"\.(?P<name>[A-Za-z_]+)|\[(?P<index>\d+)\]|\[\.\.\.\]")
_FIELD = re.compile(r"field `(?P<name>[a-z_0-9]{1,40})`")
_EXPECTED = re.compile(r"^Expected [^'\"]*$")


def refused(error: msgspec.ValidationError, kind: type[E]) -> E:
    """Turn what msgspec says into `kind`, with an RFC 6901 pointer.

    Codes: `missing`, `unknown_field`, `type`, `value`.
    """
    text = str(error)
    found = _PATH.search(text)
    pointer = ""
    if found:
        text = text[: found.start()]
        for step in _STEP.finditer(found["path"]):
            pointer += f"/{step['name'] or step['index'] or ''}"
    field = _FIELD.search(text)
    if text.startswith("Object missing required field") and field:
        return kind("this field is required", pointer=f"{pointer}/{field['name']}", code="missing")
    if text.startswith("Object contains unknown field"):
        where = f"{pointer}/{field['name']}" if field else pointer
        return kind("this field is not known here", pointer=where, code="unknown_field")
    if text.startswith("Expected") and "matching" not in text and _EXPECTED.match(text):
        code = "type" if ", got" in text else "value"
        return kind(text[0].lower() + text[1:], pointer=pointer, code=code)
    return kind("this value is not one of those allowed here", pointer=pointer, code="value")
