"""Every limit of the interface, in one table: what is refused, from where on, and how.

The documentation shows this table (`docs/access.md`, compared by a test), and the tests send one more of each
over a raw socket.
"""

from dataclasses import dataclass
from typing import Final

from service.ledger.appending.appender import QUEUE_EVENTS_MAX, SHED_EVENTS, SHED_MS

URL_BYTES_MAX: Final = 4_096
HEAD_BYTES_MAX: Final = 32_768
HEADERS_MAX: Final = 100
BODY_BYTES_MAX: Final = 262_144
DOCUMENT_BYTES_MAX: Final = 1_048_576
BATCH_BYTES_MAX: Final = 8_388_608
LINE_BYTES_MAX: Final = 65_536
ITEMS_MAX: Final = 1_000
JSON_DEPTH_MAX: Final = 16
HEAD_SECONDS_MAX: Final = 10.0
BODY_GRACE_SECONDS: Final = 10.0
BODY_BYTES_PER_SECOND_MIN: Final = 1_024
STREAM_IDLE_SECONDS_MAX: Final = 60.0
READ_IDLE_SECONDS_MAX: Final = 60.0
KEEP_ALIVE_SECONDS: Final = 30
LINGER_SECONDS: Final = 2.0
IDEMPOTENCY_KEY_MAX: Final = 255


@dataclass(frozen=True, slots=True)
class Limit:
    """One row: what is limited, how far, and what comes beyond."""

    what: str
    most: str
    beyond: str


LIMITS: Final = (
    Limit("URL", f"{URL_BYTES_MAX:,} bytes", "414 `uri-too-long`"),
    Limit("head of a request", f"{HEAD_BYTES_MAX:,} bytes", "431 `request-header-fields-too-large`"),
    Limit("header fields", f"{HEADERS_MAX}", "431 `request-header-fields-too-large`"),
    Limit("time for the head", f"{HEAD_SECONDS_MAX:g} s", "408 `request-timeout`, closed"),
    Limit("body", f"{BODY_BYTES_MAX:,} bytes", "413 `content-too-large`"),
    Limit("body of a form or a rulebook", f"{DOCUMENT_BYTES_MAX:,} bytes", "413 `content-too-large`"),
    Limit("body of a JSON batch", f"{BATCH_BYTES_MAX:,} bytes", "413 `content-too-large`"),
    Limit("items of a JSON batch", f"{ITEMS_MAX:,}", "413 `too-many-items`"),
    Limit("body of an NDJSON stream", "none", ""),
    Limit("line of an NDJSON stream", f"{LINE_BYTES_MAX:,} bytes", "413 `content-too-large`, in its place"),
    Limit("nesting of JSON", f"{JSON_DEPTH_MAX}", "400 `malformed-request`"),
    Limit(
        "time for a body",
        f"{BODY_GRACE_SECONDS:g} s, and 1 s more for every {BODY_BYTES_PER_SECOND_MIN:,} bytes received",
        "408 `request-timeout`, closed",
    ),
    Limit("silence within an NDJSON stream", f"{STREAM_IDLE_SECONDS_MAX:g} s", "closed"),
    Limit("time in which nothing of an answer is read", f"{READ_IDLE_SECONDS_MAX:g} s", "closed"),
    Limit("idle connection", f"{KEEP_ALIVE_SECONDS} s", "closed"),
    Limit("`Idempotency-Key`", f"{IDEMPOTENCY_KEY_MAX} characters", "400 `idempotency-key-invalid`"),
    Limit(
        "events that wait to be written, in one process",
        f"{SHED_EVENTS:,}, or the first for {SHED_MS / 1000:g} s",
        "503 `overloaded`; a no is still taken",
    ),
    Limit(
        "the same, a no",
        f"{QUEUE_EVENTS_MAX:,}",
        "503 `temporarily-unavailable`",
    ),
    Limit("requests of a credential", "its quota a minute, 600,000 by default", "429 `quota-exceeded`"),
    Limit(
        "addresses a credential asks about",
        "its quota a day, 5,000,000 by default",
        "429 `quota-exceeded`",
    ),
)
