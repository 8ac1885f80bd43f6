"""Who is calling: live keys only, and a revocation within a second."""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from service.api.callers.key_format import new_key
from service.api.callers.principal import DEFAULT_QUOTA
from service.storage.access import AccessStore, LedgerRow
from service.storage.postgres import open_pool
from service.wiring.housekeeping import note_last_used
from service.wiring.key_ring import FRESH_SECONDS, CachedKeyRing, issue_key
from tests.support.patience import until

DAY = 86_400_000
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass
class Clock:
    """A clock that the test sets."""

    now: int = 1_795_000_000_000

    def __call__(self) -> int:
        """The time it was set to."""
        return self.now


@dataclass
class Door:
    """A key ring on a database, with one issued key."""

    store: AccessStore
    ledger: LedgerRow
    clock: Clock
    text: str = ""
    key_id: str = ""
    ring: CachedKeyRing = field(init=False)

    def __post_init__(self) -> None:
        self.ring = CachedKeyRing(self.store, self.clock, DEFAULT_QUOTA)

    async def revoke(self) -> None:
        """Revoke the key as another process would."""
        await self.store.revoke_key(self.ledger.ledger_id, self.key_id, self.clock())


@pytest.fixture
async def door(database_dsn: str) -> AsyncIterator[Door]:
    async with await open_pool(database_dsn, size=2) as pool:
        store, clock = AccessStore(pool), Clock()
        ledger = await store.ensure_ledger("main", "ledger.example/main/1", clock())
        text, row = await issue_key(
            store,
            ledger.ledger_id,
            scopes=frozenset({"check:read"}),
            label="crm",
            days=30,
            now_ms=clock(),
            random=os.urandom,
        )
        yield Door(store, ledger, clock, text, row.key_id)


async def test_a_live_key_names_its_ledger_and_scopes(door: Door) -> None:
    caller = await door.ring.authenticate(f"Bearer {door.text}")
    assert caller is not None
    assert (caller.ledger_id, caller.scopes) == (door.ledger.ledger_id, frozenset({"check:read"}))


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer clk_", "Basic dXNlcjpwYXNz", "Bearer \u00ff"])
async def test_what_is_no_key_is_nobody(door: Door, header: str) -> None:
    assert await door.ring.authenticate(header) is None


async def test_a_key_with_another_secret_is_nobody(door: Door) -> None:
    id_bytes = bytes(ALPHABET.index(char) for char in door.key_id)
    other, _, _ = new_key(id_bytes + os.urandom(32))
    assert other.startswith(f"clk_{door.key_id}_")
    assert await door.ring.authenticate(f"Bearer {other}") is None


async def test_a_key_ends_at_its_last_millisecond(door: Door) -> None:
    door.clock.now += 30 * DAY - 1
    assert await door.ring.authenticate(f"Bearer {door.text}") is not None
    door.clock.now += 1
    assert await door.ring.authenticate(f"Bearer {door.text}") is None


async def test_a_revoked_key_is_refused_within_a_second(door: Door) -> None:
    assert await door.ring.authenticate(f"Bearer {door.text}") is not None
    await door.revoke()

    async def is_refused() -> bool:
        return await door.ring.authenticate(f"Bearer {door.text}") is None

    await until(is_refused)
    assert FRESH_SECONDS == 1.0


async def test_a_known_key_costs_no_query(door: Door) -> None:
    await door.ring.authenticate(f"Bearer {door.text}")
    await door.revoke()
    assert await door.ring.authenticate(f"Bearer {door.text}") is not None


async def test_use_is_remembered_for_the_list_of_keys(door: Door) -> None:
    await door.ring.authenticate(f"Bearer {door.text}")
    await door.ring.authenticate(f"Bearer {door.text}")
    await note_last_used(door.ring, door.store)[1]()
    (row,) = await door.store.keys(door.ledger.ledger_id)
    assert row.last_used_at_ms == door.clock()
    assert door.ring.take_used() == {}


async def test_the_secret_is_nowhere_in_the_database(door: Door) -> None:
    (row,) = await door.store.keys(door.ledger.ledger_id)
    assert door.text[len("clk_") + 13 :][:20] not in repr(row)
