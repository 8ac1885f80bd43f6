"""The program, imported once and forked for every run of it: there in a moment, killed at any moment.

A run is `consent-ledger` with arguments, environment and outputs of its own, in a process of its own: the
same door, without a second of imports before it. A run that ends by itself says its exit status; one that is
killed says nothing.

`python -m tests.support.program_nursery <descriptor>` is where the runs come from. The kernel buries them.
"""

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from select import select

import msgspec

# Everything a run may need, also what it would only import when it needs it: what is missing here, each run
# would import again.
import service.cli.audit
import service.cli.import_list.command
import service.cli.keys
import service.cli.relay
import service.cli.serve
import service.storage.migrate  # noqa: F401 - imported to be there
from service.cli.entry import explain, run
from service.core.errors import LedgerError
from service.settings import read_settings
from service.telemetry.logs import configure_logging
from service.wiring.serving.serve import Serving, serve

ROOT = Path(__file__).resolve().parents[2]
KILLED = -signal.SIGKILL
_REQUEST_BYTES_MAX = 2**16


class Wanted(msgspec.Struct):
    """One run: what to call it with. `clock`: a file with the milliseconds by which its clock is off."""

    arguments: list[str]
    environment: dict[str, str]
    clock: str | None = None


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
        ending, said = os.pipe()
        with output.open("ab") as out, errors.open("ab") as err:
            descriptors = [out.fileno(), err.fileno(), said]
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
        arguments = [sys.executable, "-m", "tests.support.program_nursery", str(theirs.fileno())]
        process = subprocess.Popen(arguments, cwd=ROOT, pass_fds=[theirs.fileno()])
        theirs.close()
        yield Nursery(ours)
        ours.close()
        process.wait()


def _fork_on_demand(control: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, _REQUEST_BYTES_MAX, 3)
        if not request:
            return
        pid = os.fork()
        if pid == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _be_the_program(msgspec.json.decode(request, type=Wanted), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(pid.to_bytes(8))


def _be_the_program(wanted: Wanted, output: int, errors: int, said: int) -> None:
    for descriptor, place in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (errors, 2)):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.set_inheritable(said, False)  # noqa: FBT003 - as the system's function is called
    os.environ.clear()
    os.environ.update(wanted.environment)
    status = 70
    try:
        status = _with_clock(wanted) if wanted.clock else run(wanted.arguments)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os.write(said, str(status).encode())
        os._exit(status)


def _with_clock(wanted: Wanted) -> int:
    """Serve as the program does, by a clock that is off by what stands in a file at that moment."""
    configure_logging()
    clock = partial(_shifted, Path(wanted.clock or ""))
    try:
        serve(read_settings(os.environ), Serving(clock=clock))
    except LedgerError as error:
        status, line = explain(error)
        sys.stderr.write(f"{line}\n")
        return status
    return 0


def _shifted(file: Path) -> int:
    return time.time_ns() // 1_000_000 + int(file.read_text(encoding="ascii"))


if __name__ == "__main__":
    _fork_on_demand(socket.socket(fileno=int(sys.argv[1])))
