"""The OpenAPI 3.1 document: every route of the application, as the tables beside this file describe it.

What follows from how a route is built is derived and not said again: its scope, its quota, its idempotency,
its validators, and the problems that each of these can answer with.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from service.api.bodies import JSON
from service.api.callers.principal import PUBLIC, SCOPES, WRITES
from service.api.contract.exports import EXPORTS
from service.api.contract.growth import GROWTH, growth_shapes
from service.api.contract.importing import IMPORTS
from service.api.contract.operations import OPERATIONS as OWN
from service.api.contract.operations import WEBHOOK
from service.api.contract.parameters import PATH_EXAMPLES
from service.api.contract.parts import TAGS, Content, Operation
from service.api.contract.shapes import ref, schemas
from service.api.contract.subscriptions import SUBSCRIPTIONS, subscription_shapes
from service.api.limits import IDEMPOTENCY_KEY_MAX
from service.api.problem_types import PROBLEM_TYPES, ProblemType
from service.api.problems import MEDIA_TYPE
from service.api.reading import ETAG, PRODUCES

Json = dict[str, Any]

OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    **OWN,
    **EXPORTS,
    **IMPORTS,
    **SUBSCRIPTIONS,
    **GROWTH,
}
_REQUEST_ID: Final[Json] = {
    "name": "X-Request-Id",
    "in": "header",
    "description": "The caller's own id of the request, 1 to 64 of A-Z a-z 0-9 . _ -; it comes back, and "
    "stands in the log. Anything else is replaced by an id of ours.",
    "schema": {"type": "string"},
    "example": "crm-4711",
}
_IDEMPOTENCY_KEY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A retry with the same key gets the answer of the first time. Best a UUID.",
    "schema": {
        "type": "string",
        "pattern": "^[!#-\\[\\]-~]+$",
        "minLength": 1,
        "maxLength": IDEMPOTENCY_KEY_MAX,
    },
    "example": "8e03978e-40d5-43e8-bc93-6894a57f9324",
}
_IF_NONE_MATCH: Final[Json] = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of the state that the caller holds: 304 while it is still the same.",
    "schema": {"type": "string"},
    "example": '"0123456789abcdef0123456789abcdef"',
}
_HEADERS: Final[Mapping[str, tuple[str, str]]] = {
    "X-Request-Id": ("The id of this request; give it to the operator.", "crm-4711"),
    "RateLimit-Policy": ("The quotas of the credential (IETF draft).", '"requests";q=600000;w=60'),
    "RateLimit": (
        "What is left of them, and the seconds until they are whole again.",
        '"requests";r=599999;t=42',
    ),
    "Retry-After": ("Seconds to wait before trying again.", "1"),
    "WWW-Authenticate": ("What the credential lacks (RFC 6750).", 'Bearer realm="consent-ledger"'),
    "ETag": ("Names this very state, for `If-None-Match`.", '"0123456789abcdef0123456789abcdef"'),
    "Idempotency-Replayed": ("`true` where this is the answer of an earlier request.", "true"),
    "Location": ("Where the new thing is.", "/v1/keys/k2m8x1q0v7ab"),
    "Allow": ("The methods that the path knows.", "GET, HEAD"),
}
_ABOUT: Final = """May I send category X to address Y now?

Anything but an answer with `"decision": "allow"` means: do not send. Errors are problems (RFC 9457), each
of a type of its own; `/problems/<last part of the type>` says what to do. No path and no query holds an
address.

GET answers to HEAD too. What is read and can change carries an `ETag`, and 304 answers `If-None-Match`.

