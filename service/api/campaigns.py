"""`POST /v1/checks/batch`: a whole campaign, as a list of up to 1,000 or as lines without end, both ways.

Lines in, lines out, in order. Every line is answered in its place, also one that cannot be read; the last
line is a summary. Nothing is held but a few groups of lines, so memory does not grow with the campaign: a
caller who does not read is not read from either.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, post
from litestar.exceptions import HTTPException
from msgspec import UNSET, Meta, UnsetType

from service.api.bodies import (
    JSON,
    NDJSON,
    ApiRequest,
    convert,
    lines,
    read_batch,
    require_media_type,
    respond,
)
from service.api.callers.principal import READS, Principal
from service.api.callers.quotas import Allowance
from service.api.campaign_lines import Header, group_of, item_of, read_header
from service.api.checks import DETAIL
from service.api.duplex import Duplex, pipelined
from service.api.events import ReceiptBody, receipt_body
from service.api.problems import ApiError, Problem, problem_of
from service.api.services import LedgerServices, Services, ledger_of
from service.api.unsubscribe.links import header_writer
from service.core.errors import InputError, LedgerError
from service.ledger.campaigns.answers import Prepared
from service.ledger.campaigns.lines import Group
from service.ledger.campaigns.running import GROUP_LINES_MAX, Campaign, Summary

ITEMS_MAX: Final = 1_000
# Groups under way at once: while one is read from the database, the one before it is answered.
_GROUPS_MAX: Final = 3
_ENCODER: Final = msgspec.json.Encoder()


class BatchBody(msgspec.Struct, forbid_unknown_fields=True):
    """A campaign as one JSON object: what all checks have in common, and the checks."""

    checks: list[Any]
    defaults: Annotated[
        dict[str, Any], Meta(description="fields of a question, min_position, and unsubscribe")
    ] = msgspec.field(default_factory=dict)


class CampaignSummary(msgspec.Struct, omit_defaults=True):
    """What became of a campaign.

    `root` (hex) commits to the `count` answers; `receipt` is that of the event that holds it, `token` the
    signature over it. `complete` is false where the stream broke off. `problem`: it could not be recorded.
    """

    campaign: str
    count: int
    allowed: int
    denied: int
    refused: int
    complete: bool
    root: str | UnsetType = UNSET
    from_position: int | UnsetType = UNSET
    to_position: int | UnsetType = UNSET
    receipt: ReceiptBody | UnsetType = UNSET
    token: str | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class RefusedLine(msgspec.Struct, omit_defaults=True):
    """A line that could not be answered: do not send."""

    line: int
    status: int
    problem: Problem
    id: str | None = None


class BatchAnswer(msgspec.Struct):
    """What became of a list: for each check its answer or `RefusedLine`, in order, and the campaign."""

    items: list[dict[str, Any]]
    summary: CampaignSummary


def refused_line(number: int, name: str | None, refusal: Exception) -> bytes:
    """What stands in the place of a line that was refused."""
    problem = problem_of(refusal)
    return _ENCODER.encode(RefusedLine(number, problem.status, problem, name)) + b"\n"


@post(
    "/v1/checks/batch",
    status_code=207,
    opt={"scope": "check:read", "effect": READS, "produces": (JSON, NDJSON)},
    request_max_body_size=None,
)
async def check_campaign(request: ApiRequest) -> Response[bytes]:
    """Check a campaign: a JSON list of up to 1,000, or lines without end, each answered in its place.

    Answers come under one root, which one event of the ledger and one token sign; `/v1/proofs` then proves
    any single one of them.
    """
    services: Services = request.app.state.services
    principal: Principal = request.state.principal
    opening = _Opening(services, ledger_of(services, principal), with_detail=DETAIL in principal.scopes)
    if require_media_type(request, JSON, NDJSON) == JSON:
        return await _check_list(request, opening)
    arriving = lines(request, GROUP_LINES_MAX)
    first: list[bytes] = await anext(arriving, [])
    if not first:
        raise InputError("a campaign has at least one line", code="missing")
    header, first = read_header(first)
    campaign = await opening.open(header)
    answers = _answers(campaign, first, arriving, request.state.allowance)
    return Duplex(_stream(campaign, answers, greeted=header.given), media_type=NDJSON)


@dataclass(frozen=True, slots=True)
class _Opening:
    """What a campaign of this caller is opened with."""

    services: Services
    ledger: LedgerServices
    with_detail: bool

    async def open(self, header: Header) -> Campaign:
        """The campaign. Raises `QuestionError`."""
        return await self.ledger.campaigns.open(
            header.defaults,
            refused_line,
            header_writer(self.services, self.ledger),
            unsubscribe=header.unsubscribe,
            min_position=header.min_position,
            with_detail=self.with_detail,
        )


async def _check_list(request: ApiRequest, opening: _Opening) -> Response[bytes]:
    body = convert(await read_batch(request), BatchBody)
    if not body.checks:
        raise InputError("a campaign has at least one check", pointer="/checks", code="missing")
    if len(body.checks) > ITEMS_MAX:
        raise ApiError(413, "too-many-items", f"A list has 1 to {ITEMS_MAX} checks; send more as NDJSON")
    campaign = await opening.open(Header.of(body.defaults, body.checks[0]))
    group = item_of(body.checks, campaign.askings)
    prepared = await campaign.prepare(group)
    _spend(request.state.allowance, prepared)
    answered = await campaign.answer(prepared)
    summary = _summary(await campaign.close(complete=True))
    items = b",".join(answered.splitlines())
    content = b'{"items":[%b],"summary":%b}' % (items, _ENCODER.encode(summary))
    return respond(msgspec.Raw(content), 207)


async def _stream(
    campaign: Campaign, answers: AsyncGenerator[bytes, None], *, greeted: bool
) -> AsyncGenerator[bytes, None]:
    """One line out for each line in, in order; a summary last."""
    if greeted:
        yield _ENCODER.encode({"campaign": campaign.id}) + b"\n"
    complete = False
    try:
        async with aclosing(answers):
            async for answered in answers:
                yield answered
        complete = True
    except ApiError as refusal:
        yield refused_line(campaign.count + 1, None, refusal)
    except LedgerError as failure:
        yield refused_line(campaign.count + 1, None, failure)
    except HTTPException:
        pass  # the caller went away: nobody reads what follows, but what was answered is recorded
    finally:
        summary = await _closed(campaign, complete=complete)
    yield _ENCODER.encode({"summary": summary}) + b"\n"


async def _answers(
    campaign: Campaign, first: list[bytes], arriving: AsyncIterator[list[bytes]], allowance: Allowance
) -> AsyncGenerator[bytes, None]:
    async def begin(group: Group) -> asyncio.Task[Prepared]:
        preparing = asyncio.create_task(campaign.prepare(group))
        # Its reads go out now, before the answers of an earlier group are worked on.
        await asyncio.sleep(0)
        return preparing

    async with aclosing(pipelined(_groups(campaign, first, arriving), begin, _GROUPS_MAX)) as groups:
        async for prepared in groups:
            _spend(allowance, prepared)
            yield await campaign.answer(prepared)


def _spend(allowance: Allowance, prepared: Prepared) -> None:
    """Count the addresses of a group. Raises `QuotaExceededError`: then none of the group is answered."""
    allowance.spend(key for key in prepared.keys if isinstance(key, bytes))


async def _groups(
    campaign: Campaign, first: list[bytes], arriving: AsyncIterator[list[bytes]]
) -> AsyncIterator[Group]:
    if first:
        yield group_of(first, campaign.askings)
    async for group in arriving:
        yield group_of(group, campaign.askings)


async def _closed(campaign: Campaign, *, complete: bool) -> CampaignSummary:
    try:
        return _summary(await campaign.close(complete=complete))
    except LedgerError as failure:
        # The answers stand; that they were given could not be recorded, and the caller is told.
        return CampaignSummary(
            campaign=campaign.id,
            count=campaign.count,
            allowed=campaign.allowed,
            denied=campaign.count - campaign.allowed - campaign.refused,
            refused=campaign.refused,
            complete=False,
            problem=problem_of(failure),
        )


def _summary(summary: Summary) -> CampaignSummary:
    recorded = summary.receipt is not None
    return CampaignSummary(
        campaign=summary.campaign,
        count=summary.count,
        allowed=summary.allowed,
        denied=summary.denied,
        refused=summary.refused,
        complete=summary.complete,
        root=summary.root.hex() if recorded else UNSET,
        from_position=summary.from_position if recorded else UNSET,
        to_position=summary.to_position if recorded else UNSET,
        receipt=receipt_body(summary.receipt) if summary.receipt is not None else UNSET,
        token=summary.token or UNSET,
    )
