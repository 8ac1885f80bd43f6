"""`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a retry gets the answer of the first time.

400 for a key that is none, 409 while the first request is under way, 422 for a key that belongs to another
request; a replay carries `Idempotency-Replayed: true`. The key counts within one credential, method and path.
"""

import re
from collections.abc import Iterable
from typing import cast

import msgspec
import structlog
from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Message, Receive, Scope, Send

from service.api.callers.principal import Principal
from service.api.problems import ApiError
from service.api.services import Services, ledger_of
from service.core.errors import UnavailableError
from service.ledger.kept_answers import Claimed, InFlight, Kept, KeptAnswers, Reused

IDEMPOTENCY_KEY = b"idempotency-key"
REPLAYED = (b"idempotency-replayed", b"true")

_NDJSON = b"application/x-ndjson"
# An RFC 8941 string, or the same characters bare, as many clients send them.
_KEY = re.compile(rb'"(?P<quoted>[ !#-\[\]-~]{1,255})"|(?P<bare>[!#-\[\]-~]{1,255})')
_KEPT_HEADERS = frozenset({b"content-type", b"etag", b"location", b"cache-control"})

_log = structlog.get_logger(__name__)


class KeptResponse(msgspec.Struct, array_like=True):
    """An answer as it is kept."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


async def answered_once(scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
    """Do what the route does, unless this very request was done before: then answer what was answered."""
    scope = cast("HTTPScope", scope)
    headers = dict(scope["headers"])
    key = _read_key(headers)
    kept = _kept_answers(scope)
    body = await _read_body(scope, receive)
    begun = await kept.begin(key, _place(scope, headers), body)
    match begun:
        case Kept():
            await _replay(msgspec.msgpack.decode(begun.answer, type=KeptResponse), send)
        case InFlight():
            raise ApiError(
                409,
                "idempotency-in-flight",
                "A request with this Idempotency-Key is under way",
                headers={"retry-after": "1"},
            )
        case Reused():
            raise ApiError(
                422, "idempotency-key-reused", "This Idempotency-Key belongs to a request with another body"
            )
        case Claimed():
            await _do(kept, begun, (scope, _again(body, receive), send), next_app)


async def _do(
    kept: KeptAnswers, claimed: Claimed, request: tuple[Scope, Receive, Send], next_app: ASGIApp
) -> None:
    scope, receive, send = request
    messages: list[Message] = []

    async def hold(message: Message) -> None:
        messages.append(message)

    response = KeptResponse(500, [], b"")
    try:
        await next_app(scope, receive, hold)
        response = _response(messages)
    finally:
        await _settle(kept, claimed, response)
    for message in messages:
        await send(message)


async def _settle(kept: KeptAnswers, claimed: Claimed, response: KeptResponse) -> None:
    try:
        if response.status < 300:  # noqa: PLR2004 - only what did something is kept
            await kept.keep(claimed, msgspec.msgpack.encode(response))
        else:
            await kept.give_up(claimed)
    except UnavailableError:
        # What was done is done and has an id of its own: the caller gets its answer, a retry does no harm.
        _log.warning("answer_not_kept", status=response.status)


def _read_key(headers: dict[bytes, bytes]) -> bytes:
    found = _KEY.fullmatch(headers[IDEMPOTENCY_KEY])
    if found is None:
        raise ApiError(
            400,
            "idempotency-key-invalid",
            "The Idempotency-Key is not one",
            'it is 1 to 255 visible ASCII characters, best in quotation marks: "8e03978e-40d5"',
        )
    if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() == _NDJSON:
        raise ApiError(
            400,
            "idempotency-key-not-for-streams",
            "A stream has no Idempotency-Key",
            "each of its lines has a source_event_id, which does the same for ever",
        )
    return found["quoted"] or found["bare"]


def _kept_answers(scope: Scope) -> KeptAnswers:
    services: Services = scope["litestar_app"].state.services
    return ledger_of(services, scope["state"]["principal"]).kept_answers


def _place(scope: HTTPScope, headers: dict[bytes, bytes]) -> bytes:
    principal: Principal = scope["state"]["principal"]
    parts = (
        principal.key_id.encode(),
        scope["method"].encode(),
        scope["path"].encode(),
        scope["query_string"],
        headers.get(b"content-type", b""),
    )
    return b"\0".join(parts)


async def _read_body(scope: HTTPScope, receive: Receive) -> bytes:
    limit = scope["route_handler"].resolve_request_max_body_size()  # type: ignore[union-attr]  # an HTTP route
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ApiError(400, "malformed-request", "The request cannot be understood", "it was cut off")
        body += message["body"]
        more = message.get("more_body", False)
        if limit is not None and len(body) > limit:
            raise ApiError(413, "content-too-large", "The body is larger than is read here")
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read, once."""
    unread = [body]

    async def receive_again() -> HTTPReceiveMessage:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return cast("HTTPReceiveMessage", await receive())

    return receive_again


def _response(messages: Iterable[Message]) -> KeptResponse:
    response = KeptResponse(500, [], b"")
    for message in messages:
        if message["type"] == "http.response.start":
            response.status = message["status"]
            response.headers = [pair for pair in message["headers"] if pair[0].lower() in _KEPT_HEADERS]
        elif message["type"] == "http.response.body":
            response.body += message["body"]
    return response


async def _replay(response: KeptResponse, send: Send) -> None:
    length = (b"content-length", str(len(response.body)).encode())
    start = {
        "type": "http.response.start",
        "status": response.status,
        "headers": [*response.headers, length, REPLAYED],
    }
    await send(cast("Message", start))
    await send(cast("Message", {"type": "http.response.body", "body": response.body, "more_body": False}))
