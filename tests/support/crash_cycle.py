"""A crash cycle: two services on one ledger under load, and everything that may happen to them.

The one service has proxies before and behind it and a clock that can be set; the other is asked directly and
may die at a step of an append. Both have a keeper who starts them again, wherever they then listen.
"""

import random
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.wiring.durable import replace_durably
from service.wiring.failpoints import STEPS
from tests.support.cutting_proxy import HttpProxy, PostgresProxy
from tests.support.persistent_callers import Callers, Delivery
from tests.support.program_nursery import KILLED
from tests.support.survival_stage import Door, RefusedToStartError, Stage

EVENTS = 40
_HOUR_MS = 3_600_000
_FAILED = 2
"""The exit status of a start that may go better next time; 1 is for a ledger that must not be served."""


@dataclass
class Cycle:
    """What a fault can get hold of."""

    stage: Stage
    chance: random.Random
    delivery: Delivery
    to_postgres: PostgresProxy
    to_service: HttpProxy
    clock: Path
    doors: list[Door] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    """Where callers knock, in the order of `doors`."""

    def begin(self, number: int, crash_at: str | None = None) -> None:
        """Start a service: as soon as PostgreSQL lets it, as its keeper would."""
        behind, clock = self.stage.server.dsn_through(self.to_postgres.port), self.clock
        how = {"dsn": behind, "clock": clock} if number == 0 else {"crash_at": crash_at}
        door = self._started(how)
        self.doors[number : number + 1] = [door]
        if number == 0:
            self.to_service.before = door.port
        self.ports[number : number + 1] = [self.to_service.port if number == 0 else door.port]

    def _started(self, how: dict[str, Any]) -> Door:
        until = time.monotonic() + 20
        while True:
            try:
                return self.stage.start(**how)
            except RefusedToStartError as refusal:
                if refusal.status not in (_FAILED, KILLED) or time.monotonic() > until:
                    raise
            time.sleep(0.1)

    def keep(self, ended: threading.Event) -> None:
        """Start again whatever has died, until the end."""
        while not ended.wait(0.05):
            self.begin_what_died()

    def kill_all(self) -> None:
        """Kill -9 of whatever lives."""
        for door in list(self.doors):
            door.run.kill()

    def begin_what_died(self) -> None:
        """Start it again."""
        for number, door in enumerate(self.doors):
            if door.run.status() is not None:
                self.begin(number)


def die_at_a_step(cycle: Cycle) -> None:
    """One service was begun to die by itself, see `faults_of`: wait for it."""
    with_steps = cycle.doors[1]
    limit = time.monotonic() + 2
    while cycle.doors[1] is with_steps and time.monotonic() < limit:
        time.sleep(0.01)


def kill_a_service(cycle: Cycle) -> None:
    """Kill -9, whatever it is at."""
    time.sleep(cycle.chance.uniform(0, 0.1))
    cycle.chance.choice(cycle.doors).run.kill()


def kill_both(cycle: Cycle) -> None:
    """Both at once."""
    cycle.kill_all()


def kill_the_postmaster(cycle: Cycle) -> None:
    """Kill -9; its keeper starts it again."""
    cycle.stage.server.kill()
    cycle.stage.server.start()


def kill_a_backend(cycle: Cycle) -> None:
    """Kill -9 of one session: PostgreSQL ends all of them and recovers."""
    cycle.stage.server.kill_a_backend()


def take_postgres_away(cycle: Cycle) -> None:
    """A restart, with a moment between."""
    cycle.stage.server.stop()
    time.sleep(cycle.chance.uniform(0, 0.5))
    cycle.stage.server.start()


def lose_commit_replies(cycle: Cycle) -> None:
    """Between PostgreSQL and a service."""
    cycle.to_postgres.arm(cycle.chance.randint(1, 4))


def lose_http_replies(cycle: Cycle) -> None:
    """Between a service and its callers."""
    cycle.to_service.arm(cycle.chance.randint(1, 6))


