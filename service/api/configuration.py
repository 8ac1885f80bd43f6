"""Forms and senders: what was shown, and who mails."""

from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.params import FromPath
from msgspec import Meta

from service.api.bodies import ApiRequest, convert, read_json, respond
from service.api.callers.principal import WRITES, Principal
from service.api.events import ReceiptBody, receipt_body
from service.api.limits import DOCUMENT_BYTES_MAX
from service.api.reading import get
from service.api.services import LedgerServices, Services, ledger_of
from service.ledger.appending.configuration import Published
from service.ledger.catalogue import Sender


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


def own_ledger(request: ApiRequest) -> LedgerServices:
    """The use cases of the caller's ledger."""
    services: Services = request.app.state.services
    principal: Principal = request.state.principal
    return ledger_of(services, principal)


def published_body(published: Published) -> Response[bytes]:
    """The answer to a publication: 201, or 200 where it had been published before."""
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
    _, published = await own_ledger(request).configuration.publish_form(await read_json(request))
    return published_body(published)


@get("/v1/forms", opt={"scope": "record:read", "etag": True})
async def list_forms(request: ApiRequest) -> Response[bytes]:
    """The published forms, oldest first."""
    rows = await own_ledger(request).catalogue.documents("form")
    return respond({"items": [{"id": row.digest.hex(), "form": msgspec.Raw(row.body)} for row in rows]})


@get("/v1/forms/{form_id:str}", opt={"scope": "record:read", "etag": True})
async def read_form(request: ApiRequest, form_id: FromPath[str]) -> Response[bytes]:
    """One form, by its hash."""
    row = await own_ledger(request).catalogue.document(form_id, "form")
    return respond({"id": row.digest.hex(), "form": msgspec.Raw(row.body)})


@post("/v1/senders", status_code=201, opt={"scope": "sender:write", "effect": WRITES})
async def register_sender(request: ApiRequest) -> Response[bytes]:
    """Register a legal entity that mails, or what changed about it."""
    body = convert(await read_json(request), SenderBody)
    sender = Sender(body.id, body.legal_name, body.country, body.kind)
    return published_body(await own_ledger(request).configuration.register_sender(sender))


@get("/v1/senders", opt={"scope": "record:read", "etag": True})
async def list_senders(request: ApiRequest) -> Response[bytes]:
    """The registered senders."""
    senders = await own_ledger(request).catalogue.senders()
    return respond({"items": list(senders.values())})
