"""Reading bodies and writing answers: strict JSON in, msgspec out, every limit named."""

from collections.abc import AsyncIterator
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response
from litestar.exceptions import InternalServerException

from service.api.limits import BATCH_BYTES_MAX, JSON_DEPTH_MAX, LINE_BYTES_MAX
from service.api.problems import ApiError
from service.core.canonical import parse_strict
from service.core.errors import InputError
from service.core.events.refusals import refused

ApiRequest = Request[Any, Any, Any]
T = TypeVar("T")

JSON = "application/json"
NDJSON = "application/x-ndjson"

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


async def read_json(request: ApiRequest, most: int | None = None) -> object:
    """The body as strictly parsed JSON.

    Raises `ApiError` 415 for another media type or a content coding, 413 for a body that is larger than
    `most`, or than its route reads, and `FormatError` for what is not JSON.
    """
    require_media_type(request, JSON)
    most = most or request.route_handler.resolve_request_max_body_size() or BATCH_BYTES_MAX
    return parse_strict(await _whole(request, most), max_depth=JSON_DEPTH_MAX)


async def read_batch(request: ApiRequest) -> object:
    """The body of a JSON batch, on a route whose streams have no limit. Raises as `read_json`."""
    require_media_type(request, JSON)
    return parse_strict(await _whole(request, BATCH_BYTES_MAX), max_depth=JSON_DEPTH_MAX)


async def _whole(request: ApiRequest, most: int) -> bytes:
    arrived: list[bytes] = []
    size, more = 0, True
    # Refused before it is read where its length is announced.
    announced = header(request, b"content-length")
    if announced.isdecimal() and int(announced) > most:
        raise ApiError(413, "content-too-large", "The body is larger than is read here")
    while more:
        message = await request.receive()
        if message["type"] != "http.request":
            raise ApiError(400, "malformed-request", "The request cannot be understood", "it was cut off")
        arrived.append(message.get("body", b""))
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
        if size > most:
            raise ApiError(413, "content-too-large", "The body is larger than is read here")
    return arrived[0] if len(arrived) == 1 else b"".join(arrived)


async def chunks(request: ApiRequest) -> AsyncIterator[bytes]:
    """The body as it arrives.

    Raises `ApiError` 400 when the caller went away before all of it had come, which is no fault of ours.
    """
    try:
        async for chunk in request.stream():
            yield chunk
    except InternalServerException:
        raise ApiError(
            400, "malformed-request", "The request cannot be understood", "it was cut off"
        ) from None


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


async def lines(request: ApiRequest, group_max: int = 1_000_000) -> AsyncIterator[list[bytes]]:
    """The body's lines in groups of at most `group_max`, as they arrive. Empty lines are left out.

    Raises `ApiError` 413 for a line longer than `LINE_BYTES_MAX`; the lines before it come first.
    """
    rest = b""
    async for chunk in chunks(request):
        *whole, rest = (rest + chunk).split(b"\n")
        too_long = next((at for at, line in enumerate(whole) if len(line) > LINE_BYTES_MAX), None)
        group = [line for line in whole[:too_long] if line.strip()]
        for start in range(0, len(group), group_max):
            yield group[start : start + group_max]
        if too_long is not None or len(rest) > LINE_BYTES_MAX:
            raise ApiError(413, "content-too-large", "A line is longer than is read here")
    if rest.strip():
        yield [rest]
