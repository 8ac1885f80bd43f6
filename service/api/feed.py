"""`GET /v1/events` and `/v1/events/stream`: hear of everything, in order, from any position on.

Polling and streaming tell the same CloudEvents. Positions are the log's own, so a subscriber that keeps the
last one it has dealt with misses nothing, however long it was away.
"""

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from litestar import Response
from litestar.response import Stream

from service.api.bodies import NDJSON, ApiRequest, respond
from service.api.callers.principal import RESOLVE, Principal, require_scope, require_source
from service.api.reading import get
from service.api.services import LedgerServices, Services, ledger_of
from service.core.errors import InputError
from service.ledger.delivering.cloud_events import Filter, Heard
from service.ledger.delivering.telling import View

SSE: Final = "text/event-stream"
LIMIT_DEFAULT, LIMIT_MAX = 100, 1_000
WAIT_SECONDS_MAX = 30
RETRY_MILLISECONDS = 3_000

_QUERY: Final = frozenset(
    {"after", "types", "senders", "categories", "channels", "limit", "wait", "address", "source"}
)
_ENCODER = msgspec.json.Encoder()
_NAMES_MAX = 100
SOURCE_MAX = 200


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What one caller wants to hear, from where on, and what of people it may and wants to see."""

    ledger: LedgerServices
    after: int
    wanted: Filter
    view: View

    async def told(self, events: Sequence[Heard]) -> list[dict[str, Any]]:
        """These events as this subscriber may see them."""
        return await self.ledger.telling.told(events, self.view)


@get("/v1/events", opt={"scope": "event:read"})
async def poll_events(request: ApiRequest) -> Response[bytes]:
    """Events above `after`, oldest first. With `wait` it waits that many seconds for one."""
    subscriber = await _subscriber(request, request.query_params.get("after", "0"))
    limit = _integer(request, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX)
    wait = _integer(request, "wait", 0, 0, WAIT_SECONDS_MAX)
    feed = subscriber.ledger.feed
    page = await feed.read(subscriber.after, subscriber.wanted, limit=limit)
    services: Services = request.app.state.services
    deadline = services.clock() + wait
    while not page.events and page.caught_up and not services.draining:
        left = deadline - services.clock()
        if left <= 0:
            break
        await feed.wait(page.scanned, left)
        page = await feed.read(page.scanned, subscriber.wanted, limit=limit)
    return respond(
        {"items": await subscriber.told(page.events), "next": page.scanned, "caught_up": page.caught_up}
    )


@get("/v1/events/stream", opt={"scope": "event:read", "produces": (SSE, NDJSON)})
async def stream_events(request: ApiRequest) -> Stream:
    """The same without end: server-sent events, or lines of JSON with `Accept: application/x-ndjson`.

    Goes on after `Last-Event-ID`. Ends after some minutes, and when the service stops: connect again.
    """
    services: Services = request.app.state.services
    start = str(request.headers.get("last-event-id") or request.query_params.get("after", "0"))
    subscriber = await _subscriber(request, start)
    # A position of another log is refused now, with a status, and not in the middle of a stream.
    await subscriber.ledger.feed.read(subscriber.after, subscriber.wanted, limit=1)
    as_lines = NDJSON in request.headers.get("accept", "")
    write = _lines if as_lines else _messages
    principal: Principal = request.state.principal
    return Stream(
        services.streams.counted(principal.key_id, write(subscriber, services)),
        media_type=NDJSON if as_lines else SSE,
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _messages(subscriber: Subscriber, services: Services) -> AsyncIterator[bytes]:
    """Server-sent events: `id` is the position, `event` the type. Silence is filled with the position."""
    yield b"retry: %d\n\n" % RETRY_MILLISECONDS
    async for events, scanned in _batches(subscriber, services):
        if not events:
            # An id without data moves the client's Last-Event-ID on and dispatches nothing.
            yield b": still here\nid: %d\n\n" % scanned
        for event in events:
            position = event["data"]["position"]
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (
                position,
                event["type"].encode(),
                _ENCODER.encode(event),
            )


async def _lines(subscriber: Subscriber, services: Services) -> AsyncIterator[bytes]:
    """A CloudEvent a line; an empty line now and then shows that the stream lives."""
    async for events, _ in _batches(subscriber, services):
        yield _ENCODER.encode_lines(events) if events else b"\n"


async def _batches(
    subscriber: Subscriber, services: Services
) -> AsyncIterator[tuple[list[dict[str, Any]], int]]:
    """What there is, as it comes; nothing, with the position reached, when there was nothing for a while."""
    feed, position = subscriber.ledger.feed, subscriber.after
    limits = services.streams
    ends = services.clock() + limits.seconds * random.uniform(0.9, 1.1)  # noqa: S311 - spreads reconnections
    while not services.draining and services.clock() < ends:
        page = await feed.read(position, subscriber.wanted, limit=LIMIT_DEFAULT)
        position = page.scanned
        if page.events:
            yield await subscriber.told(page.events), position
        elif page.caught_up:
            before = services.clock()
            await feed.wait(position, limits.heartbeat_seconds)
            if services.clock() - before >= limits.heartbeat_seconds:
                yield [], position


async def _subscriber(request: ApiRequest, after: str) -> Subscriber:
    services: Services = request.app.state.services
    principal: Principal = request.state.principal
    ledger = ledger_of(services, principal)
    unknown = set(request.query_params) - _QUERY
    if unknown:
        raise InputError("no such parameter", pointer="/query", code="unknown_field")
    for name in request.query_params:
        # Two readers of one URL could each take another of the two (ASVS 15.3.7).
        if len(request.query_params.getall(name)) > 1:
            raise InputError("this parameter is given once", pointer=f"/query/{name}", code="value")
    view = View(_flag(request, "address"), _source(request))
    if view.with_address:
        require_scope(principal, RESOLVE)
    if view.source is not None:
        require_source(principal, view.source)
    wanted = Filter(
        types=_names(request, "types"),
        senders=_names(request, "senders"),
        categories=_names(request, "categories"),
        channels=_names(request, "channels"),
    )
    position = await ledger.feed.latest() if after == "now" else _number(after, "after")
    return Subscriber(ledger, position, wanted, view)


def _names(request: ApiRequest, name: str) -> frozenset[str]:
    names = [part for part in request.query_params.get(name, "").split(",") if part]
    if len(names) > _NAMES_MAX:
        raise InputError(f"at most {_NAMES_MAX} names", pointer=f"/query/{name}", code="too_many")
    return frozenset(names)


def _source(request: ApiRequest) -> str | None:
    source: str | None = request.query_params.get("source")
    if source is not None and not 1 <= len(source) <= SOURCE_MAX:
        raise InputError(f"1 to {SOURCE_MAX} characters", pointer="/query/source", code="value")
    return source


def _flag(request: ApiRequest, name: str) -> bool:
    value = request.query_params.get(name, "false")
    if value not in ("true", "false"):
        raise InputError("true or false", pointer=f"/query/{name}", code="value")
    return bool(value == "true")


def _integer(request: ApiRequest, name: str, default: int, low: int, high: int) -> int:
    value = _number(request.query_params.get(name, str(default)), name)
    if not low <= value <= high:
        raise InputError(f"{low} to {high}", pointer=f"/query/{name}", code="value")
    return value


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 18:  # noqa: PLR2004 - digits of 2**63
        raise InputError("a position is a whole number from 0 on", pointer=f"/query/{name}", code="value")
    return int(text)
