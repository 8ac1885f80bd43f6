"""The ceilings of the same run: what the same server and database do when they do nothing else."""

import hashlib
import multiprocessing
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg
import msgspec
import uvicorn
from litestar import Litestar, Request, Response, post
from litestar.datastructures import State

_START_SECONDS = 20
_READ = "SELECT standing FROM subject WHERE ledger_id = 1 AND subject_key = $1"
_CONNECTIONS = 4


class Body(msgspec.Struct):
    """As much of an event or a question as has to be parsed."""

    sender: str


@post("/", status_code=200)
async def answer(data: Body) -> Response[bytes]:
    """Echo one field."""
    return Response(msgspec.json.encode({"sender": data.sender}), media_type="application/json")


@post("/read", status_code=200)
async def answer_after_a_read(data: Body, request: Request[object, object, State]) -> Response[bytes]:
    """Echo one field after one prepared read by primary key."""
    connection: asyncpg.Connection
    async with request.app.state.pool.acquire() as connection:
        row = await connection.fetchrow(_READ, hashlib.sha256(await request.body()).digest())
    return Response(
        msgspec.json.encode({"sender": data.sender, "found": row is not None}), media_type="application/json"
    )


def _serve(port: int, dsn: str) -> None:
    @asynccontextmanager
    async def pool(app: Litestar) -> AsyncIterator[None]:
        async with asyncpg.create_pool(
            dsn, min_size=_CONNECTIONS, max_size=_CONNECTIONS, reset=_kept
        ) as made:
            app.state.pool = made
            yield

    app = Litestar([answer, answer_after_a_read], lifespan=[pool], logging_config=None, openapi_config=None)
    uvicorn.run(app, port=port, log_level="error", access_log=False, loop="uvloop", http="httptools")


async def _kept(_connection: asyncpg.Connection) -> None:
    """Spare the round trip of a reset, as the service does."""


@contextmanager
def bare_endpoints(dsn: str) -> Iterator[int]:
    """Serve `/`, which only parses, and `/read`, in a process of their own; yields the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(port, dsn), daemon=True)
    server.start()
    wait_until_open(port)
    try:
        yield port
    finally:
        server.terminate()
        server.join()


def wait_until_open(port: int) -> None:
    """Return when somebody listens on this port."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)


async def copied_per_second(dsn: str, lines: list[bytes]) -> float:
    """Rows a second when the same bytes go into a plain table by COPY, fsync on, 256 a transaction."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CREATE TABLE ceiling (id bigserial PRIMARY KEY, body bytea)")
        started = time.perf_counter()
        for start in range(0, len(lines), 256):
            rows = [(line,) for line in lines[start : start + 256]]
            await connection.copy_records_to_table("ceiling", records=rows, columns=["body"])
        return len(lines) / (time.perf_counter() - started)
    finally:
        await connection.execute("DROP TABLE ceiling")
        await connection.close()
