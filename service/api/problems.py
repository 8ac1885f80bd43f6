"""Errors as RFC 9457 problems: one table from what went wrong to status, type and title.

A `detail` never repeats what was sent: it may be an address.
"""

import re
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from service.api.problem_types import BY_STATUS, PROBLEM_TYPES, TYPE_PREFIX, ProblemType
from service.core import errors
from service.core.canonical import JsonFormatError

__all__ = ["MEDIA_TYPE", "TYPE_PREFIX", "ApiError", "FieldError", "Problem", "plain_problem", "problem_of"]

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_log = structlog.get_logger(__name__)


class ApiError(Exception):
    """A refusal of the HTTP layer itself, of the type `slug` in `PROBLEM_TYPES`.

    `title`: what is said of this occurrence where there is no `detail`.
    """

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
        kind = PROBLEM_TYPES[slug]
        self.status = status
        # RFC 9457 section 3.1.4: the title is that of the type; what this occurrence says is the detail.
        self.title = kind.title
        self.detail = detail or title
        self.headers = headers or {}
        self.type = kind.type
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
_TABLE: tuple[tuple[type[errors.LedgerError], str], ...] = (
    (errors.AddressError, "address"),
    (errors.EventError, "event"),
    (errors.QuestionError, "question"),
    (errors.FormError, "form"),
    (errors.RulebookError, "rulebook"),
    (errors.InputError, "validation"),
    (errors.FormatError, "malformed-request"),
    (errors.ConflictError, "source-event-id-reused"),
    (errors.NotAssuredError, "not-audited"),
    (errors.StateConflictError, "state"),
    (errors.GoneError, "gone"),
    (errors.NotFoundError, "not-found"),
    (errors.UnavailableError, "temporarily-unavailable"),
    (errors.ForkError, "ledger-stopped"),
)
_MALFORMED_CODES = frozenset({"unknown_field", "missing", "type", "value", "json"})


def request_id(sent: bytes) -> str:
    """The caller's own id of its request where it is one, else a new one."""
    return sent.decode() if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(8)


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
    if isinstance(error, HTTPException) and error.status_code in BY_STATUS:
        return _of_type(PROBLEM_TYPES[BY_STATUS[error.status_code]])
    for kind, slug in _TABLE:
        if isinstance(error, kind):
            return _of_ledger(error, PROBLEM_TYPES[slug])
    return _of_type(PROBLEM_TYPES["internal"])


def _of_type(kind: ProblemType) -> Problem:
    return Problem(kind.type, kind.title, kind.status)


def _of_ledger(error: Exception, kind: ProblemType) -> Problem:
    problem = _of_type(kind)
    problem.detail = str(error)
    if isinstance(error, errors.InputError):
        problem.errors = [FieldError(error.pointer, error.code, str(error))]
        # RFC 9110: 400 for what does not have the shape asked for, 422 for what has it and cannot be.
        problem.status = 400 if error.code in _MALFORMED_CODES else kind.status
    elif isinstance(error, JsonFormatError) and error.pointer:
        problem.errors = [FieldError(error.pointer, "json", str(error))]
    return problem


def plain_problem(status: int, request_id: str) -> bytes:
    """The body of a problem that is answered before there is a request to speak of."""
    problem = _of_type(PROBLEM_TYPES[BY_STATUS[status]])
    problem.request_id = request_id
    return msgspec.json.encode(problem)


def respond_with_problem(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler for everything."""
    problem = problem_of(error)
    # A path that no route knows is refused before the middleware gave the request an id.
    problem.request_id = request.scope.get("state", {}).get("request_id") or request_id(
        request.headers.get("x-request-id", "").encode("latin-1")
    )
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
