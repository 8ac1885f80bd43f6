"""`/v1/subjects/…`: what is held of a person, and its erasure. Each has a scope of its own."""

from typing import Any, Literal

import msgspec
from litestar import Response, post

from service.api.bodies import JSON, ApiRequest, convert, read_json, respond
from service.api.callers.principal import READS, WRITES
from service.api.callers.quotas import Allowance
from service.api.events import ReceiptBody, receipt_body
from service.api.services import asked_by
from service.api.times import rfc3339
from service.core.events.values import AddressInput, Country
from service.core.law.explanation import Language, explain
from service.ledger.addresses import canonical_address
from service.ledger.person import file as held
from service.ledger.person.iso27560 import MEDIA_TYPE as JSON_LD
from service.ledger.person.iso27560 import consent_records
from service.ledger.person.letter import Letter, letter, sentences

LOOKUP = "subject:read"
ERASE = "subject:erase"

_JSON_LD = msgspec.json.Encoder()


class KnownRecipient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of the person beside the ledger: whether a message may be sent depends on it."""

    country: Country | None = None
    kind: Literal["consumer", "sole_trader", "legal_person", "child"] | None = None


class LookupRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to look up, and how to tell it.

    `format` "iso27560": as JSON-LD (`application/ld+json`), for portability. `proof`: with the bundle of the
    history, as text, which `consent-ledger verify` accepts.
    """

    address: AddressInput
    language: Language = "en"
    format: Literal["full", "iso27560"] = "full"
    recipient: KnownRecipient = KnownRecipient()
    proof: bool = False


class HeldEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event of the person. `sentence` says it in words; `event` is the record's own.

    `address`: of whom, where it is another address of the person. `corrected_by`: a later event takes it
    back.
    """

    index: int
    recorded_at: str
    occurred_at: str
    type: str
    sentence: str
    event: dict[str, Any]
    imported: bool = False
    evidence: Any = None
    address: dict[str, str] | None = None
    corrected_by: int | None = None


class HeldAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether this kind of message may be sent now, and whether it might when the last one was sent."""

    sender: str
    category: str
    channel: str
    decision: str
    reason_code: str
    explanation: str
    last_sent_at: str | None = None
    decision_then: str | None = None
    reason_code_then: str | None = None
    explanation_then: str | None = None


class FoundAnswer(msgspec.Struct, frozen=True):
    """A line of a campaign that asked about this person, and its answer; `POST /v1/proofs` proves it."""

    campaign: str
    line: int
    sender: str
    category: str
    channel: str
    asked_at: str
    decision: str
    reason_code: str
    explanation: str


class ErasedBefore(msgspec.Struct, frozen=True):
    """That so many events were destroyed, by when."""

    events: int
    at: str


class PersonFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that is held of a person (GDPR 15).

    `letter` says it to the person: as text, and as one page of HTML. `linked_addresses` are further addresses
    of the same person; their events count for this one, and are among `events`. `campaigns`: the mailings
    before which it was asked about, found by answering again; `campaigns_unsearched`: so many older ones were
    not looked through.
    """

    address: dict[str, str]
    subject: str
    position: int
    as_of: str
    events: list[HeldEvent]
    answers: list[HeldAnswer]
    campaigns: list[FoundAnswer]
    forms: dict[str, Any]
    senders: dict[str, Any]
    linked_addresses: list[dict[str, str]]
    letter: Letter
    campaigns_unsearched: int = 0
    erased: ErasedBefore | None = None
    proof: str | None = None


class EraseRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to erase."""

    address: AddressInput


class Erased(msgspec.Struct, frozen=True):
    """What an erasure did.

    `erased_events`: so many were destroyed now. `notice`: the receipt of the notice in the log, null where
    nothing was held; `replayed` in it, where the address had been erased before and nothing came since.
    `linked_addresses`: so many other addresses are known as the same person's, and were not erased with it;
    a lookup before the erasure shows them.
    """

    erased_events: int
    notice: ReceiptBody | None
    linked_addresses: int


