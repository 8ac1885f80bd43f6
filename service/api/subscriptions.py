"""`/v1/subscriptions…`: webhooks begun, looked at, paused, resumed, replayed, ended."""

from datetime import datetime
from typing import Annotated, Literal, TypeVar

import msgspec
from litestar import Response, delete, post
from litestar.params import FromPath
from msgspec import Meta

from service.api.bodies import ApiRequest, convert, read_json, respond
from service.api.callers.principal import RESOLVE, WRITES, Principal, require_scope, require_source
from service.api.reading import get
from service.api.services import LedgerServices, Services, ledger_of
from service.api.times import milliseconds_of, rfc3339
from service.ledger.delivering.cloud_events import Filter
from service.ledger.delivering.signatures import OVERLAP_DEFAULT_S, OVERLAP_MAX_S
from service.ledger.delivering.sinks import URL_MAX
from service.ledger.delivering.subscriptions import Definition, Span, Subscription

SCOPE = "subscription:manage"
_BEYOND = 2**62

Position = Annotated[int, Meta(ge=0, lt=_BEYOND)]
Zoned = Annotated[datetime, Meta(tz=True)]
Names = Annotated[list[Annotated[str, Meta(min_length=1, max_length=100)]], Meta(max_length=100)]
T = TypeVar("T")


class SubscriptionBody(msgspec.Struct, forbid_unknown_fields=True):
    """A subscription to begin. An empty filter: everything. `after`: a position; left out, from now on.

    `source`: whose own ids for people are told (`external_id`).
    """

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    url: Annotated[str, Meta(min_length=1, max_length=URL_MAX)]
    types: Names = []
    senders: Names = []
    categories: Names = []
    channels: Names = []
    address: bool = False
    source: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    after: Position | None = None


class RotationBody(msgspec.Struct, forbid_unknown_fields=True):
    """How long the secret before signs on beside the new one; `force` while an earlier overlap is open."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=OVERLAP_MAX_S)] = OVERLAP_DEFAULT_S
    force: bool = False


class ReplayBody(msgspec.Struct, forbid_unknown_fields=True):
    """What to send again: all that pass the filter, or those only that were given up.

    It begins at a position or at a recorded time, and ends at one, or with the newest event.
    """

    first_position: Position | None = None
    last_position: Position | None = None
    from_time: Zoned | None = None
    until_time: Zoned | None = None
    only: Literal["all", "dead"] = "all"


class UrlBody(msgspec.Struct, forbid_unknown_fields=True):
    """Where to send from now on."""

    url: Annotated[str, Meta(min_length=1, max_length=URL_MAX)]


class NothingBody(msgspec.Struct, forbid_unknown_fields=True):
    """A command that needs no particulars."""


class SubscriptionView(msgspec.Struct):
    """A subscription as it stands. `backlog`: what waits, and entries of the log not looked at yet."""

    id: str
    name: str
    url: str
    types: list[str]
    senders: list[str]
    categories: list[str]
    channels: list[str]
    address: bool
    source: str | None
    status: str
    reason: str | None
    created_at: str
    disabled_at: str | None
    cursor: int
    backlog: int
    waiting: int
    dead: int
    oldest_undelivered_at: str | None
    last_success_at: str | None
    last_failure_at: str | None
    consecutive_failures: int
    paused_until: str | None
    replaying: bool
    secret: str | msgspec.UnsetType = msgspec.UNSET


class SecretView(msgspec.Struct):
    """A secret, shown this once."""

    secret: str


class TestView(msgspec.Struct):
    """The id of the test event: its `webhook-id`."""

    event_id: str


class ReplayView(msgspec.Struct):
    """How many deliveries are sent again; null while that is not known."""

    deliveries: int | None


def view(found: Subscription, head: int) -> SubscriptionView:
    """A subscription as it is shown; `head`: the log's newest position."""
    endpoint, wanted = found.endpoint, found.wanted
    waits = found.status == "enabled" and endpoint.failures and endpoint.open_until_ms
    return SubscriptionView(
        id=found.subscription_id,
        name=found.name,
        url=found.url,
        types=sorted(wanted.types),
        senders=sorted(wanted.senders),
        categories=sorted(wanted.categories),
        channels=sorted(wanted.channels),
        address=found.with_address,
        source=found.source,
        status=found.status,
        reason=found.reason,
        created_at=rfc3339(found.created_at_ms),
        disabled_at=_time(found.disabled_at_ms),
        cursor=found.cursor,
        backlog=found.waiting + max(head - found.cursor, 0),
        waiting=found.waiting,
        dead=found.dead,
        oldest_undelivered_at=_time(found.oldest_waiting_ms),
        last_success_at=_time(endpoint.last_success_ms),
        last_failure_at=_time(endpoint.last_failure_ms),
        consecutive_failures=endpoint.failures,
        paused_until=_time(endpoint.open_until_ms) if waits else None,
        replaying=found.replay_cursor is not None,
    )


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds_of(moment)


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else rfc3339(milliseconds)


def _own(request: ApiRequest) -> LedgerServices:
    services: Services = request.app.state.services
    principal: Principal = request.state.principal
    return ledger_of(services, principal)


async def _body(request: ApiRequest, kind: type[T]) -> T:
    """The body; one that is left out is one without fields."""
    if not request.headers.get("content-type") and not await request.body():
        return convert({}, kind)
    return convert(await read_json(request), kind)


