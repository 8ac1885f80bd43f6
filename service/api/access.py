"""Who is calling, in one ASGI middleware: request id, credential, scope, quota, and answers kept by key."""

from collections.abc import Mapping
from typing import cast

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.api.callers.principal import (
    DEFAULT_QUOTA,
    PUBLIC,
    READS,
    SCOPES,
    WRITES,
    InsufficientScopeError,
    KeyRing,
    Principal,
    Quota,
    UnauthenticatedError,
    require_scope,
)
from service.api.callers.quotas import Allowance, Quotas
from service.api.idempotency import IDEMPOTENCY_KEY, answered_once
from service.api.problems import ApiError
from service.api.problems import request_id as new_request_id

__all__ = [
    "DEFAULT_QUOTA",
    "PUBLIC",
    "READS",
    "SCOPES",
    "WRITES",
    "Access",
    "Allowance",
    "InsufficientScopeError",
    "KeyRing",
    "Principal",
    "Quota",
    "Quotas",
    "UnauthenticatedError",
    "require_scope",
]


class Access(ASGIMiddleware):
    """Gives every request an id and refuses what the route's `scope` and the caller's quota do not allow.

    A route says in its `opt`: `scope` (a scope, `PUBLIC`, or None: any live credential will do), `effect`
    (`READS` or `WRITES`), and `unlimited` where it looks at the quota itself, because what it is asked to
    record may be a no, which no quota may stop.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, keys: KeyRing, quotas: Quotas) -> None:
        self._keys = keys
        self._quotas = quotas

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Authenticate, then pass on with the principal and its allowance in the request's state."""
        headers = dict(scope["headers"])
        state = scope.setdefault("state", {})
        state["request_id"] = new_request_id(headers.get(b"x-request-id", b""))
        request_id = state["request_id"].encode()

        async def send_with_id(message: Message) -> None:
            # What has an id already was written by the problems, with everything that belongs to it.
            if message["type"] == "http.response.start" and b"x-request-id" not in dict(message["headers"]):
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id),
                    *_quota_headers(state),
                ]
            await send(message)

        route = cast("Mapping[str, object]", scope["route_handler"].opt)
        if route.get("scope") != PUBLIC:
            if "\x00" in scope["path"] or "\ufffd" in scope["path"]:
                raise ApiError(400, "malformed-request", "the path holds what is no character")
            # Known before it is judged: the log of a refusal names the key that asked.
            principal = state["principal"] = await self._authenticated(headers)
            require_scope(principal, cast("str | None", route.get("scope")))
            allowance = state["allowance"] = self._quotas.allow_request(principal)
            if "unlimited" not in route:
                allowance.require()
            if IDEMPOTENCY_KEY in headers and route.get("effect") == WRITES:
                await answered_once(scope, receive, send_with_id, next_app)
                return
        await next_app(scope, receive, send_with_id)

    async def _authenticated(self, headers: dict[bytes, bytes]) -> Principal:
        header = headers.get(b"authorization", b"").decode("latin-1")
        principal = await self._keys.authenticate(header)
        if principal is None:
            raise UnauthenticatedError(presented=header != "")
        return principal


def _quota_headers(state: Mapping[str, object]) -> list[tuple[bytes, bytes]]:
    allowance = state.get("allowance")
    if not isinstance(allowance, Allowance):
        return []
    return allowance.raw_headers()
