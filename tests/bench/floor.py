"""The floor of a campaign: lines in, HMAC, one indexed read, lines out, over the same server; no decision."""

import asyncio
import hmac
import multiprocessing
import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import msgspec
import uvicorn
from litestar import Litestar, Request, Response, post

from service.api.duplex import Duplex
from service.storage.postgres import open_pool
from tests.bench.ceilings import wait_until_open

_READ = "SELECT subject_key, standing FROM subject WHERE ledger_id = $1 AND subject_key = ANY($2::bytea[])"
_LANES = 2


class Address(msgspec.Struct, gc=False):
    """As much of a line as is read."""

    kind: str
    value: str


class Line(msgspec.Struct, gc=False):
    """One line."""

    address: Address


class Answer(msgspec.Struct, gc=False):
    """An answer that says no more than whether there was a row."""

    line: int
    status: int
    known: bool


_DECODER = msgspec.json.Decoder(Line)
_ENCODER = msgspec.json.Encoder()


async def _answered(pool: asyncpg.Pool, secret: bytes, raw: bytes, first: int) -> bytes:
    keys = [
        hmac.digest(secret, b"clv1/subject\x05email\0%c%b" % (len(value), value), "sha256")
        for value in [line.address.value.encode() for line in _DECODER.decode_lines(raw)]
    ]
    async with pool.acquire() as connection:
        found = {row[0] for row in await connection.fetch(_READ, 1, keys)}
    return _ENCODER.encode_lines([Answer(first + at, 200, key in found) for at, key in enumerate(keys)])


async def _stream(
    request: Request[Any, Any, Any], pool: asyncpg.Pool, secret: bytes
) -> AsyncGenerator[bytes, None]:
    rest, count = b"", 0
    lanes: list[asyncio.Task[bytes]] = []
    async for chunk in request.stream():
        whole, _, rest = (rest + chunk).rpartition(b"\n")
        if whole:
            lanes.append(asyncio.create_task(_answered(pool, secret, whole, count)))
            count += whole.count(b"\n") + 1
        if len(lanes) > _LANES:
            yield await lanes.pop(0)
    for lane in lanes:
        yield await lane
    yield b'{"summary":{}}\n'


@post("/", status_code=200, request_max_body_size=None)
async def answer(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Answer every line."""
    return Duplex(
        _stream(request, request.app.state.pool, request.app.state.secret), media_type="application/x-ndjson"
    )


def _serve(port: int, dsn: str, secret: bytes) -> None:
    async def connect(app: Litestar) -> None:
        app.state.pool, app.state.secret = await open_pool(dsn, size=_LANES), secret

    app = Litestar([answer], on_startup=[connect], logging_config=None, openapi_config=None)
    uvicorn.run(app, port=port, log_level="error", access_log=False, loop="uvloop", http="httptools")


@contextmanager
def floor_endpoint(dsn: str, secret: bytes) -> Iterator[int]:
    """Serve it in a process of its own; yields the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(port, dsn, secret), daemon=True
    )
    server.start()
    wait_until_open(port)
    try:
        yield port
    finally:
        server.terminate()
        server.join()
