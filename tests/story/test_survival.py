"""kill -9 at each durable step of an append: nothing acknowledged is lost, nothing is written twice."""

import http.client
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.cli.demo.theatre import Client, create_key, free_port, program, wait_until_ready
from tests.support.http_service import grant

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
EVENTS = 12
# The step of an append, and whether the event that was under way is in the log afterwards.
STEPS = {
    "queued": False,
    "locked": False,
    "read": False,
    "computed": False,
    "written": False,
    "committed": True,
    "marked": True,
    "answered": True,
}


@contextmanager
def service(data: Path, crash_at: str | None = None) -> Iterator["tuple[subprocess.Popen[bytes], int]"]:
    """A service process; with `crash_at` it kills itself there."""
    port, log = free_port(), data / "service.log"
    environment = ENVIRONMENT | ({"CONSENT_LEDGER_CRASH_AT": crash_at} if crash_at else {})
    arguments = program("serve", "--port", str(port), "--data", str(data), "--example-sender")
    with log.open("ab") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=output, env=environment)
    try:
        wait_until_ready(process, port, log)
        yield process, port
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("survivor")
    for part in (folder, *folder.parents[:2]):
        part.chmod(0o711)  # the embedded server's own user has to pass through
    return folder


@pytest.fixture(scope="module")
def key(data: Path) -> str:
    with service(data):
        return create_key(data, ENVIRONMENT)


def send(client: Client, name: str) -> tuple[int, dict[str, object]] | None:
    """Status and receipt; None when no answer came."""
    address = {"kind": "email", "value": f"{name}@example.org"}
    try:
        status, raw = client.call("POST", "/v1/events", grant(name, address=address))
    except (OSError, http.client.HTTPException):
        return None
    return status, json.loads(raw)


def audit(data: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "service", "audit", "--data", str(data), "--json"],
        capture_output=True,
        check=False,
        env=ENVIRONMENT,
    )
    report: dict[str, object] = json.loads(done.stdout)
    return report


def crash_and_recover(data: Path, key: str, names: list[str], crash_at: str) -> int | None:
    """Crash under these events, send all again, audit; how the one under way was answered the second time."""
    with service(data, crash_at) as (process, port):
        first = {name: send(Client(port, key), name) for name in names}
        assert process.wait(10) == -9
    acknowledged = {name: answer[1] for name, answer in first.items() if answer is not None}
    with service(data) as (_, port):
        second = {name: send(Client(port, key), name) for name in names}
    for name, receipt in acknowledged.items():
        assert second[name] == (200, {**receipt, "replayed": True})
    assert audit(data)["findings"] == []
    under_way = second[names[len(acknowledged)]]
    return under_way[0] if under_way else None


@pytest.mark.parametrize(("step", "is_in"), STEPS.items(), ids=STEPS.keys())
def test_a_crash_loses_nothing_acknowledged_and_doubles_nothing(
    data: Path,
    key: str,
    step: str,
    is_in: bool,  # noqa: FBT001 - a column of the table
) -> None:
    names = [f"{step}-{number}" for number in range(EVENTS)]
    assert crash_and_recover(data, key, names, f"{step}:6") == (200 if is_in else 201)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(200))
def test_two_hundred_crashes_at_random_steps_lose_and_double_nothing(data: Path, key: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a crash that can be repeated
    step, count = chance.choice(list(STEPS)), chance.randrange(2, EVENTS)
    names = [f"soak-{seed}-{number}" for number in range(EVENTS)]
    assert crash_and_recover(data, key, names, f"{step}:{count}") in (200, 201)


def test_a_restored_older_database_is_refused_at_start(data: Path, key: str, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    subprocess.run(["cp", "-a", str(data / "postgres"), str(backup)], check=True)
    with service(data) as (_, port):
        assert send(Client(port, key), "after-the-backup") is not None
    subprocess.run(["rm", "-rf", str(data / "postgres")], check=True)
    subprocess.run(["cp", "-a", str(backup), str(data / "postgres")], check=True)
    done = subprocess.run(
        program("serve", "--port", "0", "--data", str(data)),
        capture_output=True,
        check=False,
        env=ENVIRONMENT,
        timeout=60,
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"signed" in done.stderr.splitlines()[-1]
