"""The rulebook: what decides, since when, what decided before, and what another one would change."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, post, put
from litestar.params import FromPath
from msgspec import Meta

from service.api.bodies import ApiRequest, convert, read_json, respond
from service.api.callers.principal import READS, WRITES
from service.api.checks import read_question
from service.api.configuration import own_ledger, published_body
from service.api.reading import get
from service.api.services import LedgerServices
from service.core.canonical import parse_canonical
from service.core.errors import InputError, RulebookError
from service.core.events import milliseconds
from service.core.events.values import Channel
from service.core.law.decision import stamp_ms
from service.core.law.question import RecipientFacts
from service.core.law.rulebook import RULEBOOK_BYTES_MAX
from service.ledger.answering.checks import Asked
from service.ledger.answering.rehearsal import CHANNELS_DEFAULT, SUBJECTS_DEFAULT, Rehearsed, Scope

QUESTIONS_MAX = 1_000
_BODY_BYTES_MAX = 2 * RULEBOOK_BYTES_MAX


class DryRunBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rulebook to try: on `questions`, as for a check, or else on every subject.

    `recipient`: as whom they are asked about; else as consumers of the country the ledger knows, or of the
    rulebook's default. `limit`: how many subjects are looked at, at most. `at`: at which time from now on.
    """

    rulebook: dict[str, Any]
    questions: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=QUESTIONS_MAX)] | None = None
    recipient: RecipientFacts | None = None
    channels: Annotated[tuple[Channel, ...], Meta(min_length=1, max_length=8)] = CHANNELS_DEFAULT
    limit: Annotated[int, Meta(ge=1, le=1_000_000)] = SUBJECTS_DEFAULT
    at: Annotated[datetime, Meta(tz=True)] | None = None


class ShortAnswer(msgspec.Struct, frozen=True):
    """An answer in short. `none`: the rulebook does not know the category, so it cannot be asked."""

    decision: Literal["allow", "deny", "none"]
    reason_code: str


class ChangedInstance(msgspec.Struct, frozen=True, omit_defaults=True):
    """One question whose answer would change; `question` is its place in the list that was sent."""

    subject_key: str
    sender: str
    category: str
    channel: str
    question: int | None = None


class ChangeBody(msgspec.Struct, frozen=True):
    """Answers that would change in the same way: how many, and some of them."""

    old: ShortAnswer
    new: ShortAnswer
    count: int
    sample: list[ChangedInstance]


class DryRunResult(msgspec.Struct, frozen=True):
    """What a rulebook would change, the most frequent change first. Nothing was published.

    `subjects_looked_at` of `subjects` (senders are subjects too); `complete` where that is all.
    """

    rulebook_in_force: str
    rulebook_tried: str
    evaluated_at: str
    subjects: int
    subjects_looked_at: int
    complete: bool
    questions: int
    changed: int
    changes: list[ChangeBody]


@get("/v1/rulebook", opt={"scope": "record:read", "etag": True})
async def read_rulebook(request: ApiRequest) -> Response[bytes]:
    """The rulebook in force."""
    ledger = own_ledger(request)
    digest = await ledger.catalogue.rulebook_in_force()
    return await _rulebook(ledger, digest.hex())


@get("/v1/rulebooks", opt={"scope": "record:read", "etag": True})
async def list_rulebooks(request: ApiRequest) -> Response[bytes]:
    """Every publication of a rulebook, oldest first: its hash, its label, where and when."""
    items = [
        {
            "id": publication.digest.hex(),
            "label": publication.label,
            "index": publication.index,
            "published_at": stamp_ms(publication.published_at_ms),
            "in_force": publication.in_force,
        }
        for publication in await own_ledger(request).publications.rulebooks()
    ]
    return respond({"items": items})


@get("/v1/rulebook/{digest:str}", opt={"scope": "record:read", "etag": True})
async def read_old_rulebook(request: ApiRequest, digest: FromPath[str]) -> Response[bytes]:
    """A rulebook that is or was in force, by its hash."""
    return await _rulebook(own_ledger(request), digest)


async def _rulebook(ledger: LedgerServices, digest: str) -> Response[bytes]:
    row = await ledger.catalogue.document(digest, "rulebook")
    return respond({"id": digest, "rulebook": parse_canonical(row.body)})


@put(
    "/v1/rulebook",
    status_code=200,
    opt={"scope": "rulebook:write", "effect": WRITES},
    request_max_body_size=_BODY_BYTES_MAX,
)
async def publish_rulebook(request: ApiRequest) -> Response[bytes]:
    """Put a rulebook in force. One that is refused changes nothing."""
    obj = await read_json(request, RULEBOOK_BYTES_MAX)
    return published_body(await own_ledger(request).configuration.publish_rulebook(obj))


@post(
    "/v1/rulebook/dry-run",
    status_code=200,
    opt={"scope": "rulebook:write", "effect": READS},
    request_max_body_size=_BODY_BYTES_MAX,
)
async def try_rulebook(request: ApiRequest) -> Response[bytes]:
    """Which of the ledger's current answers would change under this rulebook. Nothing is published."""
    ledger = own_ledger(request)
    body = convert(await read_json(request), DryRunBody)
    try:
        tried = await ledger.configuration.read_rulebook(body.rulebook)
    except RulebookError as error:
        raise _below("/rulebook", error) from error
    at_ms = milliseconds(body.at) if body.at is not None else None
    if body.questions is not None:
        found = await ledger.rehearsal.ask(tried, _questions(body.questions), at_ms)
    else:
        scope = Scope(body.recipient, body.channels, body.limit, at_ms)
        found = await ledger.rehearsal.ask_everybody(tried, scope)
    return respond(_result(found))


def _questions(bodies: list[dict[str, Any]]) -> list[Asked]:
    asked = []
    for place, body in enumerate(bodies):
        try:
            asked.append(read_question(body))
        except InputError as error:
            raise _below(f"/questions/{place}", error) from error
    return asked


def _below(place: str, error: InputError) -> InputError:
    """The same refusal, with the place of the part that was refused."""
    return type(error)(str(error), pointer=place + error.pointer, code=error.code)


def _result(found: Rehearsed) -> DryRunResult:
    changes = sorted(found.changes.items(), key=lambda item: (-item[1].count, item[0]))
    return DryRunResult(
        rulebook_in_force=found.in_force.hex(),
        rulebook_tried=found.tried.hex(),
        evaluated_at=stamp_ms(found.at_ms),
        subjects=found.subjects,
        subjects_looked_at=found.looked_at,
        complete=found.complete,
        questions=found.questions,
        changed=found.changed,
        changes=[
            ChangeBody(
                old=ShortAnswer(*old),
                new=ShortAnswer(*new),
                count=change.count,
                sample=[
                    ChangedInstance(one.subject_key, one.sender, one.category, one.channel, one.position)
                    for one in change.sample
                ],
            )
            for (old, new), change in changes
        ],
    )
