"""Forms, senders and the rulebook: what was shown, who mails, and what decides."""

from typing import Annotated

import msgspec
from litestar import Response, get, post, put
from litestar.params import FromPath
from msgspec import Meta

from service.api.bodies import ApiRequest, convert, read_json, respond
from service.api.events import ReceiptBody, receipt_body
from service.api.limits import DOCUMENT_BYTES_MAX
from service.api.principal import WRITES, Principal
from service.api.services import LedgerServices, Services, ledger_of
from service.core.canonical import parse_canonical
from service.ledger.catalogue import Sender
from service.ledger.configure import Published


class SenderBody(msgspec.Struct, forbid_unknown_fields=True):
    """A sender to register."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}(?!\n)$")]
    legal_name: Annotated[str, Meta(min_length=1, max_length=200)]
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}(?!\n)$")]
    kind: str = "business"


class PublishedBody(msgspec.Struct):
    """The hash under which something was published, and its receipt."""

    id: str
    receipt: ReceiptBody


def _own(request: ApiRequest) -> LedgerServices:
    services: Services = request.app.state.services
    principal: Principal = request.state.principal
    return ledger_of(services, principal)


def _published(published: Published) -> Response[bytes]:
    body = PublishedBody(published.digest, receipt_body(published.receipt))
    return respond(body, 200 if published.receipt.replayed else 201)


@post(
    "/v1/forms",
    status_code=201,
    opt={"scope": "form:write", "effect": WRITES},
    request_max_body_size=DOCUMENT_BYTES_MAX,
)
async def publish_form(request: ApiRequest) -> Response[bytes]:
    """Publish a form. Its id is the SHA-256 of its canonical bytes."""
    _, published = await _own(request).configuration.publish_form(await read_json(request))
    return _published(published)


@get("/v1/forms", opt={"scope": "record:read"})
async def list_forms(request: ApiRequest) -> Response[bytes]:
    """The published forms, oldest first."""
    rows = await _own(request).catalogue.documents("form")
    return respond({"items": [{"id": row.digest.hex(), "form": msgspec.Raw(row.body)} for row in rows]})


@get("/v1/forms/{form_id:str}", opt={"scope": "record:read"})
async def read_form(request: ApiRequest, form_id: FromPath[str]) -> Response[bytes]:
    """One form, by its hash."""
    row = await _own(request).catalogue.document(form_id, "form")
    return respond({"id": row.digest.hex(), "form": msgspec.Raw(row.body)})


@post("/v1/senders", status_code=201, opt={"scope": "sender:write", "effect": WRITES})
async def register_sender(request: ApiRequest) -> Response[bytes]:
    """Register a legal entity that mails, or what changed about it."""
    body = convert(await read_json(request), SenderBody)
    sender = Sender(body.id, body.legal_name, body.country, body.kind)
    return _published(await _own(request).configuration.register_sender(sender))


@get("/v1/senders", opt={"scope": "record:read"})
async def list_senders(request: ApiRequest) -> Response[bytes]:
    """The registered senders."""
    senders = await _own(request).catalogue.senders()
    return respond({"items": list(senders.values())})


@get("/v1/rulebook", opt={"scope": "record:read"})
async def read_rulebook(request: ApiRequest) -> Response[bytes]:
    """The rulebook in force."""
    ledger = _own(request)
    digest = await ledger.catalogue.rulebook_in_force()
    return await _rulebook(ledger, digest.hex())


@get("/v1/rulebook/{digest:str}", opt={"scope": "record:read"})
async def read_old_rulebook(request: ApiRequest, digest: FromPath[str]) -> Response[bytes]:
    """A rulebook that is or was in force, by its hash."""
    return await _rulebook(_own(request), digest)


async def _rulebook(ledger: LedgerServices, digest: str) -> Response[bytes]:
    row = await ledger.catalogue.document(digest, "rulebook")
    return respond({"id": digest, "rulebook": parse_canonical(row.body)}, headers={"etag": f'"{digest}"'})


@put(
    "/v1/rulebook",
    status_code=200,
    opt={"scope": "rulebook:write", "effect": WRITES},
    request_max_body_size=DOCUMENT_BYTES_MAX,
)
async def publish_rulebook(request: ApiRequest) -> Response[bytes]:
    """Put a rulebook in force. One that is refused changes nothing."""
    return _published(await _own(request).configuration.publish_rulebook(await read_json(request)))
