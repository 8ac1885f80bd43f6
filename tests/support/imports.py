"""The program that imports lists, in a process of its own, and what it must come to."""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from service.cli.demo.theatre import Client
from tests.support.messy_list import write_messy_list
from tests.support.program_nursery import Nursery, Run, Wanted, own_environment

ABOUT = ("--sender", "acme", "--category", "newsletter", "--timezone", "UTC")
EXPORTED = ("--exported-at", "2026-11-01T09:00:00+01:00")


class Done(NamedTuple):
    """What a run said."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Program:
    """The program, and the service that it asks."""

    nursery: Nursery
    client: Client
    folder: Path

    def start(self, path: Path, *more: str, client: Client | None = None) -> Run:
        """Begin to import a list."""
        asked = client or self.client
        arguments = ["import", str(path), "--url", f"http://127.0.0.1:{asked.port}", "--key", asked.key]
        wanted = Wanted([*arguments, *ABOUT, *more], own_environment())
        for name in ("out", "err"):
            (self.folder / name).write_bytes(b"")
        return self.nursery.start(wanted, output=self.folder / "out", errors=self.folder / "err")

    def run(self, path: Path, *more: str, client: Client | None = None) -> Done:
        """Import a list."""
        status = self.start(path, *more, client=client).wait(600)
        return Done(status, *((self.folder / name).read_text(encoding="utf-8") for name in ("out", "err")))


def counts(program: Program, path: Path, *more: str, status: int = 0) -> dict[str, Any]:
    """What an import counts."""
    done = program.run(path, *more, "--json")
    assert done.status == status, done.stderr + done.stdout
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def a_list(path: Path, *rows: str, header: str = "email,status,opted_in_at,opted_in_ip") -> Path:
    """A list of these rows."""
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return path


def size(program: Program) -> int:
    """How many entries the log has."""
    return int(program.client.call("GET", "/log/main/checkpoint")[1].split(b"\n")[1])


def committed(program: Program, path: Path) -> tuple[dict[str, Any], int]:
    """Import a list of which some rows are refused; its counts, and the most memory it had, in KiB."""
    run, peak = program.start(path, *EXPORTED, "--commit", "--json"), 0
    while run.status(0.05) is None:
        with suppress(OSError, StopIteration):
            told = Path(f"/proc/{run.pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
            peak = max(peak, int(next(line for line in told if line.startswith("VmHWM")).split()[1]))
    assert run.status() == 1
    counted: dict[str, Any] = json.loads((program.folder / "out").read_text(encoding="utf-8"))
    return counted, peak


def add_up(program: Program, path: Path, rows: int, seed: int = 1) -> int:
    """Import a messy list twice; the most memory that the first time took, in KiB."""
    expected = write_messy_list(path, rows, seed)
    before = size(program)
    told = counts(program, path, *EXPORTED, status=1)
    assert {name: told[name] for name in expected} == expected
    assert told["rows"] == rows
    first, peak = committed(program, path)
    assert {name: first[name] for name in expected} == expected
    sent = sum(first["events"].values())
    assert first["recorded"] + first["known"] == sent
    assert first["recorded"] == sent - told["repeated"]
    after = size(program)
    assert after - before >= first["recorded"]
    again = counts(program, path, *EXPORTED, "--commit", status=1)
    assert (again["recorded"], again["known"], size(program)) == (0, sent, after)
    return peak
