"""A ledger to write to, seeded events for it, and what its senders were promised."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from service.core.errors import LedgerError
from service.core.events import parse_event
from service.ledger.appending.admission import Admission, Admitted
from service.ledger.appending.appender import Appender
from service.ledger.appending.configuration import Configuration
from service.ledger.appending.epoch import Receipt
from service.ledger.appending.genesis import begin
from service.ledger.appending.intake import Intake
from service.ledger.catalogue import Catalogue, Sender
from service.ledger.keys import LedgerKeys, Sealer
from service.ledger.packs import shipped_packs
from service.ledger.ports import Clock, Failpoint
from service.storage.access import AccessStore
from service.storage.postgres import PostgresStore, open_pool
from service.wiring.high_water import HighWaterFile, mark_path
from service.wiring.keys.files import create_keys, keys_directory

NAME = "main"
ORIGIN_HOST = "ledger.test"
ORIGIN = f"{ORIGIN_HOST}/{NAME}/1"
SENDER = Sender("acme", "Acme BV", "NL", "business")
NOW_MS = 1_795_000_000_000

Event = dict[str, Any]
Outcome = Receipt | LedgerError


@dataclass
class SetClock:
    """A clock that stands where it is put; milliseconds since 1970."""

    now_ms: int = NOW_MS

    def __call__(self) -> int:
        """Read it."""
        return self.now_ms


def pass_by(_step: str) -> None:
    """The failpoint of a process that does not crash."""


@dataclass(frozen=True)
class Ledger:
    """Where a ledger lives: its database, and the data directory with its keys and its mark."""

    dsn: str
    data_dir: Path
    ledger_id: int
    keys: LedgerKeys

    @property
    def mark(self) -> HighWaterFile:
        """The high-water mark beside the database."""
        return HighWaterFile(mark_path(self.data_dir, NAME), self.keys.origin)


@dataclass(frozen=True)
class Writer:
    """What one worker process has of a ledger."""

    ledger: Ledger
    pool: asyncpg.Pool
    store: PostgresStore
    appender: Appender
    intake: Intake
    configuration: Configuration
    admission: Admission
    clock: Clock

    def admitted(self, event: Event) -> Admitted:
        """An event that needs nothing more but its place in the log."""
        return self.admission.admit(parse_event(event), self.clock())

    async def record(self, *events: Event) -> list[Outcome]:
        """Send events as callers would, all at once."""
        return await self.intake.record_all([parse_event(event) for event in events])

    async def receive(self, event: Event) -> Receipt:
        """Send one event; raises what its sender would see."""
        return await self.intake.record(parse_event(event))


async def new_ledger(dsn: str, data_dir: Path) -> Ledger:
    """Begin a ledger in a migrated database, with one registered sender."""
    keys = create_keys(keys_directory(data_dir, NAME), ORIGIN, secrets.token_bytes)
    async with await open_pool(dsn, size=2) as pool:
        row = await AccessStore(pool).ensure_ledger(NAME, ORIGIN, NOW_MS)
        ledger = Ledger(dsn, data_dir, row.ledger_id, keys)
        await begin(
            PostgresStore(pool, row.ledger_id),
            keys,
            Sealer(keys.wrapping, secrets.token_bytes),
            Admission(keys, secrets.token_bytes),
            mark=ledger.mark,
            now_ms=NOW_MS,
            packs=shipped_packs(),
        )
    async with a_writer(ledger) as writer:
        await writer.configuration.register_sender(SENDER)
    return ledger


@asynccontextmanager
async def a_writer(
    ledger: Ledger, *, clock: Clock | None = None, reached: Failpoint = pass_by, dsn: str | None = None
) -> AsyncIterator[Writer]:
    """One more writer of the ledger, with a pool of its own; `dsn` where it takes another way there."""
    clock, keys = clock or SetClock(), ledger.keys
    async with await open_pool(dsn or ledger.dsn, size=3) as pool:
        store = PostgresStore(pool, ledger.ledger_id)
        sealer = Sealer(keys.wrapping, secrets.token_bytes)
        admission, catalogue = Admission(keys, secrets.token_bytes), Catalogue(store)
        appender = Appender(store, keys, sealer, ledger.mark, clock=clock, reached=reached)
        intake = Intake(admission, catalogue, appender, clock)
        configuration = Configuration(admission, catalogue, appender, clock)
        yield Writer(ledger, pool, store, appender, intake, configuration, admission, clock)
        await appender.drain()


def grant(number: int, person: int | None = None) -> Event:
    """A consent by web form; its id is made of `number`, its address of `person` (the same unless given)."""
    return {
        "type": "consent_granted",
        "source_event_id": f"event-{number}",
        "occurred_at": "2026-01-05T10:15:00Z",
        "sender": SENDER.id,
        "address": {"kind": "email", "value": f"person{number if person is None else person}@example.org"},
        "categories": ["newsletter"],
        "channels": ["email"],
        "method": "checkbox",
        "checkbox_default": "unticked",
        "evidence": {"ip": f"192.0.2.{number % 256}"},
    }


def withdrawal(number: int, person: int | None = None) -> Event:
    """The same person's no to everything."""
    event = grant(number, person)
    kept = ("source_event_id", "occurred_at", "sender", "address")
    return {"type": "consent_withdrawn", "scope": "all_marketing", **{name: event[name] for name in kept}}


class Workload:
    """An endless stream of events with ids of their own, the same for the same seed."""

    def __init__(self, seed: object, *, people: int = 60) -> None:
        self._random = random.Random(f"{seed}")  # noqa: S311 - repeatable, not secret
        self._people = people
        self._number = 0

    def take(self, count: int) -> list[Event]:
        """The next events: grants and withdrawals of a few people, so that chains grow."""
        return [self._next() for _ in range(count)]

    def _next(self) -> Event:
        self._number += 1
        make = self._random.choices((grant, withdrawal), (3, 1))[0]
        return make(self._number, self._random.randrange(self._people))


@dataclass
class Promised:
    """What senders were told: the place and the hash of every acknowledged event, by its id."""

    places: dict[str, tuple[int, str]] = field(default_factory=dict)

    def keep(self, event_id: str, index: int, leaf_hash: str) -> None:
        """Remember an answer; the same event can never be given another place."""
        place = (index, leaf_hash)
        assert self.places.setdefault(event_id, place) == place, f"{event_id} stands at two places"

    def keep_all(self, events: Iterable[Event], outcomes: Sequence[Outcome]) -> None:
        """Remember every receipt among the outcomes."""
        for event, outcome in zip(events, outcomes, strict=True):
            if isinstance(outcome, Receipt):
                self.keep(event["source_event_id"], outcome.index, outcome.leaf_hash.hex())

    def lost(self, leaves: Sequence[str]) -> list[str]:
        """Ids of acknowledged events that do not stand where their senders were told."""
        return [
            event_id
            for event_id, (index, leaf_hash) in self.places.items()
            if leaves[index : index + 1] != [leaf_hash]
        ]


def receipts(outcomes: Iterable[Outcome]) -> list[Receipt]:
    """All of them receipts, or the first refusal raised."""
    found = []
    for outcome in outcomes:
        if isinstance(outcome, LedgerError):
            raise outcome
        found.append(outcome)
    return found


async def as_superuser(dsn: str, *statements: str) -> None:
    """Do something behind the service's back."""
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def soon(*tasks: "asyncio.Future[Any]", seconds: float = 20) -> None:
    """Fail rather than wait for ever."""
    async with asyncio.timeout(seconds):
        await asyncio.gather(*tasks)
