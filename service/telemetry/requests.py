"""The outermost layer around the application: every request counted, timed, traced and, where asked, logged.

It stands outside everything else, so that refusals count as well. Requests are named by their route's
template; a path may hold a token or, from a careless caller, an address, and goes nowhere.
"""

import time
from typing import Final, Literal

import structlog
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from service.telemetry.metrics import Metrics
from service.telemetry.tracing import Tracing

UNMATCHED: Final = "unmatched"
LogRequests = Literal["all", "refused", "off"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REFUSED_FROM = 400
_log = structlog.get_logger("service.requests")


class Observed:
    """The application, observed."""

    def __init__(
        self, app: Litestar, metrics: Metrics, *, log_requests: LogRequests, tracing: Tracing | None = None
    ) -> None:
        self._app: ASGIApp = app
        self._metrics = metrics
        self._log_from = {"all": 0, "refused": _REFUSED_FROM, "off": 1000}[log_requests]
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass the lifespan on."""
        if scope["type"] == ScopeType.HTTP:
            await self._observe(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _observe(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        status = 499  # whoever asked was gone before there was an answer

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        span = self._tracing.begin(scope) if self._tracing is not None else None
        self._metrics.requests_in_flight.inc()
        try:
            await self._app(scope, receive, noting)
        finally:
            self._metrics.requests_in_flight.dec()
            self._note(scope, status, time.perf_counter() - began)
            if span is not None:
                span.end(route_of(scope), status)

    def _note(self, scope: HTTPScope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = route_of(scope)
        self._metrics.requests.labels(method, route, status).inc()
        self._metrics.request_seconds.labels(method, route).observe(seconds)
        if status >= self._log_from:
            state = scope.get("state", {})
            principal = state.get("principal")
            _log.info(
                "request",
                method=method,
                route=route,
                status=status,
                milliseconds=round(seconds * 1000, 2),
                request_id=state.get("request_id"),
                key_id=getattr(principal, "key_id", None),
            )


def route_of(scope: HTTPScope) -> str:
    """The template of the route that was found, never the path."""
    return scope.get("path_template") or UNMATCHED
