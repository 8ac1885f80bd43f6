"""The embedded server's process: who it is, whether it lives, where it listens, how it ends."""

import os
import signal
import socket
import stat
import struct
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from service.wiring.embedded.programs import EmbeddedPostgresError, Programs

PORT = 5432  # nothing listens on it: PostgreSQL names its socket file after it

_SOCKET = f".s.PGSQL.{PORT}"
_SOCKET_DIRECTORY = "consent-ledger-"
_LONGEST_SOCKET_PATH = 107  # bytes: sun_path of unix(7) without its final zero
_ENDS = ((signal.SIGINT, 30), (signal.SIGQUIT, 5))  # a clean end, else a crash to recover from; seconds each


@dataclass(frozen=True)
class Postmaster:
    """The server process, as its `postmaster.pid` describes it."""

    pid: int
    socket_directory: Path
    status: str

    @classmethod
    def of(cls, data: Path) -> Self | None:
        """The one that `data` names, alive or not."""
        with suppress(FileNotFoundError, NotADirectoryError):
            lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            if lines and lines[0].strip().isdigit():
                lines += [""] * 8  # it is written bit by bit
                return cls(int(lines[0]), Path(lines[4].strip()), lines[7].strip())
        return None

    @property
    def ours(self) -> bool:
        """Whether this program started it: it does nothing to one that somebody started by hand."""
        return self.socket_directory.name.startswith(_SOCKET_DIRECTORY)

    def lives(self) -> bool:
        """Whether the process is a postgres: not a zombie, not another that got its number after a crash."""
        try:  # not /proc/…/cwd, which root in a container may not read
            name, _, rest = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")
        except OSError:
            return False
        return name.endswith("(postgres") and rest.split()[0] not in "ZX"

    def bury(self, data: Path) -> None:
        """Take away what PostgreSQL would mistake for a sign of life while a process has its number."""
        if not self.lives() and Path(f"/proc/{self.pid}").exists():
            (data / "postmaster.pid").unlink(missing_ok=True)
            (self.socket_directory / f"{_SOCKET}.lock").unlink(missing_ok=True)

    def answers(self) -> bool:
        """Whether it is this very process that listens on the socket."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            try:
                client.connect(str(self.socket_directory / _SOCKET))
            except OSError:
                return False
            pid, _, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            return int(pid) == self.pid


def shut_down(data: Path) -> None:
    """Stop the server of `data` and return when it is gone."""
    first = Postmaster.of(data)
    if first is None or not first.ours:
        return
    for request, seconds in _ENDS:
        if first.lives():
            os.kill(first.pid, request)
        limit = time.monotonic() + seconds
        while (found := Postmaster.of(data)) and found.lives() and time.monotonic() < limit:
            time.sleep(0.005)
        if not found or not found.lives():
            break
    with suppress(OSError):
        first.socket_directory.rmdir()


def socket_directory(data: Path, programs: Programs) -> Path:
    """A directory that only the server's user can enter, with a short path, the same for the life of `data`.

    Raises `EmbeddedPostgresError` when there is no place for it.
    """
    birth = (data / "PG_VERSION").stat()  # written once; a copy of the data is another file
    name = (
        _SOCKET_DIRECTORY
        + sha256(f"{birth.st_dev} {birth.st_ino} {birth.st_mtime_ns}".encode()).hexdigest()[:12]
    )
    owner = programs.account.pw_uid if programs.account else os.geteuid()
    for place in ("/tmp", "/run", tempfile.gettempdir(), data.parent):  # noqa: S108 - checked below to be ours
        path = Path(place, name)
        if len(os.fsencode(path / _SOCKET)) > _LONGEST_SOCKET_PATH:
            continue
        with suppress(OSError):
            with suppress(FileExistsError):
                path.mkdir(mode=0o700)
                programs.give(path)
            found = path.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == owner and not found.st_mode & 0o077:
                return path
    raise EmbeddedPostgresError("no place for PostgreSQL's socket: neither /tmp nor /run can be written to")
