"""Where survival is tested: the program's own processes, a durable PostgreSQL, one ledger that outlives them.

`Stage.assert_survived` is what every fault has to leave true: each acknowledged event stands where its sender
was told, none stands twice, no two roots were signed for one size, the high-water mark covers all of it, and
the program's own audit finds nothing.
"""

import asyncio
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from service.wiring.high_water import mark_path
from tests.support.killable_server import KillableServer
from tests.support.persistent_callers import Callers, Delivery
from tests.support.plain_log import PlainLog, read_log, signed_root
from tests.support.program_nursery import Nursery, Run, Wanted
from tests.support.workload import Event, Workload

BEFORE_THE_FIRST = 2
"""Events that nobody here sent: the first rulebook, and the example sender."""

_READY = re.compile(rb"is ready on http://127\.0\.0\.1:(\d+)")
_START_SECONDS = 30


class RefusedToStartError(Exception):
    """The service gave up with this exit status; the message is the last line it said."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__((said.strip().splitlines() or ["nothing"])[-1])
        self.status = status


@dataclass(slots=True)
class Door:
    """A service and the port it is asked on."""

    run: Run
    port: int
    errors: Path = Path(os.devnull)

    def wait_until_it_logs(self, what: str) -> None:
        """Return when this stands in its log."""
        until = time.monotonic() + _START_SECONDS
        while what not in self.errors.read_text(encoding="utf-8"):
            assert self.run.status(0.02) is None, "it gave up"
            assert time.monotonic() < until, f"it does not say {what}"


@dataclass
class Stage:
    """One ledger: its database server, its data directory, a key for it."""

    nursery: Nursery
    server: KillableServer
    folder: Path
    key: str = ""
    embedded: bool = False
    """Whether the services run the server themselves."""
    sent: int = 0
    """Events that callers have sent so far and that must be in the log, each once."""
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def data(self) -> Path:
        """The data directory of every service."""
        return self.folder / "data"

    def start(
        self,
        *arguments: str,
        port: int = 0,
        dsn: str | None = None,
        crash_at: str | None = None,
        clock: Path | None = None,
        logs: Path | None = None,
    ) -> Door:
        """A service, once it takes requests; whoever asks for it ends it. Raises `RefusedToStartError`."""
        run, output, errors = self._run(
            ["serve", "--port", str(port), "--example-sender", *arguments],
            dsn or self.server.dsn,
            {"CONSENT_LEDGER_PORT": str(port)} | ({"CONSENT_LEDGER_CRASH_AT": crash_at} if crash_at else {}),
            clock=clock,
            logs=logs,
        )
        until = time.monotonic() + _START_SECONDS
        while not (said := _READY.search(output.read_bytes())):
            if (status := run.status(0.01)) is not None:
                raise RefusedToStartError(status, errors.read_text(encoding="utf-8"))
            assert time.monotonic() < until, errors.read_text(encoding="utf-8")
        return Door(run, int(said[1]), errors)

    @contextmanager
    def service(self, *arguments: str, **how: Any) -> Iterator[Door]:  # noqa: ANN401 - as `start`
        """The same, killed in the end if it still lives."""
        door = self.start(*arguments, **how)
        try:
            yield door
        finally:
            door.run.kill()

    def call(self, *arguments: str) -> tuple[int, str]:
        """A command of the program: its exit status and what it printed."""
        run, output, _ = self._run([*arguments, "--data", str(self.data)], self.server.dsn, {})
        return run.wait(60), output.read_text(encoding="utf-8")

    def callers(self, *doors: Door, seed: object = 0) -> Callers:
        """Callers who may ask any of these."""
        return Callers(self.key, [door.port for door in doors], seed)

    def workload(self, name: str, count: int) -> list[Event]:
        """That many events which must be in the log from now on, with ids of their own."""
        self.sent += count
        return [
            event | {"source_event_id": f"{name} {event['source_event_id']}"}
            for event in Workload(name, people=25).take(count)
        ]

    def count_what_is_there(self) -> None:
        """Begin anew from the log as it stands: a test that failed before is not this one's failure."""
        self.sent = self.log().event_count - BEFORE_THE_FIRST

    def log(self) -> PlainLog:
        """The log as it stands in the database."""
        return asyncio.run(read_log(self.server.dsn))

    def assert_survived(self, *deliveries: Delivery) -> None:
        """Nothing acknowledged is lost, nothing is doubled, nothing forked; the audit agrees."""
        log = self.log()
        assert not log.faults()
        for delivery in deliveries:
            assert not delivery.promised.lost(log.leaf_hashes)
            for receipt in delivery.receipts.values():
                note = receipt["checkpoint"].encode()
                assert log.checkpoints[signed_root(note)[0]] == note, "a receipt names another root"
        assert log.event_count == self.sent + BEFORE_THE_FIRST
        assert signed_root(mark_path(self.data, "main").read_bytes()) == (log.size, log.root)
        status, report = self.call("audit", "--json")
        assert (status, json.loads(report)["findings"]) == (0, [])

    def assert_repeatable(self, delivery: Delivery, events: Sequence[Event], door: Door) -> None:
        """Whoever sends an event again gets the receipt of the first time, from any service."""
        before = delivery.replays
        self.callers(door).deliver(events, delivery)
        assert delivery.replays == before + len(events)

    def _run(
        self,
        arguments: list[str],
        dsn: str,
        more: dict[str, str],
        *,
        clock: Path | None = None,
        logs: Path | None = None,
    ) -> tuple[Run, Path, Path]:
        number = next(self._numbers)
        output, errors = self.folder / f"{number}.out", logs or self.folder / f"{number}.err"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSENT_LEDGER_")}
        kept.pop("DATABASE_URL", None)
        environment = {
            **kept,
            **({} if self.embedded else {"DATABASE_URL": dsn}),
            "CONSENT_LEDGER_DATA_DIR": str(self.data),
            "CONSENT_LEDGER_POOL_SIZE": "3",
            **more,
        }
        wanted = Wanted(arguments, environment, str(clock) if clock else None)
        return self.nursery.start(wanted, output=output, errors=errors), output, errors


def opened(nursery: Nursery, server: KillableServer, folder: Path, *, embedded: bool = False) -> Stage:
    """A stage with a ledger that was just begun."""
    stage = Stage(nursery, server, folder, embedded=embedded)
    with stage.service() as door:
        assert door.port
    status, said = stage.call("keys", "create", "--scope", "all", "--json")
    assert status == 0
    stage.key = json.loads(said)["key"]
    return stage
