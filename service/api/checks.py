"""`POST /v1/checks` and `/v1/proofs`: the answer, and its proof."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, post
from msgspec import UNSET, Meta, UnsetType

from service.api.access import require_scope
from service.api.bodies import ApiRequest, convert, read_json, respond
from service.api.problems import ApiError
from service.api.services import asked_by
from service.core.errors import QuestionError
from service.core.events import milliseconds
from service.core.law.explanation import Language, explain
from service.core.law.question import parse_question
from service.ledger.addresses import canonical_address
from service.ledger.check import Answer, Asked

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
    documents: Literal["shown", "by_hash"] = "shown"
    explain: Language | None = None


_OWN_FIELDS = frozenset(AskedBody.__struct_fields__)
_PROOFS = (None, "none", "token")


class AnswerBody(msgspec.Struct, omit_defaults=True):
    """An answer. `expires_at`: when it could change with nothing more recorded; absent means never."""

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
    explanation: str | UnsetType = UNSET


def read_asked(obj: object) -> tuple[AskedBody, dict[str, object]]:
    """Part a body into what is ours and the question. Raises `QuestionError` or `InputError`."""
    if not isinstance(obj, dict):
        raise QuestionError("the body is an object", code="type")
    own = convert({name: value for name, value in obj.items() if name in _OWN_FIELDS}, AskedBody)
    return own, {name: value for name, value in obj.items() if name not in _OWN_FIELDS}


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


@post("/v1/checks", status_code=200, opt={"scope": "check:read", "direct": True})
async def check(request: ApiRequest) -> Response[bytes]:
    """May this message be sent to this address now? A deny is an answer, not an error."""
    ledger, principal = asked_by(request)
    own, question = read_asked(await read_json(request))
    detail = DETAIL in principal.scopes
    asked = _asked(own, question, with_detail=detail)
    language = own.explain
    if not detail and (own.at or own.known_at or language):
        raise ApiError(403, "insufficient-scope", "The key may not do this", f"the key lacks {DETAIL}")
    answer = await ledger.checks.check(asked)
    return respond(_answer(answer, language))


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
        explanation=explain(answer.decision, language).paragraph if language else UNSET,
    )


@post("/v1/proofs", status_code=200, opt={"scope": "proof:read"})
async def prove(request: ApiRequest) -> Response[bytes]:
    """The bundle for a question, or for an address alone: everything needed to check it offline."""
    ledger, principal = asked_by(request)
    proofs = ledger.proofs
    own, question = read_asked(await read_json(request))
    if own.disclose:
        require_scope(principal, DISCLOSE)
    address = canonical_address(own.address.kind, own.address.value)
    bundle = await proofs.bundle(
        _asked(own, question) if question else address,
        disclose=own.disclose,
        with_documents=own.documents == "shown",
    )
    return Response(bundle, media_type=BUNDLE, headers={"cache-control": "no-store"})
