"""`POST /v1/unsubscribe-links`, and the header values that every allow carries (RFC 2369, RFC 8058 §3.1)."""

from typing import Annotated, Final

import msgspec
from litestar import Response, post
from msgspec import Meta

from service.api.bodies import ApiRequest, convert, read_json, respond
from service.api.callers.principal import READS, Principal
from service.api.services import LedgerServices, Services, ledger_of
from service.core.events.values import AddressInput, Channel, Name, SenderId
from service.core.unsubscribe import MESSAGE_CHARS_MAX
from service.ledger.addresses import CanonicalAddress, canonical_address
from service.ledger.campaigns.running import HeaderWriter

ONE_CLICK = "List-Unsubscribe=One-Click"
PATH = "/u/"
_ENCODER: Final = msgspec.json.Encoder()


class LinkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a link is to stop, and for whom.

    `message_id`: the sender's own id of the message; it is kept, sealed, beside the withdrawal.
    """

    sender: SenderId
    category: Name
    channel: Channel
    address: AddressInput
    message_id: (
        Annotated[str, Meta(min_length=1, max_length=MESSAGE_CHARS_MAX, pattern=r"^[!-~]+(?!\n)$")] | None
    ) = None


class UnsubscribeHeaders(
    msgspec.Struct,
    frozen=True,
    rename={"unsubscribe": "List-Unsubscribe", "unsubscribe_post": "List-Unsubscribe-Post"},
):
    """Header fields of a message, ready to be set as they are; DKIM must cover both."""

    unsubscribe: str
    unsubscribe_post: str = ONE_CLICK


class LinkBody(msgspec.Struct, frozen=True):
    """A link for the text of the message, and the header fields that carry it."""

    url: str
    headers: UnsubscribeHeaders


def unsubscribe_headers(
    services: Services,
    ledger: LedgerServices,
    address: CanonicalAddress,
    *,
    sender: str,
    category: str,
    channel: str,
) -> UnsubscribeHeaders:
    """The header fields that let this address leave this sender's category. No I/O, a few microseconds."""
    token = ledger.unsubscribe.token(address, sender, category, channel)
    return UnsubscribeHeaders(f"<{services.public_url}{PATH}{token}>")


def header_writer(services: Services, ledger: LedgerServices) -> HeaderWriter:
    """Writes the same for a campaign's lines, which know their subject by its key."""
    seal = ledger.unsubscribe.token_of
    before = b'"unsubscribe":{"List-Unsubscribe":%b' % _ENCODER.encode(f"<{services.public_url}{PATH}")[:-1]
    after = b'>","List-Unsubscribe-Post":"%b"}' % ONE_CLICK.encode()

    def written(subject_key: bytes, sender: str, category: str, channel: str) -> bytes:
        return before + seal(subject_key, sender, category, channel).encode() + after

    return written


@post("/v1/unsubscribe-links", status_code=201, opt={"scope": "link:write", "effect": READS})
async def make_link(request: ApiRequest) -> Response[bytes]:
    """Make an unsubscribe link. The same for the same request; it works for ever, and only stops messages."""
    services: Services = request.app.state.services
    principal: Principal = request.state.principal
    unsubscribe = ledger_of(services, principal).unsubscribe
    asked = convert(await read_json(request), LinkRequest)
    address = canonical_address(asked.address.kind, asked.address.value)
    await unsubscribe.require_sender(asked.sender)
    token = unsubscribe.token(address, asked.sender, asked.category, asked.channel, asked.message_id or "")
    url = f"{services.public_url}{PATH}{token}"
    return respond(LinkBody(url, UnsubscribeHeaders(f"<{url}>")), 201)
