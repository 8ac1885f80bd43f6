"""`POST /v1/checks` and `/v1/proofs`: the answer, and its proof."""

from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Response, post
from msgspec import UNSET, Meta, UnsetType

from service.api.bodies import ApiRequest, convert, read_json, respond
from service.api.callers.principal import READS, InsufficientScopeError, require_scope
from service.api.callers.quotas import Allowance
from service.api.services import LedgerServices, Services, asked_by
from service.api.unsubscribe.links import UnsubscribeHeaders, unsubscribe_headers
from service.core.errors import QuestionError
from service.core.events import milliseconds
from service.core.events.values import CampaignId
from service.core.law.explanation import Explanation, Language, explain
from service.core.law.question import parse_question
from service.ledger.addresses import canonical_address
from service.ledger.answering.checks import Answer, Asked
from service.ledger.campaigns.proofs import CampaignProofs
from service.ledger.proving.proofs import Documents

DETAIL = "check:detail"
DISCLOSE = "proof:disclose"
BUNDLE = "application/vnd.consent-ledger.bundle+json"

Zoned = Annotated[datetime, Meta(tz=True)]


class AddressBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An address as the caller has it."""

    kind: str
    value: Annotated[str, Meta(min_length=1, max_length=320)]


class AskedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a check carries beside the question itself."""

    address: AddressBody
    at: Zoned | None = None
    known_at: Zoned | None = None
    min_position: Annotated[int, Meta(ge=0, le=2**53 - 1)] | None = None
    proof: str | None = None
    disclose: bool = False
    documents: Documents = "shown"
    held_size: Annotated[int, Meta(ge=1, le=2**53 - 1)] | None = None
    explain: Language | None = None


class ProvedBody(AskedBody, frozen=True, forbid_unknown_fields=True):
    """As a check; or line `line` of a campaign, with its address and what it asked otherwise."""

    campaign: CampaignId | None = None
    line: Annotated[int, Meta(ge=1, le=2**53 - 1)] | None = None


Own = TypeVar("Own", bound=AskedBody)
_PROOFS = (None, "none", "token")


class AnswerBody(msgspec.Struct, omit_defaults=True):
    """An answer. `expires_at`: when it could change with nothing more recorded; absent means never.

    `unsubscribe`: in every allow, the header fields by which the person can leave.
    """

    decision: str
    reason_code: str
    basis: str
    needs_human: bool
    rule: dict[str, Any] | None
    events: list[int]
    missing_facts: list[str]
    jurisdiction: str | None
    evaluated_at: str
    expires_at: str | None
    position: int
    further_codes: list[str] | UnsetType = UNSET
    token: str | UnsetType = UNSET
    explanation: Explanation | UnsetType = UNSET
    unsubscribe: UnsubscribeHeaders | UnsetType = UNSET


def read_asked(obj: object, kind: type[Own]) -> tuple[Own, dict[str, object]]:
    """Part a body into what is ours and the question. Raises `QuestionError` or `InputError`."""
    if not isinstance(obj, dict):
        raise QuestionError("the body is an object", code="type")
    fields = kind.__struct_fields__
    own = convert({name: value for name, value in obj.items() if name in fields}, kind)
    return own, {name: value for name, value in obj.items() if name not in fields}


def read_question(obj: object) -> Asked:
    """A question about now and nothing more. Raises `QuestionError`, `AddressError` or `InputError`."""
    own, question = read_asked(obj, AskedBody)
    for name in {*AskedBody.__struct_fields__} - {"address"}:
        if isinstance(obj, dict) and name in obj:
            raise QuestionError("this is not asked here", pointer=f"/{name}", code="unknown_field")
    return _asked(own, question)