@post(
    "/v1/subjects/lookup",
    status_code=200,
    opt={"scope": LOOKUP, "effect": READS, "produces": (JSON, JSON_LD)},
)
async def look_up_subject(request: ApiRequest) -> Response[bytes]:
    """Everything that is held of a person (GDPR 15 and 20): in words, as data, with its proof on request."""
    ledger, _ = asked_by(request)
    asked = convert(await read_json(request), LookupRequest)
    address = canonical_address(asked.address.kind, asked.address.value)
    allowance: Allowance = request.state.allowance
    allowance.spend([ledger.checks.subject_of(address)])
    known = held.Recipient(asked.recipient.country, asked.recipient.kind)
    file = await ledger.lookup.look(address, known)
    proof = (await ledger.proofs.bundle(address, disclose=False)).decode() if asked.proof else None
    if asked.format == "iso27560":
        document = consent_records(file) | ({"cl:proof": proof} if proof is not None else {})
        headers = {"cache-control": "no-store"}
        return Response(_JSON_LD.encode(document), media_type=JSON_LD, headers=headers)
    return respond(_file_body(file, asked.language, proof))


def _file_body(file: held.PersonFile, language: Language, proof: str | None) -> PersonFile:
    told = sentences(file, language)
    named = {each.sender for each in file.answers}
    named |= {sender for one in file.events if (sender := one.recorded.event.sender) is not None}
    erased = file.erased
    return PersonFile(
        address={"kind": file.address.kind, "value": file.address.value},
        subject=file.subject_key.hex(),
        position=file.position,
        as_of=rfc3339(file.as_of_ms),
        events=[_held_event(one, told[one.index]) for one in file.events],
        answers=_answers(file, language),
        campaigns=_campaigns(file, language),
        forms={name: msgspec.to_builtins(form) for name, form in file.forms.items()},
        senders={name: msgspec.to_builtins(sender) for name, sender in file.senders.items() if name in named},
        linked_addresses=[{"kind": one.kind, "value": one.value} for one in file.linked],
        letter=letter(file, language),
        campaigns_unsearched=file.unsearched,
        erased=ErasedBefore(erased.events, rfc3339(erased.at_ms)) if erased is not None else None,
        proof=proof,
    )


def _held_event(one: held.HeldEvent, sentence: str) -> HeldEvent:
    other = one.address
    return HeldEvent(
        index=one.index,
        recorded_at=rfc3339(one.recorded_at_ms),
        occurred_at=rfc3339(one.recorded.occurred_ms),
        type=one.recorded.type,
        sentence=sentence,
        event=dict(one.body),
        imported=one.recorded.imported,
        evidence=one.evidence,
        address={"kind": other.kind, "value": other.value} if other is not None else None,
        corrected_by=one.corrected_by,
    )


def _campaigns(file: held.PersonFile, language: Language) -> list[FoundAnswer]:
    return [
        FoundAnswer(
            campaign=found.campaign,
            line=found.line,
            sender=found.question.sender,
            category=found.question.category,
            channel=found.question.channel,
            asked_at=rfc3339(found.decision.evaluated_at_ms),
            decision=found.decision.decision,
            reason_code=found.decision.reason_code,
            explanation=explain(found.decision, language).text,
        )
        for found in file.campaigns
    ]


def _answers(file: held.PersonFile, language: Language) -> list[HeldAnswer]:
    answers = []
    for each in file.answers:
        then, sent_at_ms = each.then, each.sent_at_ms
        answers.append(
            HeldAnswer(
                sender=each.sender,
                category=each.category,
                channel=each.channel,
                decision=each.now.decision,
                reason_code=each.now.reason_code,
                explanation=explain(each.now, language).text,
                last_sent_at=rfc3339(sent_at_ms) if sent_at_ms is not None else None,
                decision_then=then.decision if then is not None else None,
                reason_code_then=then.reason_code if then is not None else None,
                explanation_then=explain(then, language).text if then is not None else None,
            )
        )
    return answers


@post("/v1/subjects/erase", status_code=200, opt={"scope": ERASE, "effect": WRITES})
async def erase_subject(request: ApiRequest) -> Response[bytes]:
    """Erase a person (GDPR 17): everything held of the address is destroyed, and it stays blocked."""
    ledger, _ = asked_by(request)
    asked = convert(await read_json(request), EraseRequest)
    address = canonical_address(asked.address.kind, asked.address.value)
    allowance: Allowance = request.state.allowance
    allowance.spend([ledger.checks.subject_of(address)])
    erased = await ledger.erasures.erase(address)
    notice = receipt_body(erased.receipt) if erased.receipt is not None else None
    return respond(Erased(erased.events, notice, len(erased.linked)))
