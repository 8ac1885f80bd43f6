"""The OpenAPI document: the operations, with the bodies and problems that the routes really use."""

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Litestar

from service.api.bodies import NDJSON
from service.api.campaigns import BatchAnswer, BatchBody
from service.api.checks import BUNDLE, AnswerBody, AskedBody, ProvedBody
from service.api.configuration import PublishedBody, SenderBody
from service.api.events import ReceiptBody
from service.api.keys import IssuedKeyBody, NewKeyBody
from service.api.principal import SCOPES
from service.api.problems import MEDIA_TYPE, Problem
from service.api.rulebooks import DryRunBody, DryRunResult
from service.api.subscription_bodies import SUBSCRIPTION_BODIES
from service.api.unsubscribe import BODY_BYTES_MAX, WayOutBody
from service.api.unsubscribe_links import ONE_CLICK, LinkBody, LinkRequest
from service.core.events import Form, SubmittedEvent
from service.core.law.question import Question
from service.core.law.rulebook import RulebookDocument

JSON = "application/json"
_REF = "#/components/schemas/{name}"

_ADDRESS = {"kind": "email", "value": "jane@example.org"}
_EVENT = {
    "type": "consent_granted",
    "source_event_id": "crm-8812",
    "occurred_at": "2026-11-23T10:15:00Z",
    "sender": "acme",
    "address": _ADDRESS,
    "categories": ["newsletter"],
    "channels": ["email"],
    "method": "checkbox",
    "checkbox_default": "unticked",
    "evidence": {"ip": "192.0.2.7"},
}
_QUESTION = {
    "sender": "acme",
    "category": "newsletter",
    "channel": "email",
    "kind": "commercial",
    "address": _ADDRESS,
    "recipient": {"country": "NL", "kind": "consumer"},
    "message": {"optout": True, "identity": True},
    "proof": "token",
}
_LINK = {"sender": "acme", "category": "newsletter", "channel": "email", "address": _ADDRESS}
_LINE = {"address": _ADDRESS, "id": "crm-7"}
_DEFAULTS = {name: value for name, value in _QUESTION.items() if name not in ("address", "proof")}
_FORM = {
    "language": "en",
    "title": "Newsletter",
    "text": "Acme may send me its newsletter.",
    "boxes": [{"name": "newsletter", "label": "Send me the newsletter", "default": "unticked"}],
}
_RULEBOOK = {"schema": 1, "label": "2026-11"}

# What goes in and out of each operation: request type, its example, answer type.
_BODIES: Mapping[tuple[str, str], tuple[Any, Any, Any]] = {
    ("/v1/events", "post"): (SubmittedEvent, _EVENT, ReceiptBody),
    ("/v1/events/batch", "post"): (None, {"events": [_EVENT]}, None),
    ("/v1/checks", "post"): (AskedBody, _QUESTION, AnswerBody),
    ("/v1/checks/batch", "post"): (BatchBody, {"defaults": _DEFAULTS, "checks": [_LINE]}, BatchAnswer),
    ("/v1/proofs", "post"): (ProvedBody, _QUESTION, None),
    ("/v1/forms", "post"): (Form, _FORM, PublishedBody),
    ("/v1/senders", "post"): (
        SenderBody,
        {"id": "acme", "legal_name": "Acme B.V.", "country": "NL"},
        PublishedBody,
    ),
    ("/v1/unsubscribe-links", "post"): (LinkRequest, _LINK, LinkBody),
    ("/v1/rulebook", "put"): (RulebookDocument, _RULEBOOK, PublishedBody),
    ("/v1/rulebook/dry-run", "post"): (DryRunBody, {"rulebook": _RULEBOOK}, DryRunResult),
    ("/v1/keys", "post"): (
        NewKeyBody,
        {"label": "crm", "scopes": ["check:read", "record:write"], "days": 90},
        IssuedKeyBody,
    ),
    **SUBSCRIPTION_BODIES,
}
_WAY_OUT = "/u/"
# What the lines of a stream look like.
_LINES: Mapping[str, tuple[Any, ...]] = {
    "/v1/events/batch": (_EVENT,),
    "/v1/checks/batch": ({"defaults": _DEFAULTS}, _LINE),
}
_QUESTIONS = ("/v1/checks", "/v1/proofs")


