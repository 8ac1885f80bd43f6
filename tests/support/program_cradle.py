"""The process that imports the program and is forked for every run of it: `python -m … <descriptor>`.

What a run would import is imported here, once, and that includes what it would only import when it needs it.
Started by `tests.support.program_nursery` alone, with the descriptor of the socket that brings its requests.
"""

import gc
import importlib
import os
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path

import msgspec

import service.storage.migrate  # noqa: F401 - imported to be there
from service.cli.entry import _COMMANDS, explain, run
from service.core.errors import LedgerError
from service.settings import read_settings
from service.telemetry.logs import configure_logging
from service.wiring.serving.serve import Serving, serve
from tests.support.program_nursery import DESCRIPTORS, REQUEST_BYTES_MAX, Wanted


def _fork_on_demand(control: socket.socket) -> None:
    for module, _, _ in _COMMANDS.values():
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, REQUEST_BYTES_MAX, DESCRIPTORS)
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


def _be_the_program(wanted: Wanted, *descriptors: int) -> None:
    *standard, said = descriptors
    for place, descriptor in enumerate(standard):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.set_inheritable(said, False)  # noqa: FBT003 - as the system's function is called
    os.chdir(wanted.folder)
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
