"""A PostgreSQL of our own, for where none is configured: started on a directory, stopped by its last user.

A directory holds `data/` (the cluster), `postgres.log`, and two lock files. Their protocol:

- `turn.lock` is held exclusively while somebody starts or stops the server, so two processes never fight.
- `users.lock` is held shared by all who use it. Who can make it exclusive was the last, and stops the server.

The kernel drops a dead process's locks, so kill -9 needs no special case. The server outlives a service that
is killed; the next start finds it running and uses it. A server that is killed is started again and recovers.

The server listens on a Unix socket only, in a directory that only its own user (and root) can enter: whoever
gets there is trusted, and nothing listens on the network.
"""

import fcntl
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from service.wiring.embedded.postmaster import PORT, Postmaster, shut_down, socket_directory
from service.wiring.embedded.programs import (
    MAJOR,
    EmbeddedPostgresError,
    EmbeddedPostgresMissingError,
    Programs,
    locate,
)

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "EmbeddedPostgresMissingError", "throw_away"]

DATABASE = OWNER = "consent_ledger"

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "cluster_name": "consent-ledger",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Logs carry no personal data: neither statements nor the values that PostgreSQL quotes in details.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    # A small machine shared with the service: nothing that stands idle, no parallel plans.
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "jit": "off",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_START_SECONDS = 600  # a recovery can take long
_END_SECONDS = 30  # processes of a server that was killed end within moments
_LOG_BYTES = 10_000_000
_OTHER_PROCESSES = re.compile("lock file .* already exists|is still in use")


class _OtherProcessesError(EmbeddedPostgresError):
    """Processes of a server that was killed still end, or one that a killed process started still begins."""


class EmbeddedPostgres:
    """A running server that this process uses: from `start` to `stop`, or as a context manager."""

    def __init__(self, directory: Path, postmaster: Postmaster, users: int) -> None:
        self.directory = directory
        self.pid = postmaster.pid
        self.dsn = f"postgresql://{OWNER}@/{DATABASE}?host={postmaster.socket_directory}&port={PORT}"
        self._users: int | None = users

    @classmethod
    def start(cls, directory: Path, *, durable: bool = True) -> Self:
        """Start the server of `directory`, or join it where it runs; make its data where there are none.

        `dsn` then names the database `consent_ledger` and a login that owns everything. What is committed
        survives any crash, unless `durable` is false, which is for tests. Blocks: about a second the first
        time, a quarter of one later, longer after a crash. Raises `EmbeddedPostgresError`.
        """
        directory = directory.absolute()
        with _in_one_line(directory):
            programs = locate(directory)
            _claim(directory, programs)
            with _turn(directory, programs) as turn:
                users = _open_lock(directory / "users.lock", programs)
                try:
                    fcntl.flock(users, fcntl.LOCK_SH)
                    postmaster = _ensure_running(directory, programs, turn, durable=durable)
                except BaseException:
                    _leave(directory, users)
                    raise
        return cls(directory, postmaster, users)

    def stop(self) -> None:
        """Stop using the server; the last user shuts it down, in well under a second. May be called again."""
        users, self._users = self._users, None
        if users is not None:
            with _turn(self.directory):
                _leave(self.directory, users)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextmanager
