"""`POST /v1/events` and its batch: what happened, recorded once, durable when answered."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import Response, post

from service.api.access import Principal, require_scope
from service.api.bodies import (
    JSON,
    NDJSON,
    ApiRequest,
    lines,
    media_type,
    read_json,
    require_media_type,
    respond,
)
from service.api.duplex import Duplex
from service.api.problems import ApiError, problem_of
from service.api.services import asked_by
from service.api.times import rfc3339
from service.core.canonical import parse_strict
from service.core.errors import FormatError, InputError, LedgerError
from service.core.events import SubmittedEvent, parse_event
from service.ledger.intake import Intake
from service.ledger.sequence import Receipt

ITEMS_MAX = 1_000
# Groups of an NDJSON stream that may be under way at once: while one waits for its COMMIT the next is read.
_GROUPS_MAX = 8
_GROUP_LINES = 256

_ENCODER = msgspec.json.Encoder()

# A no must never fail for want of a scope: any live key may pass one on.
REFUSALS = frozenset(
    {"consent_withdrawn", "objection", "objection_attempted", "consent_refused", "erasure_requested"}
)


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


def _permitted(event: SubmittedEvent, principal: Principal) -> SubmittedEvent:
    if "record:write" not in principal.scopes and event.__struct_config__.tag not in REFUSALS:
        require_scope(principal, "record:write")
    return event


@post("/v1/events", status_code=201, opt={"scope": None, "direct": True})
async def record_event(request: ApiRequest) -> Response[bytes]:
    """Record one event. 201 when it is new, 200 when the same event was recorded before."""
    ledger, principal = asked_by(request)
    event = _permitted(parse_event(await read_json(request)), principal)
    receipt = await ledger.intake.record(event)
    return respond(receipt_body(receipt), 200 if receipt.replayed else 201)


# Lines have no end that could be limited; `read_json` limits the other form itself.
@post("/v1/events/batch", status_code=207, opt={"scope": None}, request_max_body_size=None)
async def record_events(request: ApiRequest) -> Response[bytes]:
    """Record many: a JSON list of up to 1,000, or lines without end, each answered on its own, in order."""
    ledger, principal = asked_by(request)
    require_media_type(request, JSON, NDJSON)
    if media_type(request) == NDJSON:
        return Duplex(_stream(request, ledger.intake, principal), media_type=NDJSON)
    body = await read_json(request)
    if not isinstance(body, dict) or body.keys() != {"events"} or not isinstance(body["events"], list):
        raise InputError("the body is an object with a list named events", pointer="/events", code="type")
    if not 1 <= len(body["events"]) <= ITEMS_MAX:
        raise ApiError(413, "too-many-items", f"A batch has 1 to {ITEMS_MAX} events; send more as NDJSON")
    events = [_read(item, principal) for item in body["events"]]
    outcomes = await _record(ledger.intake, events)
    return respond({"items": outcomes}, 207)


def _read(item: object, principal: Principal) -> SubmittedEvent | Exception:
    try:
        return _permitted(parse_event(item), principal)
    except (InputError, ApiError) as refusal:
        return refusal


def _read_line(line: bytes, principal: Principal) -> SubmittedEvent | Exception:
    try:
        return _read(parse_strict(line), principal)
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


async def _stream(request: ApiRequest, intake: Intake, principal: Principal) -> AsyncIterator[bytes]:
    """One line out for each line in, in order; a summary last. What was answered is durable."""
    counts = {"recorded": 0, "replayed": 0, "refused": 0}
    under_way: list[asyncio.Task[list[dict[str, Any]]]] = []
    try:
        async for group in _groups(request):
            events = [_read_line(line, principal) for line in group]
            under_way.append(await _submit(intake, events))
            if len(under_way) >= _GROUPS_MAX:
                yield _written(await under_way.pop(0), counts)
        while under_way:
            yield _written(await under_way.pop(0), counts)
    except ApiError as refusal:
        while under_way:
            yield _written(await under_way.pop(0), counts)
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
