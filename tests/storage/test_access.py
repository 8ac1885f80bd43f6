"""Ledgers and keys as rows."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from service.core.errors import ConflictError, ForkError, NotFoundError, UnavailableError
from service.storage.access import AccessStore, KeyRow, LedgerRow
from service.storage.fence import FencedPool
from service.storage.postgres import open_pool

NOW = 1_795_000_000_000
MINUTE = 60_000


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    async with await open_pool(database_dsn, size=2) as pool:
        yield pool


@pytest.fixture
def store(pool: asyncpg.Pool) -> AccessStore:
    return AccessStore(pool)


@pytest.fixture
async def ledger(store: AccessStore) -> LedgerRow:
    return await store.ensure_ledger("main", "ledger.example/main/1", NOW)


def a_key(ledger: LedgerRow, key_id: str = "abcdefghijkl") -> KeyRow:
    digest = hashlib.sha256(key_id.encode()).digest()
    return KeyRow(key_id, ledger.ledger_id, "crm", digest, frozenset({"check:read"}), NOW, NOW + MINUTE)


async def test_a_ledger_is_registered_once(store: AccessStore, ledger: LedgerRow) -> None:
    again = await store.ensure_ledger("main", "ledger.example/main/1", NOW + 1)
    assert again == ledger == await store.ledger("main")


@pytest.mark.parametrize(
    ("name", "origin"), [("main", "ledger.example/main/2"), ("other", "ledger.example/main/1")]
)
@pytest.mark.usefixtures("ledger")
async def test_neither_name_nor_origin_of_a_ledger_can_be_taken_again(
    store: AccessStore, name: str, origin: str
) -> None:
    with pytest.raises(ConflictError):
        await store.ensure_ledger(name, origin, NOW)


async def test_an_unknown_ledger_is_not_found(store: AccessStore) -> None:
    with pytest.raises(NotFoundError):
        await store.ledger("nobody")


async def test_a_ledger_without_a_log_is_not_begun(store: AccessStore, ledger: LedgerRow) -> None:
    assert not await store.is_begun(ledger.ledger_id)


async def test_a_log_that_lost_its_head_is_not_taken_for_a_new_ledger(
    store: AccessStore, ledger: LedgerRow, pool: asyncpg.Pool
) -> None:
    inside = FencedPool(pool, ledger.ledger_id)
    await inside.execute("INSERT INTO log_entry VALUES ($1, 0, 'x', $2)", ledger.ledger_id, bytes(32))
    with pytest.raises(ForkError):
        await store.is_begun(ledger.ledger_id)


async def test_a_key_is_read_back_as_it_was_stored(store: AccessStore, ledger: LedgerRow) -> None:
    await store.create_key(a_key(ledger))
    assert await store.key("abcdefghijkl") == a_key(ledger)
    assert await store.keys(ledger.ledger_id) == [a_key(ledger)]


async def test_an_unknown_key_is_none(store: AccessStore) -> None:
    assert await store.key("abcdefghijkl") is None


async def test_the_first_revocation_counts(store: AccessStore, ledger: LedgerRow) -> None:
    await store.create_key(a_key(ledger))
    assert await store.revoke_key(ledger.ledger_id, "abcdefghijkl", NOW + 1)
    assert not await store.revoke_key(ledger.ledger_id, "abcdefghijkl", NOW + 2)
    key = await store.key("abcdefghijkl")
    assert key is not None
    assert key.revoked_at_ms == NOW + 1


async def test_a_key_of_another_ledger_cannot_be_revoked(store: AccessStore, ledger: LedgerRow) -> None:
    await store.create_key(a_key(ledger))
    with pytest.raises(NotFoundError):
        await store.revoke_key(ledger.ledger_id + 1, "abcdefghijkl", NOW)


async def test_last_use_never_moves_back(store: AccessStore, ledger: LedgerRow) -> None:
    await store.create_key(a_key(ledger))
    for moment in (NOW, NOW + MINUTE, NOW + 1):
        await store.touch_keys(ledger.ledger_id, {"abcdefghijkl": moment})
    assert (await store.keys(ledger.ledger_id))[0].last_used_at_ms == NOW + MINUTE


async def test_a_client_has_at_most_two_live_keys(store: AccessStore, ledger: LedgerRow) -> None:
    assert await store.create_key(a_key(ledger, "a" * 12), live_max=2)
    assert await store.create_key(a_key(ledger, "b" * 12), live_max=2)
    assert not await store.create_key(a_key(ledger, "c" * 12), live_max=2)
    await store.revoke_key(ledger.ledger_id, "a" * 12, NOW)
    assert await store.create_key(a_key(ledger, "c" * 12), live_max=2)


async def test_keys_made_at_once_for_one_client_are_counted(store: AccessStore, ledger: LedgerRow) -> None:
    made = [store.create_key(a_key(ledger, letter * 12), live_max=2) for letter in "abcdefgh"]
    assert sorted(await asyncio.gather(*made)) == [False] * 6 + [True] * 2


async def test_the_writer_role_may_not_delete_a_key(pool: asyncpg.Pool) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute("DELETE FROM api_key")


async def test_a_server_that_is_gone_is_told_as_try_again(store: AccessStore, pool: asyncpg.Pool) -> None:
    await pool.close()
    with pytest.raises(UnavailableError):
        await store.keys(1)
