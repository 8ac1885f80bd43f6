"""Teaches Schemathesis to send lines (NDJSON): `SCHEMATHESIS_HOOKS=tests.support.schemathesis_lines`."""

from typing import Any

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def lines(_context: schemathesis.SerializationContext, value: Any) -> bytes:  # noqa: ANN401 - whatever it made up
    """The text as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
