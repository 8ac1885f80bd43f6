"""`consent-ledger export`, `verify` and `audit` as a stranger uses them, and killed in the middle."""

import hashlib
import json
import time
from pathlib import Path

import pytest

from service.cli.demo.theatre import Client
from service.cli.export.job import Journal
from service.ledger.exporting.freezing import scope_bytes
from service.ledger.exporting.ports import Scope
from service.wiring.database import embedded_directory
from service.wiring.embedded.server import EmbeddedPostgres
from tests.cli.test_program import program as installed
from tests.support.databases import execute
from tests.support.http_service import JANE, grant
from tests.support.program_nursery import Nursery, RunProgram, Wanted, own_environment

# Who was killed while it prepared holds a lease of 15 seconds: a second of it is enough to wait for.
ALL_BUT_OVER = "UPDATE export SET lease_until_ms = lease_until_ms - 14000 WHERE status = 'preparing'"


@pytest.fixture(scope="module")
def program(nursery: Nursery) -> RunProgram:
    return nursery.run


@pytest.fixture(scope="module")
def whole(
    client: Client, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, str]]:
    """An export of the whole ledger, and what the command said of it."""
    many = [
        grant(f"e{number}", address={"kind": "email", "value": f"e{number}@example.org"})
        for number in range(300)
    ]
    assert client.call("POST", "/v1/events/batch", {"events": many})[0] == 207
    folder = tmp_path_factory.mktemp("export")
    done = installed("export", "all.zip", "--data", str(data), "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder / "all.zip", json.loads(done.stdout)


def test_it_is_written_beside_a_running_service_and_audits_at_level_three(
    program: RunProgram, client: Client, whole: tuple[Path, dict[str, str]]
) -> None:
    path, told = whole
    assert hashlib.sha256(path.read_bytes()).hexdigest() == told["sha256"]
    done = program("audit", path.name, "--key", client.verifier().vkey, folder=path.parent)
    assert (done.returncode, b"SOUND, level L3" in done.stdout) == (0, True)
    assert program("verify", path.name, folder=path.parent).returncode == 0


def test_whoever_kept_a_checkpoint_asks_for_the_growth_since_and_is_told_so(
    program: RunProgram, client: Client, data: Path, tmp_path: Path
) -> None:
    status, held = client.call("GET", "/log/main/checkpoint")
    assert status == 200
    size = held.decode().split("\n")[1]
    (tmp_path / "held").write_bytes(held)
    client.call("POST", "/v1/events", grant("later"))
    asked = ("--address", "e1@example.org", "--data", str(data))
    for name, more, level in (("plain.zip", (), b"L1"), ("grown.zip", ("--held-size", size), b"L2")):
        assert program("export", name, *asked, *more, folder=tmp_path).returncode == 0
        done = program("verify", name, "--held", "held", folder=tmp_path)
        assert done.returncode == 0
        assert b"SOUND, level " + level in done.stdout
        assert (f"--held-size {size}".encode() in done.stdout) is (level == b"L1")


def test_options_of_a_bundle_or_a_database_are_not_taken_silently(
    program: RunProgram, whole: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    (tmp_path / "note").write_text("hello")
    for arguments in (
        ("verify", str(whole[0]), "--documents", "note"),
        ("audit", "--policy", "note"),
        ("audit", str(whole[0]), "--policy", "note"),
        ("audit", str(whole[0]), "--timestamps", "note"),
    ):
        done = program(*arguments, folder=tmp_path)
        assert (done.returncode, done.stderr.count(b"Traceback")) == (2, 0), done.stderr


def test_a_changed_byte_is_a_finding_on_one_line_and_exit_status_one(
    program: RunProgram, whole: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    raw = bytearray(whole[0].read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "changed.zip").write_bytes(raw)
    for command in ("verify", "audit"):
        done = program(command, "changed.zip", folder=tmp_path)
        assert done.returncode == 1
        assert b"file_differs: " in done.stdout
    told = json.loads(program("audit", "changed.zip", "--json", folder=tmp_path).stdout)
    assert told["sound"] is False
    assert told["findings"]


def unfinished(out: Path, raw: bytes, export: str) -> None:
    """What a run leaves behind that was killed after so many bytes."""
    asked = hashlib.sha256(scope_bytes(Scope("ledger")) + b"main").hexdigest()
    Path(f"{out}.part").write_bytes(raw)
    Path(f"{out}.part.json").write_text(
        json.dumps({"export": Journal(export, asked).export, "asked": asked}), encoding="utf-8"
    )


@pytest.mark.parametrize("left", [1, 20_000, -1])
def test_a_run_that_was_killed_is_gone_on_with_to_the_same_bytes(
    program: RunProgram, whole: tuple[Path, dict[str, str]], data: Path, tmp_path: Path, left: int
) -> None:
    path, told = whole
    raw = path.read_bytes()
    unfinished(tmp_path / "out.zip", raw[:left] + b"torn", told["export"])
    done = program("export", "out.zip", "--data", str(data), "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["export"] == told["export"]
    assert (tmp_path / "out.zip").read_bytes() == raw
    assert [each.name for each in tmp_path.iterdir()] == ["out.zip"]


def test_killed_with_signal_nine_while_it_works_it_is_gone_on_with(
    nursery: Nursery, client: Client, data: Path, tmp_path: Path
) -> None:
    del client
    arguments = ["export", "out.zip", "--data", str(data), "--address", JANE["value"], "--disclose"]
    said = tmp_path.with_name("said")
    running = nursery.start(
        Wanted(arguments, own_environment(), folder=str(tmp_path)), output=said, errors=said
    )
    deadline = time.monotonic() + 60
    journal = tmp_path / "out.zip.part.json"
    while not journal.exists() and running.status() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    running.kill()
    with EmbeddedPostgres.start(embedded_directory(data)) as server:
        execute(server.dsn, ALL_BUT_OVER)
    done = nursery.run(*arguments, folder=tmp_path)
    if (tmp_path / "out.zip").exists() and done.returncode == 2:
        assert b"is there already" in done.stderr  # it was quicker than the signal
    else:
        assert done.returncode == 0, done.stderr
    assert nursery.run("verify", "out.zip", folder=tmp_path).returncode == 0


def test_an_unfinished_export_of_something_else_is_not_written_over(
    program: RunProgram, whole: tuple[Path, dict[str, str]], data: Path, tmp_path: Path
) -> None:
    unfinished(tmp_path / "out.zip", b"", whole[1]["export"])
    done = program("export", "out.zip", "--sender", "acme", "--data", str(data), folder=tmp_path)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"of something else" in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        ("--address", "nobody"),
        ("--campaign", "0" * 32),
        ("--since", "yesterday"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    program: RunProgram, client: Client, data: Path, tmp_path: Path, wrong: tuple[str, ...]
) -> None:
    del client
    done = program("export", "out.zip", "--data", str(data), *wrong, folder=tmp_path)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", [b"", b"PK", b"PK\x03\x04garbage", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_export_is_told_without_a_traceback(
    program: RunProgram, tmp_path: Path, text: bytes
) -> None:
    (tmp_path / "x.zip").write_bytes(text)
    for command in ("verify", "audit"):
        done = program(command, "x.zip", folder=tmp_path)
        assert done.returncode in (1, 2)
        assert b"Traceback" not in done.stderr + done.stdout