def set_the_clock(cycle: Cycle) -> None:
    """Back, by up to two hours."""
    replace_durably(cycle.clock, str(-cycle.chance.randrange(2 * _HOUR_MS)).encode())


def fill_the_disk(cycle: Cycle) -> None:
    """For a moment one service can write no file."""
    door = cycle.chance.choice(cycle.doors)
    with suppress(ProcessLookupError):  # it may be about to die at a step of its own
        if door.run.status() is None:
            before = resource.prlimit(door.run.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(door.run.pid, resource.RLIMIT_FSIZE, (0, before[1]))
            time.sleep(cycle.chance.uniform(0.05, 0.2))
            resource.prlimit(door.run.pid, resource.RLIMIT_FSIZE, before)


FAULTS: tuple[Callable[[Cycle], None], ...] = (
    die_at_a_step,
    kill_a_service,
    kill_both,
    kill_the_postmaster,
    kill_a_backend,
    take_postgres_away,
    lose_commit_replies,
    lose_http_replies,
    set_the_clock,
    fill_the_disk,
)


@dataclass(frozen=True)
class Plan:
    """What a seed stands for: which faults at how many receipts, and the step at which to die."""

    seed: int
    faults: tuple[tuple[int, Callable[[Cycle], None]], ...]
    crash_at: str | None

    def __str__(self) -> str:
        """One line for whoever has to repeat it."""
        what = ", ".join(f"{fault.__name__} at {receipts}" for receipts, fault in self.faults)
        return f"seed {self.seed}: {what}; crash_at={self.crash_at}"


def plan_of(seed: int) -> Plan:
    """The plan of this seed: every fault comes first in every tenth, with one or two others after it."""
    chance = random.Random(seed)  # noqa: S311 - a crash that can be repeated
    first = FAULTS[seed % len(FAULTS)]
    faults = [first, *chance.sample([each for each in FAULTS if each is not first], chance.randint(1, 2))]
    moments = sorted(chance.sample(range(2, EVENTS - 10), len(faults)))
    crash_at = f"{chance.choice(STEPS)}:{chance.randint(2, 8)}" if die_at_a_step in faults else None
    return Plan(seed, tuple(zip(moments, faults, strict=True)), crash_at)


@contextmanager
def _cycle(stage: Stage, plan: Plan) -> Iterator[Cycle]:
    clock = stage.folder / "clock"
    replace_durably(clock, b"0")
    with (
        PostgresProxy(stage.server.unix_socket, after_commit=True) as to_postgres,
        HttpProxy(0) as to_service,
        ExitStack() as stack,
    ):
        chance = random.Random(f"moments {plan.seed}")  # noqa: S311 - repeatable, not secret
        cycle = Cycle(stage, chance, Delivery(), to_postgres, to_service, clock)
        stack.callback(cycle.kill_all)
        cycle.begin(0)
        cycle.begin(1, plan.crash_at)
        yield cycle


def run_cycle(stage: Stage, plan: Plan) -> Delivery:
    """Play a plan through, and assert that the ledger survived it."""
    stage.count_what_is_there()
    events, ended = stage.workload(f"soak {plan.seed}", EVENTS), threading.Event()
    with _cycle(stage, plan) as cycle:
        keeper = threading.Thread(target=cycle.keep, args=(ended,))
        keeper.start()
        try:
            callers = Callers(stage.key, cycle.ports, plan.seed)
            with callers.delivering(events, cycle.delivery):
                for receipts, fault in plan.faults:
                    cycle.delivery.wait_for(receipts)
                    fault(cycle)
        finally:
            ended.set()
            keeper.join()
        cycle.to_postgres.arm(0)
        cycle.to_service.arm(0)
        cycle.begin_what_died()
        stage.assert_repeatable(cycle.delivery, events[::5], cycle.doors[1])
        stage.assert_survived(cycle.delivery)
        return cycle.delivery
