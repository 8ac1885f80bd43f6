"""What stands in paths, queries and headers."""

from collections.abc import Mapping
from typing import Any, Final

from service.api.contract import examples as ex
from service.api.contract.parts import Schema
from service.api.feed import LIMIT_DEFAULT, LIMIT_MAX, SOURCE_MAX, WAIT_SECONDS_MAX


def query(name: str, meaning: str, schema: Schema, *, example: Any) -> Schema:  # noqa: ANN401 - any JSON
    """A parameter of the query."""
    return {"name": name, "in": "query", "description": meaning, "schema": schema, "example": example}


def _names(name: str, example: str) -> Schema:
    item = {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"}
    return query(
        name,
        f"Only events of these {name}, separated by commas.",
        {"type": "array", "items": item, "maxItems": 100},
        example=[example],
    ) | {
        "style": "form",
        "explode": False,
    }


AFTER: Final = query(
    "after",
    "The last position dealt with: only later events are told. `now`: only what is still to come.",
    {
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
            {"type": "string", "const": "now"},
        ],
        "default": 0,
    },
    example=0,
)
FILTERS: Final = (
    _names("types", "consent_withdrawn"),
    _names("senders", "acme"),
    _names("categories", "newsletter"),
    _names("channels", "email"),
    query(
        "address",
        "Show the address; needs the scope `subject:resolve`.",
        {"type": "boolean", "default": False},
        example=False,
    ),
    query(
        "source",
        "Show this source's own id for each person; needs the scope `source:NAME`, or `subject:resolve`.",
        {"type": "string", "minLength": 1, "maxLength": SOURCE_MAX},
        example="crm",
    ),
)
PAGE: Final = (
    query(
        "limit",
        "Events at most.",
        {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
        example=100,
    ),
    query(
        "wait",
        "Seconds to wait for an event where there is none yet.",
        {"type": "integer", "minimum": 0, "maximum": WAIT_SECONDS_MAX, "default": 0},
        example=0,
    ),
)
LAST_EVENT_ID: Final = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "As `after`, and stands before it: sent by browsers that connect again.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
    "example": 0,
}
PATH_EXAMPLES: Final[Mapping[str, tuple[Schema, str, str]]] = {
    "form_id": ({"type": "string", "pattern": "^[0-9a-f]{64}$"}, ex.HASH, "The form's SHA-256, in hex."),
    "digest": ({"type": "string", "pattern": "^[0-9a-f]{64}$"}, ex.HASH, "The rulebook's SHA-256, in hex."),
    "key_id": (
        {"type": "string", "pattern": "^[0-9a-z]{12}$"},
        ex.KEY["id"],
        "The key's id; never its secret.",
    ),
    "ledger": (
        {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$"},
        "main",
        "The public name of the ledger.",
    ),
    "path": (
        {"type": "string"},
        "0/000.p/8",
        "`<level>/<index>[.p/<width>]`, or `entries/<index>[.p/<width>]`.",
    ),
    "token": ({"type": "string", "minLength": 1}, "1a2b3c", "The token of an unsubscribe link."),
    "subscription_id": (
        {"type": "string", "pattern": "^[0-9a-z_-]{1,64}$"},
        "sub_4q7w2k9x1m3p",
        "The webhook's id.",
    ),
    "export_id": (
        {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "0f" * 16,
        "The export's id.",
    ),
    "lane": ({"type": "string", "enum": ["live", "replay", "control"]}, "live", "The lane it went by."),
    "position": ({"type": "integer", "minimum": 0}, "1042", "The position of the event."),
    "slug": (
        {"type": "string", "pattern": "^[a-z-]+$"},
        "quota-exceeded",
        "The last part of the problem's type.",
    ),
}