def throw_away(*, durable: bool = False, within: Path | None = None) -> Iterator[EmbeddedPostgres]:
    """A server whose data vanish with the block, or with this process, however it ends.

    They lie in a folder of their own, in the one for temporary files unless another is named.
    """
    directory = Path(tempfile.mkdtemp(prefix="consent-ledger-", dir=within))
    # The guard waits for this process to let go of its input, which the kernel sees to even after kill -9.
    farewell = (
        'read -r _; pid="$1/postgres/data/postmaster.pid"; socket="$(sed -n 5p "$pid")"; '
        'kill -QUIT "$(sed -n 1p "$pid")" && sleep 1; rm -rf "$1"; rmdir "$socket"'
    )
    guard = subprocess.Popen(  # noqa: S603 - a constant, and a path that was just made
        ["/bin/sh", "-c", farewell, "guard", str(directory)],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with EmbeddedPostgres.start(directory / "postgres", durable=durable) as server:
            yield server
    finally:
        guard.communicate()


@contextmanager
def _in_one_line(directory: Path) -> Iterator[None]:
    """Turn what the file system refuses into a line for people."""
    try:
        yield
    except OSError as error:
        message = f"cannot keep a database in {directory}: {error.strerror}"
        if isinstance(error, PermissionError):
            with suppress(OSError, KeyError):
                message += f" (it belongs to {directory.owner()})"
        raise EmbeddedPostgresError(message) from error


def _claim(directory: Path, programs: Programs) -> None:
    """Make the directory ours, or raise if it is somebody else's."""
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif not directory.is_dir():
        raise EmbeddedPostgresError(f"{directory} is a file, not a directory")
    elif any(directory.iterdir()) and not (directory / "turn.lock").exists():
        raise EmbeddedPostgresError(f"{directory} holds other files and is no data directory of this program")
    if directory.stat().st_uid == 0:
        programs.give(directory)


def _open_lock(path: Path, programs: Programs | None = None) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if programs:
        programs.give(path)
    return descriptor


@contextmanager
def _turn(directory: Path, programs: Programs | None = None) -> Iterator[int]:
    """Wait for the turn to start or stop the server of `directory`, and hold it: yields the lock."""
    turn = _open_lock(directory / "turn.lock", programs)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield turn
    finally:
        os.close(turn)


def _leave(directory: Path, users: int) -> None:
    """Give up a place among the users, and stop the server if nobody else holds one. In one's turn only."""
    try:
        with suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shut_down(directory / "data")
    finally:
        os.close(users)


def _ensure_running(directory: Path, programs: Programs, turn: int, *, durable: bool) -> Postmaster:
    data = directory / "data"
    if not data.exists():
        _create(directory, programs, turn, durable=durable)
    _check_release(data)
    limit = time.monotonic() + _END_SECONDS
    while not (server := _running(data)):
        try:
            return _launch(directory, programs, durable=durable)
        except _OtherProcessesError:
            if time.monotonic() > limit:
                raise
        time.sleep(0.1)
    return server


def _create(directory: Path, programs: Programs, turn: int, *, durable: bool) -> None:
    """Make the cluster beside its place and move it there whole: a crash leaves all of it or nothing.

    The programs hold the turn too: were this process killed, they would go on writing for a while.
    """
    draft = directory / "new"
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    programs.give(draft)
    seen = _as_seen_by(programs, draft)
    made = programs.run(
        *("initdb", "--pgdata", seen, "--username", OWNER, "--auth=trust", "--encoding=UTF8", "--locale=C"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums", "--no-instructions"),
        *([] if durable else ["--no-sync"]),
        cwd=draft,
        lock=turn,
    )
    if made.returncode == 0:
        made = programs.run(
            *("postgres", "--single", "-D", seen, "-c", "exit_on_error=on"),
            *([] if durable else ["-c", "fsync=off"]),
            "postgres",
            cwd=draft,
            lock=turn,
            text=f"CREATE DATABASE {DATABASE}\n",
        )
    if made.returncode != 0:
        raise EmbeddedPostgresError(f"cannot make a database in {directory}: {_complaint(made.stderr)}")
    draft.rename(directory / "data")
    folder = os.open(directory, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _check_release(data: Path) -> None:
    try:
        major = (data / "PG_VERSION").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise EmbeddedPostgresError(f"{data} is damaged (no PG_VERSION): restore a backup") from None
    if major != MAJOR:
        raise EmbeddedPostgresError(
            f"{data} was made by PostgreSQL {major}, and this program brings {MAJOR}: "
            f"move the data with pg_dump, or run PostgreSQL {major} yourself and set DATABASE_URL"
        )


def _running(data: Path) -> Postmaster | None:
    """The server that runs on `data`, once it takes connections; None if there is none."""
    began = time.monotonic()
    while (found := Postmaster.of(data)) and found.lives():
        ready, waited = found.status == "ready", time.monotonic() - began
        if ready and not found.ours:
            raise EmbeddedPostgresError(
                f"a PostgreSQL started by hand (pid {found.pid}) runs on {data}: stop it"
            )
        if ready and found.answers():
            return found
        if waited > (_END_SECONDS if ready else _START_SECONDS):
            raise EmbeddedPostgresError(
                f"PostgreSQL (pid {found.pid}) runs on {data} without answering: stop it"
            )
        time.sleep(0.02)  # it is being killed, or whoever was starting or stopping it died
    if found:
        found.bury(data)
    return None


def _launch(directory: Path, programs: Programs, *, durable: bool) -> Postmaster:
    data, log = directory / "data", directory / "postgres.log"
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(directory / "postgres.log.1")
    settings = _SETTINGS | ({} if durable else _NOT_DURABLE)
    sockets = socket_directory(data, programs)
    settings["unix_socket_directories"] = str(sockets)
    options = shlex.join(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
    before = log.stat().st_size if log.exists() else 0
    try:
        ended = programs.run(
            *("pg_ctl", "start", "--wait", "--timeout", str(_START_SECONDS), "--log", "../postgres.log"),
            *("--pgdata", _as_seen_by(programs, data), "--options", options),
            cwd=data,
        )
    except KeyboardInterrupt:
        time.sleep(0.5)  # until what has begun can be found, and stopped
        raise
    started = Postmaster.of(data)
    if ended.returncode == 0 and started:
        return started
    with suppress(OSError):
        sockets.rmdir()
    said = log.read_bytes()[before:].decode("utf-8", "replace") if log.exists() else ""
    refusal = _OtherProcessesError if _OTHER_PROCESSES.search(said) else EmbeddedPostgresError
    raise refusal(f"PostgreSQL does not start: {_complaint(said or ended.stderr)} (see {log})")


def _as_seen_by(programs: Programs, data: Path) -> str:
    """The path to give to a program that runs in `data`: another user need not be able to walk there."""
    return "/proc/self/cwd" if programs.account else str(data)


def _complaint(output: str) -> str:
    """What a program says is wrong, out of all it says."""
    reasons = (
        re.findall(r"(?:FATAL|PANIC|ERROR|error): +(.+)", output)
        or output.splitlines()
        or ["no reason given"]
    )
    return reasons[0].strip()
