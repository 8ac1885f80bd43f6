"""Errors as RFC 9457 problems: one table from what went wrong to status, type and title.

A `detail` never repeats what was sent: it may be an address.
"""

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from service.core import errors

TYPE_PREFIX = "urn:consent-ledger:problem:"
MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1

_log = structlog.get_logger(__name__)


class ApiError(Exception):
    """A refusal of the HTTP layer itself. `type` and `headers` where the status alone does not say enough."""

    def __init__(
        self,
        status: int,
        slug: str,
        title: str,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or title)
        self.status = status
        self.slug = slug
        self.title = title
        self.detail = detail or title
        self.headers = headers or {}
        self.type = TYPE_PREFIX + slug
        self.violated_policies: list[str] = []


class FieldError(msgspec.Struct, omit_defaults=True):
    """One field that was refused: RFC 6901 pointer, stable code, sentence for people."""

    pointer: str
    code: str
    message: str


class Problem(msgspec.Struct, omit_defaults=True):
    """An RFC 9457 problem with our two members, `request_id` and `errors`.

    `violated-policies` is the member of the RateLimit draft's `quota-exceeded`.
    """

    type: str
    title: str
    status: int
    detail: str = ""
    request_id: str = ""
    errors: list[FieldError] = msgspec.field(default_factory=list)
    violated_policies: list[str] = msgspec.field(default_factory=list, name="violated-policies")


# First match wins, so a class stands above its parents.
_TABLE: tuple[tuple[type[errors.LedgerError], int, str, str], ...] = (
    (errors.AddressError, 422, "address", "The address cannot be used"),
    (errors.EventError, 422, "event", "The event was refused"),
    (errors.QuestionError, 422, "question", "The question cannot be answered"),
    (errors.FormError, 422, "form", "The form was refused"),
    (errors.RulebookError, 422, "rulebook", "The rulebook was refused"),
    (errors.InputError, 422, "validation", "The request was refused"),
    (errors.FormatError, 400, "malformed-request", "The body is not the JSON that is accepted here"),
    (errors.ConflictError, 409, "source-event-id-reused", "This source_event_id belongs to another event"),
    (errors.StateConflictError, 409, "state", "This is not possible in its present state"),
    (errors.NotFoundError, 404, "not-found", "There is no such thing here"),
    (errors.UnavailableError, 503, "temporarily-unavailable", "Try again with the same ids"),
    (errors.ForkError, 503, "ledger-stopped", "The ledger has stopped itself; its operator must look"),
)
_MALFORMED_CODES = frozenset({"unknown_field", "missing", "type", "value", "json"})
_BY_STATUS: Mapping[int, tuple[str, str]] = {
    400: ("malformed-request", "The request cannot be understood"),
    401: ("unauthenticated", "A valid API key or access token is needed"),
    403: ("insufficient-scope", "The credential may not do this"),
    404: ("not-found", "There is no such thing here"),
    405: ("method-not-allowed", "This method is not allowed here"),
    408: ("request-timeout", "The request did not arrive in time"),
    413: ("content-too-large", "The body is larger than is read here"),
    414: ("uri-too-long", "The URL is longer than is read here"),
    415: ("unsupported-media-type", "The body must be application/json"),
    431: ("request-header-fields-too-large", "The head of the request is larger than is read here"),
}


def problem_of(error: Exception) -> Problem:
    """The problem that an error is to the caller."""
    if isinstance(error, ApiError):
        return Problem(
            error.type,
            error.title,
            error.status,
            error.detail,
            violated_policies=error.violated_policies,
        )
    if isinstance(error, HTTPException):
        slug, title = _BY_STATUS.get(error.status_code, ("http", "The request was refused"))
        return Problem(TYPE_PREFIX + slug, title, error.status_code)
    for kind, status, slug, title in _TABLE:
        if isinstance(error, kind):
            return _of_ledger(error, status, slug, title)
    return Problem(TYPE_PREFIX + "internal", "Something went wrong here", 500)


def _of_ledger(error: Exception, status: int, slug: str, title: str) -> Problem:
    problem = Problem(TYPE_PREFIX + slug, title, status, str(error))
    if isinstance(error, errors.InputError):
        problem.errors = [FieldError(error.pointer, error.code, str(error))]
        # RFC 9110: 400 for what does not have the shape asked for, 422 for what has it and cannot be.
        problem.status = 400 if error.code in _MALFORMED_CODES else status
    return problem


def plain_problem(status: int) -> bytes:
    """The body of a problem that is answered before there is a request to speak of."""
    slug, title = _BY_STATUS[status]
    return msgspec.json.encode(Problem(TYPE_PREFIX + slug, title, status))


def respond_with_problem(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler for everything."""
    problem = problem_of(error)
    # A path that no route knows is refused before the middleware gave the request an id.
    problem.request_id = request.scope.get("state", {}).get("request_id") or secrets.token_hex(8)
    if problem.status >= 500:  # noqa: PLR2004 - the class of server errors
        _log.error("request_failed", problem=problem.type, request_id=problem.request_id, exc_info=error)
    headers = {"cache-control": "no-store", "x-request-id": problem.request_id}
    if isinstance(error, HTTPException) and error.headers:
        headers |= {name.lower(): value for name, value in error.headers.items()}
    if isinstance(error, ApiError):
        headers |= error.headers
    allowance = request.scope.get("state", {}).get("allowance")
    if allowance is not None:
        headers |= allowance.headers()
    if problem.status == 503:  # noqa: PLR2004 - unavailable
        headers.setdefault("retry-after", str(RETRY_SECONDS))
    return Response(
        msgspec.json.encode(problem), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers
    )
