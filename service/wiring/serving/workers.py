"""Several worker processes on one socket: started, started again when killed, stopped together.

A worker gets the socket as an inherited descriptor and everything else as one line of JSON on its standard
input, which then stays open: when it ends, the parent is gone, and the worker stops too.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping

import msgspec
import structlog

from service.core.errors import LedgerError
from service.settings import Settings, read_settings
from service.telemetry.metrics import forget_process

WORKER_COMMAND = "_worker"
"""The hidden command that a worker process runs."""

COME_AGAIN = os.EX_TEMPFAIL
"""The exit status of a worker that could not begin for now: the database is away."""

_RESTART_SECONDS = 1.0
_GRACE_SECONDS = 5.0
_log = structlog.get_logger(__name__)


class WorkerError(LedgerError):
    """A worker gave up; what it said stands on standard error."""


class Assignment(msgspec.Struct):
    """What a worker is told."""

    settings: dict[str, object]
    dsn: str
    socket: int


def encode_assignment(settings: Settings, dsn: str, listening: socket.socket) -> bytes:
    """One line for a worker's standard input."""
    told = Assignment(msgspec.structs.asdict(settings), dsn, listening.fileno())
    return msgspec.json.encode(told, enc_hook=str) + b"\n"


def decode_assignment(line: bytes) -> tuple[Settings, str, socket.socket]:
    """What the parent said."""
    told = msgspec.json.decode(line, type=Assignment)
    return read_settings({}, **told.settings), told.dsn, socket.socket(fileno=told.socket)


async def parent_is_gone() -> None:
    """Return when the parent has closed our standard input, or died."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass


async def supervise(
    settings: Settings,
    assignment: bytes,
    descriptor: int,
    *,
    environment: Mapping[str, str],
    count: int,
    on_ready: Callable[[], None],
) -> None:
    """Keep `count` workers serving the socket of this descriptor until SIGTERM or SIGINT; let them finish.

    `environment`: what theirs has beside ours.

    Raises `WorkerError` when one of them ends by itself: then all are stopped.
    """
    crew = _Crew(settings, assignment, descriptor, environment)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, crew.stopping.set)
    try:
        keepers = [asyncio.create_task(crew.keep_one()) for _ in range(count)]
        for _ in range(count):
            await crew.wait_until_ready(keepers)
        if not crew.stopping.is_set():
            on_ready()
        await asyncio.wait(keepers, return_when=asyncio.FIRST_EXCEPTION)
        crew.stopping.set()
        await asyncio.gather(*keepers)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


class _Crew:
    def __init__(
        self, settings: Settings, assignment: bytes, descriptor: int, environment: Mapping[str, str]
    ) -> None:
        self._settings = settings
        self._assignment = assignment
        self._descriptor = descriptor
        self._environment = environment
        self._ready = asyncio.Semaphore(0)
        self.stopping = asyncio.Event()

    async def wait_until_ready(self, keepers: list[asyncio.Task[None]]) -> None:
        """Return when one more worker serves, or none will."""
        ready = asyncio.create_task(self._ready.acquire())
        await asyncio.wait([ready, *keepers], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()

    async def keep_one(self) -> None:
        """Run one worker, again and again, until told to stop."""
        while not self.stopping.is_set():
            status = await self._run_one()
            if self.stopping.is_set():
                return
            if status == COME_AGAIN:
                _log.error("worker_waits", reason="the database is not available")
            elif status >= 0:
                raise WorkerError("a worker gave up (see above): nothing is served any more")
            else:
                # Killed from outside: whatever it had acknowledged is in the database.
                _log.error("worker_killed", signal=-status)
            await asyncio.sleep(_RESTART_SECONDS)

    async def _run_one(self) -> int:
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "service", WORKER_COMMAND),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[self._descriptor],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), **self._environment},
            # Ctrl-C at a terminal is for the parent: it lets each worker finish.
            start_new_session=True,
        )
        ended = asyncio.create_task(worker.wait())
        stopped = asyncio.create_task(self.stopping.wait())
        told = asyncio.create_task(self._tell(worker))
        try:
            await asyncio.wait([ended, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                worker.terminate()
                await asyncio.wait([ended], timeout=self._settings.shutdown_seconds + _GRACE_SECONDS)
            if not ended.done():
                worker.kill()
            return await ended
        finally:
            stopped.cancel()
            told.cancel()
            forget_process(worker.pid)

    async def _tell(self, worker: asyncio.subprocess.Process) -> None:
        if worker.stdin is None or worker.stdout is None:
            return
        worker.stdin.write(self._assignment)
        if await worker.stdout.readline():
            self._ready.release()
