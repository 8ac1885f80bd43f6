"""`/v1/subscriptions/…/deliveries`: what is on its way to an endpoint, and what came back each time."""

from collections.abc import Sequence
from typing import Any, TypeVar

from litestar import Response
from litestar.params import FromPath

from service.api.bodies import ApiRequest, respond
from service.api.reading import get
from service.api.services import ledger_of
from service.api.subscriptions import SCOPE
from service.api.times import rfc3339
from service.core.errors import InputError, NotFoundError
from service.ledger.delivering.deliveries import Lane
from service.ledger.delivering.subscriptions import AttemptRow, DeliveryRow, State, Subscriptions

LIMIT_DEFAULT, LIMIT_MAX = 50, 200
LANES: tuple[Lane, ...] = ("live", "replay", "control")
STATES: tuple[State, ...] = ("waiting", "done", "dead")
_BEYOND = 2**62

T = TypeVar("T")


def delivery_view(row: DeliveryRow) -> dict[str, Any]:
    """A delivery as it is shown."""
    return {
        "lane": row.lane,
        "position": row.position,
        "event_id": row.event_id,
        "type": row.type,
        "state": row.state,
        "attempts": row.attempts,
        "recorded_at": rfc3339(row.recorded_at_ms),
        "next_attempt_at": rfc3339(row.next_attempt_ms) if row.state == "waiting" else None,
        "ended_at": rfc3339(row.ended_at_ms) if row.ended_at_ms is not None else None,
    }


def attempt_view(row: AttemptRow) -> dict[str, Any]:
    """An attempt as it is shown, with what of the answer is text."""
    return {
        "attempt": row.attempt,
        "started_at": rfc3339(row.started_at_ms),
        "ended_at": rfc3339(row.ended_at_ms),
        "outcome": row.outcome,
        "status": row.status,
        "answer": (row.answer or b"").decode(errors="replace"),
    }


def _own(request: ApiRequest) -> Subscriptions:
    return ledger_of(request.app.state.services, request.state.principal).subscriptions


@get("/v1/subscriptions/{subscription_id:str}/deliveries", opt={"scope": SCOPE})
async def list_deliveries(request: ApiRequest, subscription_id: FromPath[str]) -> Response[bytes]:
    """Deliveries, newest first, of one lane (`live`, `replay`, `control`); go on with `before`."""
    query = request.query_params
    if set(query) - {"lane", "state", "before", "limit"}:
        raise InputError("no such parameter", pointer="/query", code="unknown_field")
    lane = _one_of(request, "lane", LANES, "live")
    state = _one_of(request, "state", STATES, None)
    limit = _number(query.get("limit", str(LIMIT_DEFAULT)), "limit")
    if not 1 <= limit <= LIMIT_MAX:
        raise InputError(f"1 to {LIMIT_MAX}", pointer="/query/limit", code="value")
    before = _number(query.get("before", str(_BEYOND)), "before")
    rows = await _own(request).deliveries(subscription_id, lane, before, state, limit)
    following = rows[-1].position if len(rows) == limit else None
    return respond({"items": [delivery_view(row) for row in rows], "next": following})


@get(
    "/v1/subscriptions/{subscription_id:str}/deliveries/{lane:str}/{position:str}/attempts",
    opt={"scope": SCOPE},
)
async def list_attempts(
    request: ApiRequest, subscription_id: FromPath[str], lane: FromPath[str], position: FromPath[str]
) -> Response[bytes]:
    """The attempts at one delivery: when, how they ended, and the first KiB of each answer."""
    known: list[Lane] = [one for one in LANES if one == lane]
    if not known or not _is_number(position):
        raise NotFoundError("there is no such delivery")
    rows = await _own(request).attempts(subscription_id, known[0], int(position))
    return respond({"items": [attempt_view(row) for row in rows]})


def _one_of(request: ApiRequest, name: str, allowed: Sequence[T], default: T) -> T:
    value = request.query_params.get(name)
    if value is None:
        return default
    for one in allowed:
        if one == value:
            return one
    raise InputError(f"one of {', '.join(map(str, allowed))}", pointer=f"/query/{name}", code="value")


def _number(text: str, name: str) -> int:
    if not _is_number(text):
        raise InputError("a whole number from 0 on", pointer=f"/query/{name}", code="value")
    return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text[:20]) <= _BEYOND and len(text) <= 19  # noqa: PLR2004 - digits of 2**62
