"""`/u/{token}`: the way out. GET and HEAD only show; POST stops, and answers once that is durable.

RFC 8058: no cookie, no login, no redirect, no header of any kind is asked for; the page's own forms say which
button was pressed in place of `List-Unsubscribe=One-Click`. Whatever a body is labelled as, it is read: a no
must not fail for want of a `Content-Type`.
"""

import asyncio
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Literal
from urllib.parse import parse_qsl

import msgspec
import structlog
from litestar import Response, post, route
from litestar.params import FromPath

from service.api.bodies import JSON, ApiRequest, media_type
from service.api.callers.principal import PUBLIC, WRITES
from service.api.problems import MEDIA_TYPE as PROBLEM
from service.api.problems import ApiError, problem_of
from service.api.services import LedgerServices, Services
from service.api.unsubscribe.page import FIELD, HEADERS, ask_page, broken_page, stopped_page
from service.api.unsubscribe.texts import TEXTS, choose_language, quality_of
from service.core.errors import FormatError, LedgerError
from service.core.unsubscribe import UnsubscribeLink
from service.ledger.unsubscribe import Extent, Method, WayOut

HTML = "text/html"
TEXT = "text/plain"
BODY_BYTES_MAX = 16_384
BODY_SECONDS_MAX = 10.0
RETRY_SECONDS = 60

_FIELDS_MAX = 20
_HTML_TYPES = ("text/html", "application/xhtml+xml")
_JSON_TYPES = (JSON, PROBLEM)
_ACTS: Mapping[tuple[str, str], tuple[Extent, Method]] = {
    ("list-unsubscribe", "one-click"): ("category", "one_click"),
    (FIELD, "category"): ("category", "page"),
    (FIELD, "sender"): ("sender", "page"),
}

Wanted = Literal["html", "json", "any"]
_log = structlog.get_logger(__name__)


class WayOutBody(msgspec.Struct, frozen=True):
    """What a link stops, in names for people, and which of it has been stopped: `category`, `sender`."""

    sender: str
    category: str
    stopped: list[Extent]


@route("/u/{token:str}", http_method=["GET", "HEAD", "OPTIONS"], status_code=200, opt={"scope": PUBLIC})
async def show_way_out(request: ApiRequest, token: FromPath[str]) -> Response[bytes]:
    """Show what the link stops, and what has been stopped. Changes nothing, whoever fetches it."""
    if request.method == "OPTIONS":
        return Response(b"", media_type=TEXT, headers=HEADERS | {"allow": "GET, HEAD, OPTIONS, POST"})
    found = _find(request, token)
    if found is None:
        return _unknown(request)
    ledger, link = found
    view = await (ledger.unsubscribe.look(link) if _wanted(request) == "json" else _seen(ledger, link))
    return _answer(request, view, page=ask_page(view, _language(request, view)))


@post(
    "/u/{token:str}",
    status_code=200,
    opt={"scope": PUBLIC, "effect": WRITES},
    request_max_body_size=BODY_BYTES_MAX,
)
async def use_way_out(request: ApiRequest, token: FromPath[str]) -> Response[bytes]:
    """Stop the category (RFC 8058 one-click, or the page's first button) or everything from the sender."""
    act = read_act(media_type(request), request.headers.get("content-type", ""), await _read(request))
    found = _find(request, token)
    if found is None:
        return _unknown(request)
    ledger, link = found
    if act is None:
        return await _unclear(request, ledger, link)
    extent, method = act
    try:
        await ledger.unsubscribe.stop(link, extent, method)
    except LedgerError as error:
        return await _not_recorded(request, ledger, link, error)
    if method == "one_click" and _wanted(request) == "any":
        done = TEXTS[_language(request, None)].one_click
        return Response(done.encode(), media_type=TEXT, headers=HEADERS)
    # The no is recorded: nothing that fails from here on may make it look otherwise.
    view = await _seen(ledger, link)
    view = msgspec.structs.replace(view, stopped=view.stopped | {extent})
    return _answer(request, view, page=stopped_page(view, _language(request, view)))


def read_act(kind: str, content_type: str, body: bytes) -> tuple[Extent, Method] | None:
    """What a POST asks for; None when it is neither one-click nor one of our buttons.

    `kind`: the media type without parameters. Anything but multipart is read as a urlencoded form.
    """
    fields = _multipart(content_type, body) if kind == "multipart/form-data" else _urlencoded(body)
    for name, value in fields:
        act = _ACTS.get((name.strip().lower(), value.strip().lower()))
        if act is not None:
            return act
    return None


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("utf-8", "replace"), max_num_fields=_FIELDS_MAX)
    except ValueError:
        return []


