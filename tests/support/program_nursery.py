"""The program, imported once and forked for every run of it: there in a moment, killed at any moment.

A run is `consent-ledger` with arguments, environment and outputs of its own, in a process of its own: the
same door, without a second of imports before it. A run that ends by itself says its exit status; one that is
killed says nothing.

The runs come from `tests.support.program_cradle`. The kernel buries them.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from tempfile import TemporaryFile
from typing import IO

import msgspec

from tests.support.memory import roomy_memory

ROOT = Path(__file__).resolve().parents[2]
KILLED = -signal.SIGKILL
REQUEST_BYTES_MAX = 2**16
DESCRIPTORS = 4
"""What goes with each request: standard input, output and errors, and where to say the exit status."""

RunProgram = Callable[..., "subprocess.CompletedProcess[bytes]"]
"""`Nursery.run`, as tests are given it."""

_RUN_SECONDS = 120


def own_environment(**settings: str) -> dict[str, str]:
    """The tests' own and these settings: a run makes itself a PostgreSQL, in memory where there is room."""
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    memory = roomy_memory()
    return kept | ({"TMPDIR": str(memory)} if memory else {}) | settings


class Wanted(msgspec.Struct):
    """One run: what to call it with, and where it stands.

    `clock`: a file with the milliseconds by which its clock is off.
    """

    arguments: list[str]
    environment: dict[str, str]
    clock: str | None = None
    folder: str = str(ROOT)


@dataclass(slots=True)
class Run:
    """A process of the program."""

    pid: int
    _ending: int
    _status: int | None = field(default=None)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def status(self, seconds: float = 0) -> int | None:
        """Its exit status once it has ended, `KILLED` for one that was killed; None while it lives.

        Any thread may ask. One at a time: what another closed meanwhile may by then be a stranger's.
        """
        with self._turn:
            if self._status is None and select([self._ending], [], [], seconds)[0]:
                said = os.read(self._ending, 8)
                os.close(self._ending)
                self._status = int(said) if said else KILLED
            return self._status

    def wait(self, seconds: float = 30) -> int:
        """Its exit status; raises `TimeoutError` when it does not end."""
        status = self.status(seconds)
        if status is None:
            raise TimeoutError(f"process {self.pid} goes on")
        return status

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it is gone: its number may be another's by then."""
        if self.status() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill -9, and return when it is gone."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> int:
        """Let it finish; its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()


class Nursery:
    """Where runs come from."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._turn = threading.Lock()

    def start(self, wanted: Wanted, *, output: Path, errors: Path) -> Run:
        """Begin a run; what it prints is appended to these two files."""
        with output.open("ab") as out, errors.open("ab") as err, Path(os.devnull).open("rb") as nothing:
            return self._begin(wanted, nothing, out, err)

    def run(
        self,
        *arguments: str,
        text: bytes = b"",
        folder: Path = ROOT,
        environment: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[bytes]":
        """A run from its beginning to its end, with this text to read, and what it printed."""
        wanted = Wanted(list(arguments), dict(environment or own_environment()), folder=str(folder))
        with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
            given.write(text)
            given.seek(0)
            run = self._begin(wanted, given, out, err)
            try:
                status = run.wait(_RUN_SECONDS)
            finally:
                run.kill()
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(arguments, status, out.read(), err.read())

    def _begin(self, wanted: Wanted, given: IO[bytes], out: IO[bytes], err: IO[bytes]) -> Run:
        ending, said = os.pipe()
        descriptors = [given.fileno(), out.fileno(), err.fileno(), said]
        with self._turn:
            socket.send_fds(self._control, [msgspec.json.encode(wanted)], descriptors)
            pid = int.from_bytes(self._control.recv(8))
        os.close(said)
        return Run(pid, ending)


@contextmanager
def a_nursery() -> Iterator[Nursery]:
    """One that has imported what it needs, and ends with this process whatever happens."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        arguments = [sys.executable, "-m", "tests.support.program_cradle", str(theirs.fileno())]
        process = subprocess.Popen(arguments, cwd=ROOT, pass_fds=[theirs.fileno()])
        theirs.close()
        yield Nursery(ours)
        ours.close()
        process.wait()
