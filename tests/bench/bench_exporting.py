"""How long an export takes to make, and in how much memory: by the command, and by a service that is asked.

Both are measured at their peak, in processes of their own, over a real ledger that was filled over HTTP. What
is to be seen is that ten times the events take no more memory.
"""

import asyncio
import json
import os
import subprocess
import tempfile
import time
from http import HTTPStatus
from pathlib import Path

from service.cli.demo.theatre import Client, program
from tests.bench.bench_campaign import serving
from tests.bench.load import stream
from tests.bench.table import Line, line
from tests.support.http_service import grant

EVENTS_PER_SUBJECT = 5
_SENT_AT_ONCE = 20_000
_PATIENCE_SECONDS = 1_800
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}


def measure_exporting(events: int) -> list[Line]:
    """Exports of a tenth of so many events, and of all of them."""
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="consent-ledger-bench-") as folder:
        data = Path(folder)
        data.chmod(0o711)
        with serving(data) as (client, pid):
            asking, done = Client(client.port, _key(data)), 0
            for size in (events // 10, events):
                _fill(client, done, size)
                done = size
                lines += _by_command(data, size) + _over_http(asking, pid, size)
    return lines


def _key(data: Path) -> str:
    arguments = ["--data", str(data), "--label", "bench", "--scope", "export:create", "--json"]
    made = subprocess.run(
        program("keys", "create", *arguments), capture_output=True, check=True, env=_ENVIRONMENT
    )
    return str(json.loads(made.stdout)["key"])


def _fill(client: Client, start: int, stop: int) -> None:
    """Record so many grants, five to a person."""
    for first in range(start, stop, _SENT_AT_ONCE):
        bodies = [_grant(number) for number in range(first, min(first + _SENT_AT_ONCE, stop))]
        asyncio.run(stream(client.port, "/v1/events/batch", bodies, client.key))


def _grant(number: int) -> bytes:
    address = {"kind": "email", "value": f"person-{number // EVENTS_PER_SUBJECT}@example.org"}
    return json.dumps(grant(f"made-{number}", address=address)).encode()


def _by_command(data: Path, events: int) -> list[Line]:
    out = data / f"export-{events}.zip"
    began = time.monotonic()
    run = subprocess.Popen(
        program("export", str(out), "--data", str(data), "--json"),
        stdout=subprocess.DEVNULL,
        env=_ENVIRONMENT,
    )
    _, status, used = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)
    assert run.returncode == 0, run.returncode
    mebibytes = out.stat().st_size / 2**20
    out.unlink()
    took = time.monotonic() - began
    return [
        line(f"export of {events:,} events made by the command ({mebibytes:.0f} MiB)", (took, " s")),
        line("its memory", (used.ru_maxrss / 1024, " MiB at most")),
    ]


def _over_http(client: Client, pid: int, events: int) -> list[Line]:
    before = _peak(pid, anew=True)
    began = time.monotonic()
    asked, raw = client.call("POST", "/v1/exports", {})
    assert asked == HTTPStatus.ACCEPTED, raw
    path = f"/v1/exports/{json.loads(raw)['id']}"
    while (status := _status(client, path)) == "preparing":
        assert time.monotonic() - began < _PATIENCE_SECONDS, "the export is not made"
        time.sleep(0.1)
    assert status == "ready", status
    took = time.monotonic() - began
    more = _peak(pid) - before
    return [
        line(f"export of {events:,} events made by the service", (took, " s")),
        line("memory of the service beyond what it had", (more, " MiB at most")),
    ]


def _status(client: Client, path: str) -> str:
    status, raw = client.call("GET", path)
    assert status == HTTPStatus.OK, raw
    return str(json.loads(raw)["status"])


def _peak(pid: int, *, anew: bool = False) -> float:
    """The most memory that a process had, in MiB. `anew`: count from now on."""
    if anew:
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