def _multipart(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """The fields of a form in parts (RFC 7578), by the standard library's own MIME parser."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    fields = []
    for part in list(message.iter_parts())[:_FIELDS_MAX] if message.is_multipart() else []:
        content = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        if isinstance(content, bytes) and isinstance(name, str):
            fields.append((name, content.decode("utf-8", "replace")))
    return fields


async def _read(request: ApiRequest) -> bytes:
    """The body, if it comes in time. Raises `ApiError` 408; Litestar refuses one that is too large."""
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            return await request.body()
    except TimeoutError:
        raise ApiError(408, "request-timeout", "The body did not arrive in time") from None


def _find(request: ApiRequest, token: str) -> tuple[LedgerServices, UnsubscribeLink] | None:
    services: Services = request.app.state.services
    for ledger in services.ledgers.values():
        try:
            return ledger, ledger.unsubscribe.open(token)
        except FormatError:
            continue
    return None


async def _seen(ledger: LedgerServices, link: UnsubscribeLink) -> WayOut:
    """What to show. The way out is shown also while nobody can say the names of what it leads out of."""
    try:
        return await ledger.unsubscribe.look(link)
    except LedgerError:
        return WayOut(link.sender, link.category, frozenset(), "EU")


async def _unclear(request: ApiRequest, ledger: LedgerServices, link: UnsubscribeLink) -> Response[bytes]:
    """A POST that says nothing: a person sees the buttons again, a program a problem."""
    detail = "the body is the form List-Unsubscribe=One-Click (RFC 8058)"
    problem = ApiError(400, "nothing-chosen", "Nothing was changed", detail)
    if _wanted(request) != "html":
        return _problem(request, problem)
    view = await _seen(ledger, link)
    page = ask_page(view, _language(request, view), "nothing_chosen")
    return _html(page, _language(request, view), 400)


async def _not_recorded(
    request: ApiRequest, ledger: LedgerServices, link: UnsubscribeLink, error: LedgerError
) -> Response[bytes]:
    """Nothing was recorded, and whoever asked has to know: never "done" when it is not."""
    problem = problem_of(error)
    _log.error("withdrawal_not_recorded", problem=problem.type, request_id=request.state.request_id)
    if _wanted(request) == "html":
        view = await _seen(ledger, link)
        language = _language(request, view)
        response = _html(ask_page(view, language, "try_again"), language, problem.status)
    else:
        response = _problem(request, error)
    response.headers["retry-after"] = str(RETRY_SECONDS)
    return response


def _unknown(request: ApiRequest) -> Response[bytes]:
    """The same answer for a token that was cut off, changed, forged, or made for another service."""
    if _wanted(request) == "html" or (request.method in ("GET", "HEAD") and _wanted(request) == "any"):
        language = _language(request, None)
        return _html(broken_page(language), language, 404)
    detail = "use the whole link of the message, or answer the message; nothing was changed"
    return _problem(request, ApiError(404, "unknown-link", "This link does not work", detail))


def _answer(request: ApiRequest, view: WayOut, *, page: str) -> Response[bytes]:
    if _wanted(request) == "json":
        body = WayOutBody(view.sender, view.category, sorted(view.stopped))
        return Response(msgspec.json.encode(body), media_type=JSON, headers=HEADERS)
    return _html(page, _language(request, view), 200)


def _html(page: str, language: str, status: int) -> Response[bytes]:
    headers = HEADERS | {"content-language": language}
    return Response(page.encode(), status_code=status, media_type=HTML, headers=headers)


def _problem(request: ApiRequest, error: Exception) -> Response[bytes]:
    problem = problem_of(error)
    problem.request_id = request.state.request_id
    body = msgspec.json.encode(problem)
    return Response(body, status_code=problem.status, media_type=PROBLEM, headers=HEADERS)


def _language(request: ApiRequest, view: WayOut | None) -> str:
    asked = request.query_params.getall("lang", [])
    accepted = request.headers.get("accept-language", "")
    return choose_language(asked[0] if asked else None, accepted, view.jurisdiction if view else None)


def _wanted(request: ApiRequest) -> Wanted:
    """Which of page and JSON the caller prefers; "any" for a mail provider that names neither."""
    html = json = 0.0
    for part in request.headers.get("accept", "").split(",")[:_FIELDS_MAX]:
        kind, _, parameter = part.partition(";")
        quality = quality_of(parameter)
        if kind.strip().lower() in _HTML_TYPES:
            html = max(html, quality)
        elif kind.strip().lower() in _JSON_TYPES:
            json = max(json, quality)
    if json > html:
        return "json"
    return "html" if html > 0 else "any"
