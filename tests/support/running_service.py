"""The service as processes of their own: started, asked, killed, started again."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from tests.support.line_service import LINE_BYTES_MAX
from tests.support.workload import NAME, ORIGIN_HOST, Event

ROOT = Path(__file__).resolve().parents[2]

Answer = dict[str, Any]


class ServiceDiedError(Exception):
    """The process ended before it had answered: what became of the events is not known."""


class Nursery:
    """Where services come from."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    @asynccontextmanager
    async def service(
        self, dsn: str, data_dir: Path, *, crash_at: str | None = None
    ) -> AsyncIterator["RunningService"]:
        """A worker process on this database and data directory; killed in the end if it still lives."""
        service = await self.start(dsn, data_dir, crash_at=crash_at)
        try:
            yield service
        finally:
            service.kill()
            await service.gone()

    async def start(self, dsn: str, data_dir: Path, *, crash_at: str | None = None) -> "RunningService":
        """The same, once it serves or has refused to; whoever asks for it ends it."""
        settings = {
            "DATABASE_URL": dsn,
            "CONSENT_LEDGER_DATA_DIR": str(data_dir),
            "CONSENT_LEDGER_ORIGIN_HOST": ORIGIN_HOST,
            "CONSENT_LEDGER_LEDGER": NAME,
            "CONSENT_LEDGER_POOL_SIZE": "3",
        }
        if crash_at is not None:
            settings["CONSENT_LEDGER_CRASH_AT"] = crash_at
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [msgspec.json.encode(settings)], [theirs.fileno()])
        pid = int.from_bytes(await asyncio.to_thread(self._control.recv, 8))
        reader, writer = await asyncio.open_connection(sock=ours, limit=LINE_BYTES_MAX)
        service = RunningService(pid, reader, writer)
        await service.said_something()
        return service


@contextmanager
def a_nursery() -> Iterator[Nursery]:
    """One that has imported what it needs, and ends with this process whatever happens."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.line_service", str(theirs.fileno())],
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        yield Nursery(ours)
        ours.close()
        process.wait()


class RunningService:
    """One worker process. What it had not answered when it died raises `ServiceDiedError`."""

    def __init__(self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = pid
        self.said: Answer = {}
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[list[Answer]]] = {}
        self._sent = 0
        self._first_word = asyncio.Event()
        self._ended = False
        self._reading = asyncio.create_task(self._read())

    @property
    def serves(self) -> bool:
        """Whether it lives and has not refused to serve."""
        return "ready" in self.said and not self._ended

    async def send(self, events: Sequence[Event]) -> list[Answer]:
        """Send events as one request; their outcomes, in order."""
        if self._ended:
            raise ServiceDiedError
        self._sent += 1
        answer: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        self._waiting[self._sent] = answer
        with suppress(ConnectionError):
            self._writer.write(msgspec.json.encode({"id": self._sent, "events": events}) + b"\n")
            await self._writer.drain()
        return await answer

    def kill(self) -> None:
        """Kill -9."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it is gone: its number may be another's by then."""
        if not self._ended:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def stop(self) -> None:
        """Send nothing more and wait until everything accepted is answered and it has ended."""
        with suppress(OSError):
            self._writer.write_eof()
        await self._reading

    async def gone(self) -> None:
        """Wait until it has ended."""
        await self._reading

    async def said_something(self) -> None:
        """Wait until it says that it serves, says why it does not, or ends."""
        await self._first_word.wait()

    async def _read(self) -> None:
        with suppress(ConnectionError):
            while line := await self._reader.readline():
                if line.endswith(b"\n"):  # what a dying process had half written is no answer
                    self._hear(msgspec.json.decode(line))
        self._ended = True
        self._first_word.set()
        for answer in self._waiting.values():
            answer.set_exception(ServiceDiedError())
            answer.exception()  # perhaps nobody waits for it any more
        self._writer.close()

    def _hear(self, said: Answer) -> None:
        if "outcomes" in said:
            self._waiting.pop(said["id"]).set_result(said["outcomes"])
        else:
            self.said = said
            self._first_word.set()