async def _shown(ledger: LedgerServices, found: Subscription, status: int = 200) -> Response[bytes]:
    return respond(view(found, await ledger.subscriptions.head()), status)


@post("/v1/subscriptions", status_code=201, opt={"scope": SCOPE, "effect": WRITES})
async def create_subscription(request: ApiRequest) -> Response[bytes]:
    """Begin a subscription; it is pending until its endpoint answers a signed verification event with 2xx."""
    body = convert(await read_json(request), SubscriptionBody)
    if body.address:
        # Whoever lets others be told addresses must be allowed to see them.
        require_scope(request.state.principal, RESOLVE)
    if body.source is not None:
        require_source(request.state.principal, body.source)
    wanted = Filter(*map(frozenset, (body.types, body.senders, body.categories, body.channels)))
    ledger = _own(request)
    found, secret = await ledger.subscriptions.create(
        Definition(body.name, body.url, wanted, body.address, body.after, body.source)
    )
    shown = view(found, await ledger.subscriptions.head())
    shown.secret = secret
    return respond(shown, 201, headers={"location": f"/v1/subscriptions/{found.subscription_id}"})


@get("/v1/subscriptions", opt={"scope": SCOPE})
async def list_subscriptions(request: ApiRequest) -> Response[bytes]:
    """All subscriptions, oldest first."""
    ledger = _own(request)
    head = await ledger.subscriptions.head()
    return respond({"items": [view(found, head) for found in await ledger.subscriptions.list()]})


@get("/v1/subscriptions/{subscription_id:str}", opt={"scope": SCOPE})
async def read_subscription(request: ApiRequest, subscription_id: FromPath[str]) -> Response[bytes]:
    """One subscription: how far it is behind and how its endpoint has been answering."""
    ledger = _own(request)
    return await _shown(ledger, await ledger.subscriptions.read(subscription_id))


@delete("/v1/subscriptions/{subscription_id:str}", status_code=204, opt={"scope": SCOPE, "effect": WRITES})
async def delete_subscription(request: ApiRequest, subscription_id: FromPath[str]) -> None:
    """End it, with everything that is on its way."""
    await _own(request).subscriptions.delete(subscription_id)


@post(
    "/v1/subscriptions/{subscription_id:str}/pause", status_code=200, opt={"scope": SCOPE, "effect": WRITES}
)
async def pause_subscription(request: ApiRequest, subscription_id: FromPath[str]) -> Response[bytes]:
    """Stop deliveries; what happens meanwhile waits."""
    await _body(request, NothingBody)
    ledger = _own(request)
    return await _shown(ledger, await ledger.subscriptions.pause(subscription_id))


@post(
    "/v1/subscriptions/{subscription_id:str}/enable", status_code=200, opt={"scope": SCOPE, "effect": WRITES}
)
async def enable_subscription(request: ApiRequest, subscription_id: FromPath[str]) -> Response[bytes]:
    """Resume where it stopped; a pending one is asked to verify once more."""
    await _body(request, NothingBody)
    ledger = _own(request)
    return await _shown(ledger, await ledger.subscriptions.enable(subscription_id))


@post("/v1/subscriptions/{subscription_id:str}/url", status_code=200, opt={"scope": SCOPE, "effect": WRITES})
async def move_subscription(request: ApiRequest, subscription_id: FromPath[str]) -> Response[bytes]:
    """Send elsewhere: pending until the new URL answers a verification, then on from where it stopped."""
    ledger = _own(request)
    await ledger.subscriptions.read(subscription_id)
    body = convert(await read_json(request), UrlBody)
    return await _shown(ledger, await ledger.subscriptions.move(subscription_id, body.url))


@post(
    "/v1/subscriptions/{subscription_id:str}/secret", status_code=200, opt={"scope": SCOPE, "effect": WRITES}
)
async def rotate_secret(request: ApiRequest, subscription_id: FromPath[str]) -> Response[bytes]:
    """A new secret, shown this once; the one before signs on beside it for the overlap."""
    body = await _body(request, RotationBody)
    secret = await _own(request).subscriptions.rotate(subscription_id, body.overlap_seconds, force=body.force)
    return respond(SecretView(secret))


@post("/v1/subscriptions/{subscription_id:str}/test", status_code=202, opt={"scope": SCOPE, "effect": WRITES})
async def send_test(request: ApiRequest, subscription_id: FromPath[str]) -> Response[bytes]:
    """Send a test event, once; look at its attempt in the lane `control`."""
    await _body(request, NothingBody)
    return respond(TestView(await _own(request).subscriptions.test(subscription_id)), 202)


@post(
    "/v1/subscriptions/{subscription_id:str}/replays", status_code=202, opt={"scope": SCOPE, "effect": WRITES}
)
async def replay_range(request: ApiRequest, subscription_id: FromPath[str]) -> Response[bytes]:
    """Send a range of positions or times again, on a lane of its own, at most twenty a second."""
    subscriptions = _own(request).subscriptions
    await subscriptions.read(subscription_id)  # one that is not there is a 404, whatever was sent
    body = convert(await read_json(request), ReplayBody)
    times = (_milliseconds(body.from_time), _milliseconds(body.until_time))
    span = Span(body.first_position, body.last_position, *times)
    count = await subscriptions.replay(subscription_id, span, only_dead=body.only == "dead")
    return respond(ReplayView(count), 202)
