"""What is read: HEAD beside every GET, `Accept` that can be met or is refused, 304 for what has not changed.

Litestar answers HEAD on a GET route with 405, ignores `Accept`, and never answers 304: all are done here.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from litestar import route
from litestar.enums import HttpMethod, ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from service.api.callers.principal import WRITES
from service.api.problems import ApiError

JSON: Final = "application/json"
ETAG: Final = "etag"
"""In a route's `opt`: the answer is small and whole, and carries a strong validator (RFC 9110 8.8.3)."""
PRODUCES: Final = "produces"
"""In a route's `opt`: the media types of its answer, `application/json` by default; `()` ignores `Accept`."""

_RANGES_MAX = 50


def get(path: str, *, opt: Mapping[str, Any], **options: Any) -> HTTPRouteHandler:  # noqa: ANN401 - Litestar's
    """A route that is read, by GET and HEAD alike (RFC 9110 section 9.3.2)."""
    methods = [HttpMethod.GET, HttpMethod.HEAD]
    return route(path, http_method=methods, status_code=200, opt=dict(opt), **options)


def is_acceptable(accept: str, offered: Sequence[str]) -> bool:
    """Whether one of these media types meets this `Accept` header (RFC 9110 section 12.5.1).

    The most specific range that matches a type decides; `q=0` refuses. What cannot be read is no wish.
    """
    wishes: dict[str, bool] = {}
    for part in accept.split(",")[:_RANGES_MAX]:
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((value[2:] for value in parameters if value.startswith("q=")), "1")
        if "/" in kind:
            wishes[kind] = wishes.get(kind, False) or quality.strip("0.") != ""
    return not wishes or any(_wanted(kind, wishes) for kind in offered)


def _wanted(kind: str, wishes: Mapping[str, bool]) -> bool:
    for pattern in (kind, kind.partition("/")[0] + "/*", "*/*"):
        if pattern in wishes:
            return wishes[pattern]
    return False


def matches(if_none_match: str, etag: str) -> bool:
    """Whether the caller holds this very state already (weak comparison, RFC 9110 section 13.1.2)."""
    held = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in held or etag in held


class Reading(ASGIMiddleware):
    """Refuses an `Accept` that cannot be met, and answers 304 where the caller holds what would be sent.

    What writes ignores `Accept`: something recorded and not answered would be worse than another media type.
    """

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Answer, or pass on."""
        scope = cast("HTTPScope", scope)
        opt = scope["route_handler"].opt
        offered = opt.get(PRODUCES, (JSON,))
        if offered and opt.get("effect") != WRITES:
            _require_acceptable(scope, offered)
        if not opt.get(ETAG) or scope["method"] not in ("GET", "HEAD"):
            await next_app(scope, receive, send)
            return
        await _answer_whole(scope, receive, send, next_app)


def _require_acceptable(scope: HTTPScope, offered: Sequence[str]) -> None:
    accepts = [value for name, value in scope["headers"] if name == b"accept"]
    if accepts in ([], [b"*/*"]):
        return
    if not is_acceptable(b",".join(accepts).decode("latin-1"), offered):
        raise ApiError(406, "not-acceptable", f"this is answered as {' or '.join(offered)}")


async def _answer_whole(scope: HTTPScope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
    """Send what GET answers, with its validator: for HEAD no body, and 304 where it is held already."""
    method, start = scope["method"], cast("Message", {})
    asked = next((value for name, value in scope["headers"] if name == b"if-none-match"), b"")

    async def validated(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
            return
        body: bytes = cast("Any", message)["body"]
        head = cast("Any", start)
        if head["status"] == 200:  # noqa: PLR2004 - what is not 200 has no state to speak of
            etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            head["headers"] = [
                *(pair for pair in head["headers"] if pair[0] != b"etag"),
                (b"etag", etag.encode()),
            ]
            if asked and matches(asked.decode("latin-1"), etag):
                head["status"], body = 304, b""
                kept = (b"content-length", b"content-type")
                head["headers"] = [pair for pair in head["headers"] if pair[0] not in kept]
        await send(start)
        body = b"" if method == "HEAD" else body
        await send({"type": "http.response.body", "body": body, "more_body": False})

    scope["method"] = "GET"
    try:
        await next_app(scope, receive, validated)
    finally:
        scope["method"] = method
