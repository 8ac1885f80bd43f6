"""`/v1/subjects/…`: what is held of a person, and its erasure. Each has a scope of its own."""

import msgspec
from litestar import Response, post

from service.api.bodies import ApiRequest, convert, read_json, respond
from service.api.events import ReceiptBody, receipt_body
from service.api.principal import WRITES
from service.api.quotas import Allowance
from service.api.services import asked_by
from service.core.events.values import AddressInput
from service.ledger.addresses import canonical_address

ERASE = "subject:erase"


class EraseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to erase."""

    address: AddressInput


class ErasedBody(msgspec.Struct, frozen=True):
    """What an erasure did.

    `erased_events`: so many were destroyed now. `notice`: the receipt of the notice in the log, null where
    nothing was held; `replayed` in it, where the address had been erased before and nothing came since.
    `linked_addresses`: so many other addresses are known as the same person's, and were not erased with it;
    a lookup before the erasure shows them.
    """

    erased_events: int
    notice: ReceiptBody | None
    linked_addresses: int


@post("/v1/subjects/erase", status_code=200, opt={"scope": ERASE, "effect": WRITES})
async def erase_subject(request: ApiRequest) -> Response[bytes]:
    """Erase a person (GDPR 17): everything held of the address is destroyed, and it stays blocked."""
    ledger, _ = asked_by(request)
    asked = convert(await read_json(request), EraseBody)
    address = canonical_address(asked.address.kind, asked.address.value)
    allowance: Allowance = request.state.allowance
    allowance.spend([ledger.checks.subject_of(address)])
    erased = await ledger.erasures.erase(address)
    notice = receipt_body(erased.receipt) if erased.receipt is not None else None
    return respond(ErasedBody(erased.events, notice, len(erased.linked)))
