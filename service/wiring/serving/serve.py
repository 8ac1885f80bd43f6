"""Serving: one process with its own event loop, or several on one socket under a supervisor.

With several workers the parent owns the socket, the embedded server and the preparation; each worker opens
its own pools on the same database. A killed worker is started again; one that gives up stops them all.
"""

import asyncio
import gc
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass

import msgspec
import uvloop

from service.core.errors import LedgerError, UnavailableError
from service.ledger.ports import Clock
from service.settings import Settings
from service.telemetry.metrics import Metrics
from service.telemetry.requests import Observed
from service.wiring.clock import now_ms
from service.wiring.compose import Composition, open_services
from service.wiring.database import database, kept_running, make_fit
from service.wiring.delivering import delivering
from service.wiring.durability import require_durable
from service.wiring.observing import metrics_served, observed, shared_metrics
from service.wiring.serving.bootstrap import greeting, prepare
from service.wiring.serving.http import BACKLOG, Server
from service.wiring.serving.workers import (
    COME_AGAIN,
    decode_assignment,
    encode_assignment,
    parent_is_gone,
    supervise,
)


class ServeError(LedgerError):
    """The service cannot be started as asked; the message is one line that says what to change."""


@dataclass(frozen=True, slots=True)
class Serving:
    """How to serve: beside the settings, what only this command knows. `clock`: of a single process only."""

    workers: int = 1
    example_sender: bool = False
    with_worker: bool = False
    first_key: bool = True
    clock: Clock = now_ms


def serve(settings: Settings, serving: Serving) -> None:
    """Serve until SIGTERM or SIGINT; returns when everything accepted is finished.

    Prints where it serves on standard output, and on the first start how to begin. Raises `ServeError` and
    whatever `open_services`, `make_fit` and the embedded server raise.
    """
    with closing(_listen(settings.host, settings.port)) as listening:
        url = _url(settings.host, listening)
        if settings.public_url is None:
            settings = msgspec.structs.replace(settings, public_url=url)
        with database(settings) as dsn:
            make_fit(dsn, may_upgrade=settings.database_url is None)
            require_durable(dsn, settings)
            run = _run_alone if serving.workers == 1 else _run_several
            _in_loop(lambda: run(settings, dsn, serving, listening, url))


async def _run_alone(
    settings: Settings, dsn: str, serving: Serving, listening: socket.socket, url: str
) -> None:
    async with kept_running(settings), open_services(settings, dsn, clock=serving.clock) as composition:
        key = await _prepare(settings, composition, serving)
        hello = greeting(settings, url, key, example_sender=serving.example_sender)
        async with _beside(settings, dsn, serving, composition.metrics):
            with observed(settings, composition) as app, metrics_served(settings, composition.metrics):
                server = _server(settings, composition, app, on_ready=lambda: _say(hello))
                _spare_the_collector()
                await server.serve([listening])


async def _run_several(
    settings: Settings, dsn: str, serving: Serving, listening: socket.socket, url: str
) -> None:
    async with kept_running(settings):
        async with open_services(settings, dsn) as composition:
            key = await _prepare(settings, composition, serving)
        hello = greeting(settings, url, key, example_sender=serving.example_sender)
        with shared_metrics(settings) as environment:
            async with _beside(settings, dsn, serving, Metrics()):
                await supervise(
                    settings,
                    encode_assignment(settings, dsn, listening),
                    listening.fileno(),
                    environment=environment,
                    count=serving.workers,
                    on_ready=lambda: _say(hello),
                )


async def _prepare(settings: Settings, composition: Composition, serving: Serving) -> str | None:
    return await prepare(
        settings, composition, example_sender=serving.example_sender, first_key=serving.first_key
    )


@asynccontextmanager
async def _beside(settings: Settings, dsn: str, serving: Serving, metrics: Metrics) -> AsyncIterator[None]:
    """Deliver webhooks in this process too, if asked to."""
    if not serving.with_worker:
        yield
        return
    async with delivering(settings, dsn, metrics, clock=serving.clock):
        yield


def serve_as_worker(assignment: bytes) -> None:
    """Be one of several: serve on the parent's socket until a signal, or until the parent is gone.

    `assignment`: the first line of standard input. Raises what `open_services` raises, and `SystemExit` with
    `COME_AGAIN` where that is an outage of the database.
    """
    settings, dsn, listening = decode_assignment(assignment)
    with closing(listening):
        try:
            _in_loop(lambda: _run_worker(settings, dsn, listening))
        except UnavailableError as error:
            # The parent was here before, so this is an outage: it lets the others serve and tries again.
            raise SystemExit(COME_AGAIN) from error


async def _run_worker(settings: Settings, dsn: str, listening: socket.socket) -> None:
    async with open_services(settings, dsn) as composition:
        with observed(settings, composition) as app:
            server = _server(settings, composition, app, on_ready=lambda: _say("ready"))

            async def stop_with_parent() -> None:
                await parent_is_gone()
                server.stop()

            _spare_the_collector()
            watch = asyncio.create_task(stop_with_parent())
            await server.serve([listening])
            watch.cancel()


def _server(
    settings: Settings, composition: Composition, app: Observed, *, on_ready: Callable[[], None]
) -> Server:
    return Server(
        app,
        shutdown_seconds=settings.shutdown_seconds,
        on_ready=on_ready,
        on_drain=composition.services.drain,
    )


def _in_loop(main: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await main()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = error.strerror if isinstance(error, OSError) else "no such port"
        raise ServeError(
            f"cannot listen on {host} port {port} ({reason}): choose another --host or --port (0: a free one)"
        ) from error
    return listening


def _url(host: str, listening: socket.socket) -> str:
    port = listening.getsockname()[1]
    # Nobody can paste an address that means "all of them".
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - shown, not bound
    return f"http://{shown}:{port}"


def _spare_the_collector() -> None:
    """What was loaded at start lives for ever: the collector need not look at it again."""
    gc.collect()
    gc.freeze()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
