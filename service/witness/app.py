"""The witness over HTTP: `POST /add-checkpoint`, and `GET /<hex SHA-256 of the origin>/checkpoint`."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog
from litestar import Litestar, Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.params import FromPath

from service.core.checkpoint import Checkpoint
from service.core.errors import FormatError
from service.core.notes import Verifier
from service.core.witness import (
    BAD_REQUEST,
    NOT_FOUND,
    REQUEST_BYTES_MAX,
    SIZE_MEDIA_TYPE,
    WitnessRefusalError,
    parse_add_checkpoint,
)
from service.witness.memory import WitnessMemory

_TEXT = "text/plain"
_log = structlog.get_logger(__name__)


class Cosigns(Protocol):
    """A witness's key, as `service.core.notes.Cosigner` has one."""

    def cosign(self, text: str, time: int) -> str:
        """The signature line over a checkpoint's text, at this time in seconds since 1970."""


class _Witness:
    """The two questions a witness is asked."""

    def __init__(
        self,
        cosigner: Cosigns,
        logs: Mapping[str, Sequence[Verifier]],
        memory: WitnessMemory,
        clock: Callable[[], int],
    ) -> None:
        self._cosigner = cosigner
        self._logs = logs
        self._memory = memory
        self._clock = clock
        self._origins = {hashlib.sha256(origin.encode()).hexdigest(): origin for origin in logs}

    async def add(self, body: bytes) -> Response[bytes]:
        """Cosign a checkpoint that extends the newest one cosigned here."""
        now = self._clock()

        def cosign(checkpoint: Checkpoint) -> str:
            return self._cosigner.cosign(checkpoint.text, now)

        try:
            asked = parse_add_checkpoint(body)
            line = await asyncio.to_thread(self._memory.take, asked, self._logs, cosign, now)
        except WitnessRefusalError as refusal:
            if refusal.contradiction:
                _log.error("log_contradicts_itself", reason=str(refusal))
            return _refuse(refusal)
        except FormatError as error:
            return _answer(BAD_REQUEST, f"{error}\n")
        return _answer(200, line)

    async def newest(self, origin_hash: str) -> Response[bytes]:
        """The newest checkpoint of a log that was cosigned here."""
        origin = self._origins.get(origin_hash)
        note = await asyncio.to_thread(self._memory.newest, origin) if origin is not None else None
        if note is None:
            return _answer(NOT_FOUND, "no checkpoint of this log was cosigned here\n")
        return Response(note, media_type=_TEXT, headers={"cache-control": "no-cache"})


def create_witness(
    cosigner: Cosigns,
    logs: Mapping[str, Sequence[Verifier]],
    memory: WitnessMemory,
    clock: Callable[[], int],
) -> Litestar:
    """The application. `logs`: the keys of the logs it cosigns, by origin; `clock` in seconds since 1970."""
    witness = _Witness(cosigner, logs, memory, clock)

    @post("/add-checkpoint", status_code=200)
    async def add_checkpoint(request: Request[Any, Any, Any]) -> Response[bytes]:
        """What logs ask."""
        return await witness.add(await request.body())

    @get("/{origin_hash:str}/checkpoint")
    async def read_checkpoint(origin_hash: FromPath[str]) -> Response[bytes]:
        """What monitors ask."""
        return await witness.newest(origin_hash)

    return Litestar(
        route_handlers=[add_checkpoint, read_checkpoint],
        request_max_body_size=REQUEST_BYTES_MAX,
        exception_handlers={HTTPException: _http_error},
        openapi_config=None,
        logging_config=None,
    )


def _refuse(refusal: WitnessRefusalError) -> Response[bytes]:
    if refusal.size is not None:
        # In a header of its own: as a media type it would be given a charset, and clients compare it whole.
        kind = {"content-type": SIZE_MEDIA_TYPE}
        return Response(f"{refusal.size}\n".encode(), status_code=refusal.status, headers=kind)
    return _answer(refusal.status, f"{refusal}\n")


def _answer(status: int, text: str) -> Response[bytes]:
    return Response(text.encode(), status_code=status, media_type=_TEXT)


def _http_error(_request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    return _answer(error.status_code, f"{error.detail}\n")