def _asked(own: AskedBody, question: dict[str, object], *, with_detail: bool = True) -> Asked:
    if own.proof not in _PROOFS:
        raise QuestionError("proof is none or token", pointer="/proof", code="value")
    return Asked(
        question=parse_question(question),
        address=canonical_address(own.address.kind, own.address.value),
        at_ms=milliseconds(own.at) if own.at else None,
        known_at_ms=milliseconds(own.known_at) if own.known_at else None,
        min_position=own.min_position,
        with_token=own.proof == "token",
        with_detail=with_detail,
    )


@post("/v1/checks", status_code=200, opt={"scope": "check:read", "effect": READS, "direct": True})
async def check(request: ApiRequest) -> Response[bytes]:
    """May this message be sent to this address now? A deny is an answer, not an error."""
    ledger, principal = asked_by(request)
    own, question = read_asked(await read_json(request), AskedBody)
    detail = DETAIL in principal.scopes
    asked = _asked(own, question, with_detail=detail)
    language = own.explain
    if not detail and (own.at or own.known_at or language):
        raise InsufficientScopeError(DETAIL)
    allowance: Allowance = request.state.allowance
    allowance.spend([ledger.checks.subject_of(asked.address)])
    answer = await ledger.checks.check(asked)
    body = _answer(answer, language)
    if answer.decision.decision == "allow":
        body.unsubscribe = _way_out(request.app.state.services, ledger, asked)
    return respond(body)


def _way_out(services: Services, ledger: LedgerServices, asked: Asked) -> UnsubscribeHeaders:
    question = asked.question
    return unsubscribe_headers(
        services,
        ledger,
        asked.address,
        sender=question.sender,
        category=question.category,
        channel=question.channel,
    )


def _answer(answer: Answer, language: Language | None) -> AnswerBody:
    body = answer.body
    return AnswerBody(
        decision=body["decision"],
        reason_code=body["reason_code"],
        basis=body["basis"],
        needs_human=body["needs_human"],
        rule=body["rule"],
        events=body["events"],
        missing_facts=body["missing_facts"],
        jurisdiction=body["jurisdiction"],
        evaluated_at=body["evaluated_at"],
        expires_at=body["expires_at"],
        position=answer.head.position,
        further_codes=body.get("further_codes") or UNSET,
        token=answer.token or UNSET,
        explanation=explain(answer.decision, language) if language else UNSET,
    )


@post(
    "/v1/proofs",
    status_code=200,
    opt={"scope": "proof:read", "effect": READS, "produces": (BUNDLE, "application/json")},
)
async def prove(request: ApiRequest) -> Response[bytes]:
    """The bundle for a question, or for an address alone: everything needed to check it offline."""
    ledger, principal = asked_by(request)
    own, question = read_asked(await read_json(request), ProvedBody)
    if own.disclose:
        require_scope(principal, DISCLOSE)
    address = canonical_address(own.address.kind, own.address.value)
    allowance: Allowance = request.state.allowance
    allowance.spend([ledger.checks.subject_of(address)])
    if own.campaign is not None or own.line is not None:
        bundle = await _prove_line(ledger.campaign_proofs, own, question)
    else:
        wanted = _asked(own, question) if question else address
        bundle = await ledger.proofs.bundle(
            wanted, disclose=own.disclose, documents=own.documents, held_size=own.held_size
        )
    return Response(bundle, media_type=BUNDLE, headers={"cache-control": "no-store"})


async def _prove_line(proofs: CampaignProofs, own: ProvedBody, question: dict[str, object]) -> bytes:
    """The bundle for one line of a campaign; `question` is what the line said otherwise than the defaults."""
    if own.campaign is None or own.line is None:
        raise QuestionError(
            "a line is named by campaign and line",
            pointer="/line" if own.campaign else "/campaign",
            code="missing",
        )
    if own.at or own.known_at:
        raise QuestionError("a campaign's line was answered at its own time", pointer="/at", code="value")
    address = canonical_address(own.address.kind, own.address.value)
    return await proofs.bundle(
        own.campaign,
        own.line,
        address,
        question,
        disclose=own.disclose,
        documents=own.documents,
        held_size=own.held_size,
    )
