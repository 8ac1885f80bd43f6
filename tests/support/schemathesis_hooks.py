"""What Schemathesis has to know of us: `SCHEMATHESIS_HOOKS=tests.support.schemathesis_hooks`."""

import json
from typing import Any

import schemathesis

from service.core.canonical import parse_strict
from service.core.errors import FormatError


@schemathesis.serializer("application/x-ndjson")
def lines(_context: schemathesis.SerializationContext, value: Any) -> bytes:  # noqa: ANN401 - whatever it made up
    """The text as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def filter_body(_context: schemathesis.HookContext, body: Any) -> bool:  # noqa: ANN401 - whatever it made up
    """Leave out what our JSON has not and no schema can say: 5.0 for 5, large integers, deep nesting.

    That all of it is refused is in the catalogue of bad input, by name.
    """
    if not isinstance(body, dict | list):
        return True
    try:
        parse_strict(json.dumps(body).encode())
    except (FormatError, TypeError, ValueError):
        return False
    return True