def openapi_document(app: Litestar) -> dict[str, Any]:
    """The document as plain JSON values, the same for the same code."""
    document: dict[str, Any] = app.openapi_schema.to_schema()
    types = {kind for pair in _BODIES.values() for kind in (pair[0], pair[2]) if kind is not None}
    _, components = msgspec.json.schema_components([*types, Problem, Question, WayOutBody], ref_template=_REF)
    document["components"] = {
        "schemas": dict(sorted(components.items())),
        "securitySchemes": {
            "key": {"type": "http", "scheme": "bearer", "bearerFormat": "clk_…"},
            "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT access token (RFC 9068)"},
        },
    }
    document["info"]["description"] = _scopes()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(path, method, operation)
    return document


def _scopes() -> str:
    lines = "".join(f"\n- `{name}`: {meaning}" for name, meaning in SCOPES.items())
    return f"May I send category X to address Y now? Scopes of a key:{lines}"


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    request, example, answer = _BODIES.get((path, method), (None, None, None))
    operation["security"] = [{"key": []}, {"token": []}] if path.startswith("/v1/") else []
    if example is not None:
        operation["requestBody"] = {"required": True, "content": _request(path, request, example)}
    elif path.startswith(_WAY_OUT) and method == "post":
        operation["requestBody"] = {"required": True, "content": _one_click()}
    kept = {code: response for code, response in operation["responses"].items() if code < "400"}
    for response in kept.values():
        response.pop("headers", None)
        response["content"] = _answer(path, answer)
    problem = {"content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}}
    kept["default"] = {"description": "A problem (RFC 9457)", **problem}
    operation["responses"] = kept


def _request(path: str, request: Any, example: Any) -> dict[str, Any]:  # noqa: ANN401 - a type, a value
    schema: dict[str, Any] = {"type": "object"}
    if path in _QUESTIONS:
        schema = {
            "description": "An address and what belongs to it, beside the fields of Question",
            "type": "object",
            "required": ["address"],
        }
    elif request is not None:
        ((schema,), _) = msgspec.json.schema_components([request], ref_template=_REF)
    content = {JSON: {"schema": schema, "example": example}}
    if path in _LINES:
        lines = b"\n".join(map(msgspec.json.encode, _LINES[path])).decode()
        content[NDJSON] = {"schema": {"type": "string"}, "example": lines}
    return content


def _one_click() -> dict[str, Any]:
    """Both encodings of RFC 8058, and the field of the page's own buttons."""
    fields = {
        "List-Unsubscribe": {"type": "string", "enum": [ONE_CLICK.partition("=")[2]]},
        "stop": {"type": "string", "enum": ["category", "sender"]},
    }
    schema = {
        "type": "object",
        "properties": fields,
        "description": f"One of the two fields; at most {BODY_BYTES_MAX} bytes",
    }
    example = {"List-Unsubscribe": "One-Click"}
    kinds = ("application/x-www-form-urlencoded", "multipart/form-data")
    return {kind: {"schema": schema, "example": example} for kind in kinds}


def _answer(path: str, answer: Any) -> dict[str, Any]:  # noqa: ANN401 - a type
    if path == "/v1/proofs":
        return {BUNDLE: {"schema": {"type": "object"}}}
    if path.startswith(_WAY_OUT):
        return {
            "text/html": {"schema": {"type": "string"}},
            JSON: {"schema": {"$ref": _REF.format(name="WayOutBody")}},
        }
    if path.startswith("/log/"):
        kind = "text/plain" if path.endswith("checkpoint") else "application/octet-stream"
        return {kind: {"schema": {"type": "string"}}}
    if answer is None:
        return {JSON: {"schema": {"type": "object"}}}
    return {JSON: {"schema": {"$ref": _REF.format(name=answer.__name__)}}}
