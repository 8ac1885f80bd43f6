"""Reading bodies and writing answers: strict JSON in, msgspec out, every limit named."""

from collections.abc import AsyncIterator
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response

from service.api.problems import ApiError
from service.core.canonical import parse_strict
from service.core.errors import InputError
from service.core.events.refusals import refused

ApiRequest = Request[Any, Any, Any]
T = TypeVar("T")

JSON = "application/json"
NDJSON = "application/x-ndjson"
LINE_BYTES_MAX = 65_536
REQUEST_BYTES_MAX = 8_388_608

_ENCODER = msgspec.json.Encoder()


def header(request: ApiRequest, name: bytes) -> str:
    """A header of this lower-case name, empty where it was not sent. Builds no map of all of them."""
    for known, value in request.scope["headers"]:
        if known == name:
            return value.decode("latin-1")
    return ""


def media_type(request: ApiRequest) -> str:
    """The declared type of the body, without its parameters, in lower case."""
    return header(request, b"content-type").partition(";")[0].strip().lower()


async def read_json(request: ApiRequest) -> object:
    """The body as strictly parsed JSON.

    Raises `ApiError` 415 for another media type or a content coding, 413 for a body that is larger than
    `REQUEST_BYTES_MAX`, and `FormatError` for what is not JSON.
    """
    require_media_type(request, JSON)
    return parse_strict(await _whole(request))


async def _whole(request: ApiRequest) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    # Refused before it is read where its length is announced.
    announced = header(request, b"content-length")
    if announced.isdecimal() and int(announced) > REQUEST_BYTES_MAX:
        raise ApiError(413, "content-too-large", "The body is larger than is read here")
    while more:
        message = await request.receive()
        if message["type"] != "http.request":
            raise ApiError(400, "malformed-request", "The body ended early")
        chunks.append(message.get("body", b""))
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        if size > REQUEST_BYTES_MAX:
            raise ApiError(413, "content-too-large", "The body is larger than is read here")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def require_media_type(request: ApiRequest, *accepted: str) -> str:
    """The body's media type, if it is one of `accepted` and not compressed. Raises `ApiError` 415."""
    declared = media_type(request)
    if declared not in accepted or header(request, b"content-encoding") not in ("", "identity"):
        raise ApiError(
            415,
            "unsupported-media-type",
            "This kind of body is not read here",
            f"send {' or '.join(accepted)}, uncompressed",
        )
    return declared


def convert(obj: object, kind: type[T]) -> T:
    """`obj` as a request struct. Raises `InputError` with the pointer of the field."""
    try:
        return msgspec.convert(obj, kind)
    except msgspec.ValidationError as error:
        raise refused(error, InputError) from None


def respond(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response[bytes]:
    """A JSON answer. Answers about people are never to be cached."""
    return Response(
        _ENCODER.encode(body),
        status_code=status,
        media_type=JSON,
        headers={"cache-control": "no-store", **(headers or {})},
    )


async def lines(request: ApiRequest) -> AsyncIterator[list[bytes]]:
    """The body's lines in groups, as they arrive. Empty lines are left out.

    Raises `ApiError` 413 for a line longer than `LINE_BYTES_MAX`.
    """
    rest = b""
    async for chunk in request.stream():
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > LINE_BYTES_MAX or any(len(line) > LINE_BYTES_MAX for line in whole):
            raise ApiError(413, "content-too-large", "A line is longer than is read here")
        if group := [line for line in whole if line.strip()]:
            yield group
    if rest.strip():
        yield [rest]
