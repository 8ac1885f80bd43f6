"""`/v1/exports…`: asked for, looked at, and fetched with a token that is good for nothing else."""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Response, post
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import Meta

from service.api.bodies import ApiRequest, convert, header, read_json, respond
from service.api.callers.principal import PUBLIC, WRITES, UnauthenticatedError, require_scope
from service.api.callers.quotas import Allowance
from service.api.problems import ApiError
from service.api.reading import get
from service.api.services import LedgerServices, Services, asked_by
from service.api.times import rfc3339
from service.core.errors import FormatError, InputError
from service.core.events import milliseconds
from service.core.events.values import AddressInput, CampaignId, SenderId
from service.ledger.addresses import canonical_address
from service.ledger.exporting.exports import ADDRESSES_MAX, HELD_MAX
from service.ledger.exporting.ports import ExportLanguage, ExportRow, Scope

SCOPE: Final = "export:create"
DISCLOSE: Final = "proof:disclose"
ZIP: Final = "application/zip"
_RANGE: Final = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")
_ID: Final = re.compile(r"[0-9a-f]{32}")
Zoned = Annotated[datetime, Meta(tz=True)]
LogSize = Annotated[int, Meta(ge=1, le=2**53 - 1)]


class NewExport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to export; without any of addresses, sender and campaign the whole ledger.

    `question`: a check without an address, answered for every one of the addresses. `since` and `until`: of
    recorded times, with `sender`. `size`: as of the checkpoint of this size instead of the newest, where no
    addresses are asked for. `held_sizes`: of checkpoints that the reader kept; the export then proves of each
    that it is the beginning of the log. `disclose`: with the secret that ties entries to addresses, for a
    regulator.
    """

    addresses: Annotated[tuple[AddressInput, ...], Meta(max_length=ADDRESSES_MAX)] = ()
    question: dict[str, Any] | None = None
    sender: SenderId | None = None
    since: Zoned | None = None
    until: Zoned | None = None
    campaign: CampaignId | None = None
    size: LogSize | None = None
    held_sizes: Annotated[tuple[LogSize, ...], Meta(max_length=HELD_MAX)] = ()
    disclose: bool = False
    language: Literal["en", "nl"] = "en"


class Export(msgspec.Struct):
    """An export. `files_done` of `files` are ready; `bytes` is the size of the zip, null before it is ready.

    `size`: how many entries of the log it is of. An export that was `withdrawn` expired, or somebody was
    erased since it was made.
    """

    id: str
    status: Literal["preparing", "ready", "failed", "withdrawn"]
    scope: Literal["ledger", "sender", "campaign", "addresses"]
    created_by: str
    created_at: str
    expires_at: str
    size: int | None
    files: int
    files_done: int
    bytes: int | None


class ExportToken(msgspec.Struct):
    """What fetches this export until then: `Authorization: Bearer` this token, on this URL."""

    token: str
    expires_at: str
    url: str


@post("/v1/exports", status_code=202, opt={"scope": SCOPE, "effect": WRITES})
async def create_export(request: ApiRequest) -> Response[bytes]:
    """Ask for an export: addresses, a sender and period, a campaign, or the whole ledger.

    That it was asked for is an event of the ledger. It is prepared beside the requests; its `status` says
    when it is ready.
    """
    ledger, principal = asked_by(request)
    body = convert(await read_json(request), NewExport)
    if body.disclose:
        require_scope(principal, DISCLOSE)
    scope = _scope(body)
    if scope.addresses:
        allowance: Allowance = request.state.allowance
        allowance.spend([ledger.checks.subject_of(address) for address in scope.addresses])
    row = await ledger.exports.create(scope, principal.key_id)
    return respond(_view(row), 202, headers={"location": f"/v1/exports/{row.export_id}"})


def _scope(body: NewExport) -> Scope:
    named = {
        "addresses": bool(body.addresses),
        "sender": body.sender is not None,
        "campaign": body.campaign is not None,
    }
    chosen = [name for name, given in named.items() if given]
    if len(chosen) > 1:
        raise InputError(f"{' and '.join(chosen)} exclude each other", pointer=f"/{chosen[1]}", code="value")
    if body.question is not None and not body.addresses:
        raise InputError("a question is asked about addresses", pointer="/question", code="value")
    kind: Any = chosen[0] if chosen else "ledger"
    addresses = [
        canonical_address(each.kind, each.value, pointer=f"/addresses/{place}/value")
        for place, each in enumerate(body.addresses)
    ]
    language: ExportLanguage = body.language
    return Scope(
        kind=kind,
        addresses=tuple(dict.fromkeys(addresses)),
        question=body.question,
        sender=body.sender,
        since_ms=milliseconds(body.since) if body.since else None,
        until_ms=milliseconds(body.until) if body.until else None,
        campaign=body.campaign,
        size=body.size,
        held_sizes=body.held_sizes,
        disclose=body.disclose,
        language=language,
    )


@get("/v1/exports", opt={"scope": SCOPE})
async def list_exports(request: ApiRequest) -> Response[bytes]:
    """Every export of the ledger, newest first."""
    ledger, _ = asked_by(request)
    return respond({"items": [_view(row) for row in await ledger.exports.all()]})


@get("/v1/exports/{export_id:str}", opt={"scope": SCOPE, "etag": True})
async def read_export(request: ApiRequest, export_id: FromPath[str]) -> Response[bytes]:
    """One export, and how far it is prepared."""
    ledger, _ = asked_by(request)
    return respond(_view(await ledger.exports.find(export_id)))


@post("/v1/exports/{export_id:str}/tokens", status_code=201, opt={"scope": SCOPE, "effect": WRITES})
async def make_export_token(request: ApiRequest, export_id: FromPath[str]) -> Response[bytes]:
    """A token that fetches this export, for an hour, and nothing else. Each one used is an event."""
    services: Services = request.app.state.services
    ledger, principal = asked_by(request)
    row = await ledger.exports.require_ready(export_id)
    token, expires_at_ms = ledger.exports.token(row, principal.key_id)
    url = f"{services.public_url}/v1/exports/{row.export_id}/content"
    return respond(ExportToken(token, rfc3339(expires_at_ms), url), 201)


@get("/v1/exports/{export_id:str}/content", opt={"scope": PUBLIC, "produces": (ZIP,)})
async def fetch_export(request: ApiRequest, export_id: FromPath[str]) -> Response[bytes] | Stream:
    """The zip, whole or from any byte on (`Range`). Recorded before the first byte goes out."""
    ledger, row = await _begin(request, export_id)
    total = row.bytes or 0
    etag = f'"{export_id}"'
    headers = {
        "accept-ranges": "bytes",
        "cache-control": "no-store",
        "content-disposition": f'attachment; filename="consent-ledger-export-{export_id[:8]}.zip"',
        "etag": etag,
    }
    start, stop = _range(header(request, b"range"), header(request, b"if-range"), etag, total)
    if start >= stop:
        raise ApiError(
            416,
            "range",
            "There are no such bytes",
            f"the export has {total} bytes",
            headers={"content-range": f"bytes */{total}"},
        )
    partial = (start, stop) != (0, total)
    if partial:
        headers["content-range"] = f"bytes {start}-{stop - 1}/{total}"
    headers["content-length"] = str(stop - start)
    status = 206 if partial else 200
    if request.method == "HEAD":
        return Response(b"", media_type=ZIP, status_code=status, headers=headers)
    body = _until(ledger.exports.read(row, start), stop - start)
    return Stream(body, media_type=ZIP, status_code=status, headers=headers)


async def _begin(request: ApiRequest, export_id: str) -> tuple[LedgerServices, ExportRow]:
    """The export that the token of this request opens, its download recorded (HEAD only looks)."""
    services: Services = request.app.state.services
    scheme, _, token = header(request, b"authorization").partition(" ")
    if scheme.lower() == "bearer" and _ID.fullmatch(export_id):
        for ledger in services.ledgers.values():
            try:
                opened = ledger.exports.open_token(token.strip(), export_id)
            except FormatError:
                continue
            if request.method == "HEAD":
                return ledger, await ledger.exports.require_ready(export_id)
            return ledger, await ledger.exports.begin_download(export_id, opened.by, opened.download)
    raise UnauthenticatedError(presented=token != "")


def _range(asked: str, condition: str, etag: str, total: int) -> tuple[int, int]:
    """The first byte and the one behind the last (RFC 9110 section 14): one range, or the whole."""
    found = _RANGE.fullmatch(asked.replace(" ", ""))
    if found is None or (condition and condition != etag):
        return 0, total
    first, last, suffix = found.groups()
    if suffix is not None:
        return max(total - int(suffix), 0) if int(suffix) else total, total
    return int(first), min(int(last) + 1, total) if last else total


async def _until(chunks: AsyncIterator[bytes], left: int) -> AsyncIterator[bytes]:
    """So many bytes and no more."""
    async for chunk in chunks:
        if chunk:
            yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return


def _view(row: ExportRow) -> Export:
    return Export(
        id=row.export_id,
        status=row.status,
        scope=row.kind,
        created_by=row.created_by,
        created_at=rfc3339(row.created_at_ms),
        expires_at=rfc3339(row.expires_at_ms),
        size=row.size,
        files=row.planned,
        files_done=row.done,
        bytes=row.bytes,
    )