A credential is an API key or an access token (RFC 9068). Its scopes:
"""


def openapi_document(app: Litestar) -> Json:
    """The document as plain JSON values, the same for the same code."""
    paths: dict[str, Json] = {}
    for path, method, handler in _routes(app):
        known = OPERATIONS.get((method, path))
        if known is not None:
            paths.setdefault(path, {})[method] = _operation(path, known, handler)
    scopes = "".join(f"\n- `{name}`: {meaning}" for name, meaning in SCOPES.items())
    scopes += "\n- `source:NAME`: be told the ids by which this source of events knows people"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Consent ledger",
            "version": "1",
            "description": _ABOUT + scopes,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This very service."}],
        "tags": [{"name": name, "description": meaning} for name, meaning in TAGS.items()],
        "paths": dict(sorted(paths.items())),
        "webhooks": {"event": {"post": _webhook()}},
        "components": {
            "schemas": dict(sorted((schemas() | subscription_shapes() | growth_shapes()).items())),
            "headers": {name: _header(name) for name in _HEADERS},
            "examples": {slug: {"value": _example(kind)} for slug, kind in PROBLEM_TYPES.items()},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "bearerFormat": "clk_…"},
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT access token (RFC 9068)"},
            },
        },
    }


def _routes(app: Litestar) -> Iterable[tuple[str, str, HTTPRouteHandler]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            parts = (
                f"{{{part.name}}}" if hasattr(part, "name") else str(part) for part in route.path_components
            )
            path = "/" + "/".join(parts)
            for method, (handler, _) in route.route_handler_map.items():
                yield path, str(method).lower(), handler


def _operation(path: str, known: Operation, handler: HTTPRouteHandler) -> Json:
    guarded = handler.opt.get("scope") != PUBLIC
    scopes = [handler.opt["scope"]] if guarded and handler.opt.get("scope") else []
    operation: Json = {
        "operationId": known.id,
        "tags": [known.tag],
        "summary": known.summary,
        "description": " ".join((handler.fn.__doc__ or "").split()),
        "security": [{"key": scopes}, {"token": scopes}] if guarded else [],
        "parameters": _parameters(path, known, handler),
        "responses": _responses(known, handler),
    }
    if known.takes:
        operation["requestBody"] = {"required": True, "content": _content(known.takes)}
    return operation


def _parameters(path: str, known: Operation, handler: HTTPRouteHandler) -> list[Json]:
    found = []
    for name, (schema, example, meaning) in PATH_EXAMPLES.items():
        if f"{{{name}}}" in path:
            found.append(
                {"name": name, "in": "path", "required": True, "description": meaning}
                | {"schema": schema, "example": example}
            )
    found += [*known.parameters, _REQUEST_ID]
    if _keeps_answers(handler):
        found.append(_IDEMPOTENCY_KEY)
    if handler.opt.get(ETAG):
        found.append(_IF_NONE_MATCH)
    return found


def _keeps_answers(handler: HTTPRouteHandler) -> bool:
    return handler.opt.get("scope") != PUBLIC and handler.opt.get("effect") == WRITES


def _responses(known: Operation, handler: HTTPRouteHandler) -> Json:
    guarded = handler.opt.get("scope") != PUBLIC
    always = ["X-Request-Id"] + (["RateLimit-Policy", "RateLimit"] if guarded else [])
    own = [*always, *known.answer_headers] + (["ETag"] if handler.opt.get(ETAG) else [])
    responses: Json = {}
    for status, contents in known.answers.items():
        responses[str(status)] = {"description": _said(status), "headers": _header_refs(own)}
        if contents:
            responses[str(status)]["content"] = _content(contents)
    if handler.opt.get(ETAG):
        responses["304"] = {"description": "The caller holds it already.", "headers": _header_refs(own)}
    for status, kinds in _refusals(known, handler).items():
        responses[str(status)] = _problems(status, kinds, always, responses.get(str(status)))
    return dict(sorted(responses.items()))


def _refusals(known: Operation, handler: HTTPRouteHandler) -> dict[int, list[ProblemType]]:
    """Every problem that the operation can answer with, by status."""
    slugs = [*known.refusals, "internal"]
    guarded = handler.opt.get("scope") != PUBLIC
    if guarded:
        slugs += ["malformed-request", "unauthenticated", "insufficient-scope", "not-found"]
        slugs += ["quota-exceeded", "temporarily-unavailable", "ledger-stopped"]
    elif handler.opt.get(ETAG) or handler.opt.get("effect"):
        slugs.append("temporarily-unavailable")
    if handler.opt.get(PRODUCES, (JSON,)) and handler.opt.get("effect") != WRITES:
        slugs.append("not-acceptable")
    if any(content.kind == JSON for content in known.takes):
        slugs += ["content-too-large", "unsupported-media-type", "validation", "request-timeout"]
    if _keeps_answers(handler):
        slugs += ["idempotency-key-invalid", "idempotency-key-not-for-streams", "idempotency-in-flight"]
        slugs.append("idempotency-key-reused")
    found: dict[int, list[ProblemType]] = {}
    for slug in dict.fromkeys(slugs):
        for status in PROBLEM_TYPES[slug].statuses:
            found.setdefault(status, []).append(PROBLEM_TYPES[slug])
    return found


def _problems(status: int, kinds: list[ProblemType], headers: list[str], answer: Json | None) -> Json:
    """A status with its problems, beside what else it may answer."""
    extra = {401: ["WWW-Authenticate"], 403: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}
    titles = "; ".join(kind.title for kind in kinds)
    problem: Json = {
        "schema": ref("Problem"),
        "examples": {kind.slug: {"$ref": f"#/components/examples/{kind.slug}"} for kind in kinds},
    }
    content = (answer or {}).get("content", {}) | {MEDIA_TYPE: problem}
    shown = ["X-Request-Id"] if status == 401 else headers  # noqa: PLR2004 - nobody's quota
    return {
        "description": titles,
        "headers": _header_refs([*shown, *extra.get(status, [])]),
        "content": content,
    }


def _content(contents: Iterable[Content]) -> Json:
    return {each.kind: {"schema": each.schema, "example": each.example} for each in contents}


def _header_refs(names: Iterable[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _header(name: str) -> Json:
    meaning, example = _HEADERS[name]
    return {"description": meaning, "schema": {"type": "string"}, "example": example}


def _said(status: int) -> str:
    return {
        200: "Done.",
        201: "Recorded, and durable.",
        204: "Done; there is nothing to say.",
        207: "Each item was answered on its own.",
    }.get(status, "Not now.")


def _example(kind: ProblemType) -> Json:
    problem: Json = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": kind.meaning,
        "request_id": "crm-4711",
    }
    if kind.slug == "quota-exceeded":
        problem["violated-policies"] = ["requests"]
    return problem


def _webhook() -> Json:
    return {
        "operationId": "hearOfEvent",
        "tags": ["Hearing"],
        "summary": "An event was recorded",
        "description": "What a subscriber's endpoint is sent, and what the feed and its streams tell.",
        "requestBody": {"required": True, "content": _content((WEBHOOK,))},
        "responses": {"2XX": {"description": "Taken: it will not be sent again."}},
    }
