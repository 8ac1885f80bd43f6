"""`POST /v1/events` and its batch: what happened, recorded once, durable when answered."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import msgspec
from litestar import Response, post

from service.api.bodies import (
    JSON,
    NDJSON,
    ApiRequest,
    lines,
    media_type,
    read_batch,
    read_json,
    require_media_type,
    respond,
)
from service.api.callers.principal import WRITES, Principal, require_scope
from service.api.callers.quotas import Allowance
from service.api.duplex import Duplex, pipelined
from service.api.limits import ITEMS_MAX, JSON_DEPTH_MAX
from service.api.problems import ApiError, problem_of
from service.api.services import asked_by
from service.api.times import rfc3339
from service.core.canonical import parse_strict
from service.core.errors import FormatError, InputError, LedgerError
from service.core.events import SubmittedEvent, parse_event
from service.ledger.appending.epoch import Receipt
from service.ledger.appending.intake import Intake

# Groups of an NDJSON stream that may be under way at once: while one waits for its COMMIT the next is read.
_GROUPS_MAX = 8
_GROUP_LINES = 256

_ENCODER = msgspec.json.Encoder()

# A no must never fail for want of a scope: any live key may pass one on.
REFUSALS = frozenset(
    {"consent_withdrawn", "objection", "objection_attempted", "consent_refused", "erasure_requested"}
)


Permit = Callable[[SubmittedEvent], SubmittedEvent]
"""Raises what a caller may not record, or not now."""


class ReceiptBody(msgspec.Struct):
    """Where the event stands. Everything up to `position` is covered by `checkpoint`."""

    index: int
    recorded_at: str
    leaf_hash: str
    position: int
    checkpoint: str
    replayed: bool = False


def receipt_body(receipt: Receipt) -> ReceiptBody:
    """A receipt as callers see it."""
    return ReceiptBody(
        index=receipt.index,
        recorded_at=rfc3339(receipt.recorded_at_ms),
        leaf_hash=receipt.leaf_hash.hex(),
        position=receipt.position,
        checkpoint=receipt.checkpoint.decode(),
        replayed=receipt.replayed,
    )


def is_refusal(event: SubmittedEvent) -> bool:
    """Whether the event is a no: no missing scope, no quota and no overload may stop it."""
    return event.__struct_config__.tag in REFUSALS


def _permitted(event: SubmittedEvent, principal: Principal, allowance: Allowance) -> SubmittedEvent:
    if not is_refusal(event):
        require_scope(principal, "record:write")
        allowance.require()
    return event


def _require_room(events: Sequence[SubmittedEvent | Exception], intake: Intake) -> None:
    """Refuse early what the queue has no room for, unless all of it is a no."""
    if intake.overloaded and not all(isinstance(event, Exception) or is_refusal(event) for event in events):
        intake.turn_away(len(events))
        raise ApiError(
            503,
            "overloaded",
            "More is waiting to be written than can be written soon",
            "nothing was recorded: try again with the same ids",
            headers={"retry-after": "2"},
        )


@post(
    "/v1/events",
    status_code=201,
    opt={"scope": None, "effect": WRITES, "unlimited": True, "direct": True},
)
async def record_event(request: ApiRequest) -> Response[bytes]:
    """Record one event. 201 when it is new, 200 when the same event was recorded before."""
    ledger, principal = asked_by(request)
    intake = ledger.intake
    event = _permitted(parse_event(await read_json(request)), principal, request.state.allowance)
    _require_room([event], intake)
    receipt = await intake.record(event)
    if receipt.replayed:
        return respond(receipt_body(receipt), 200, {"idempotency-replayed": "true"})
    return respond(receipt_body(receipt), 201)


@post(
    "/v1/events/batch",
    status_code=207,
    opt={"scope": None, "effect": WRITES, "unlimited": True},
    request_max_body_size=None,
)
async def record_events(request: ApiRequest) -> Response[bytes]:
    """Record many: a JSON list of up to 1,000, or lines without end, each answered on its own, in order."""
    ledger, principal = asked_by(request)
    intake = ledger.intake
    permit = partial(_permitted, principal=principal, allowance=request.state.allowance)
    require_media_type(request, JSON, NDJSON)
    if media_type(request) == NDJSON:
        return Duplex(_stream(request, intake, permit), media_type=NDJSON)
    body = await read_batch(request)
    if not isinstance(body, dict) or body.keys() != {"events"} or not isinstance(body["events"], list):
        raise InputError("the body is an object with a list named events", pointer="/events", code="type")
    if not 1 <= len(body["events"]) <= ITEMS_MAX:
        raise ApiError(413, "too-many-items", f"A batch has 1 to {ITEMS_MAX} events; send more as NDJSON")
    events = [_read(item, permit) for item in body["events"]]
    _require_room(events, intake)
    outcomes = await _record(intake, events)
    return respond({"items": outcomes}, 207)


def _read(item: object, permit: Permit) -> SubmittedEvent | Exception:
    try:
        return permit(parse_event(item))
    except (InputError, ApiError) as refusal:
        return refusal


def _read_line(line: bytes, permit: Permit) -> SubmittedEvent | Exception:
    try:
        return _read(parse_strict(line, max_depth=JSON_DEPTH_MAX), permit)
    except FormatError as refusal:
        return refusal


async def _record(intake: Intake, events: list[SubmittedEvent | Exception]) -> list[dict[str, Any]]:
    return await (await _submit(intake, events))


async def _submit(
    intake: Intake, events: list[SubmittedEvent | Exception]
) -> asyncio.Task[list[dict[str, Any]]]:
    """Give the readable ones their place in the queue; the task waits for the answers."""
    readable = [event for event in events if not isinstance(event, Exception)]
    answers = await intake.submit_all(readable)

    async def answered() -> list[dict[str, Any]]:
        results = iter(await answers)
        return [_outcome(event if isinstance(event, Exception) else next(results)) for event in events]

    return asyncio.create_task(answered())


def _outcome(result: Receipt | LedgerError | Exception) -> dict[str, Any]:
    if isinstance(result, Receipt):
        return {"status": 200 if result.replayed else 201, "receipt": receipt_body(result)}
    problem = problem_of(result)
    return {"status": problem.status, "problem": problem}


async def _stream(request: ApiRequest, intake: Intake, permit: Permit) -> AsyncGenerator[bytes, None]:
    """One line out for each line in, in order; a summary last. What was answered is durable."""
    counts = {"recorded": 0, "replayed": 0, "refused": 0}

    async def begin(group: list[bytes]) -> asyncio.Task[list[dict[str, Any]]]:
        return await _submit(intake, [_read_line(line, permit) for line in group])

    try:
        async with aclosing(pipelined(_groups(request), begin, _GROUPS_MAX)) as answered:
            async for outcomes in answered:
                yield _written(outcomes, counts)
    except ApiError as refusal:
        yield _written([_outcome(refusal)], counts)
    yield _ENCODER.encode({"summary": counts}) + b"\n"


async def _groups(request: ApiRequest) -> AsyncIterator[list[bytes]]:
    async for arrived in lines(request):
        for start in range(0, len(arrived), _GROUP_LINES):
            yield arrived[start : start + _GROUP_LINES]


def _written(outcomes: list[dict[str, Any]], counts: dict[str, int]) -> bytes:
    for outcome in outcomes:
        name = {200: "replayed", 201: "recorded"}.get(outcome["status"], "refused")
        counts[name] += 1
    return _ENCODER.encode_lines(outcomes)
