"""The ceiling of the same run: an endpoint that reads a JSON body, answers it, and does nothing else."""

import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import uvicorn
from litestar import Litestar, Response, post

_START_SECONDS = 20


class Body(msgspec.Struct):
    """As much of an event as has to be parsed."""

    type: str
    source_event_id: str
    sender: str


@post("/", status_code=200)
async def answer(data: Body) -> Response[bytes]:
    """Echo one field."""
    return Response(msgspec.json.encode({"id": data.source_event_id}), media_type="application/json")


def _serve(port: int) -> None:
    app = Litestar([answer], logging_config=None, openapi_config=None)
    uvicorn.run(app, port=port, log_level="error", access_log=False, loop="uvloop", http="httptools")


@contextmanager
def bare_endpoint() -> Iterator[int]:
    """Serve it in a process of its own; yields the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(port,), daemon=True)
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
