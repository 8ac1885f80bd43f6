"""Ledgers and API keys: rows that are read and written one at a time, far from the hot path."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from service.core.errors import ConflictError, ForkError, NotFoundError
from service.storage.fence import AT_THE_DOOR, FencedPool
from service.storage.postgres import unavailable_on_failure

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_COLUMNS = (
    "key_id, ledger_id, label, secret_sha256, scopes, requests_per_minute, addresses_per_day,"
    " created_at, expires_at, revoked_at, last_used_at"
)
_CREATE_LEDGER = """
INSERT INTO ledger (name, origin, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""
_LEDGERS = "SELECT ledger_id, name, origin FROM ledger ORDER BY ledger_id"
_LOG = """
SELECT EXISTS (SELECT FROM log_head WHERE ledger_id = $1), EXISTS (SELECT FROM log_entry WHERE ledger_id = $1)
"""
_CREATE_KEY = """
INSERT INTO api_key (key_id, ledger_id, label, secret_sha256, scopes, created_at, expires_at,
                     requests_per_minute, addresses_per_day)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
# Two keys made at once for one client must not both see one live key.
_LOCK_CLIENT = "SELECT pg_advisory_xact_lock(hashtextextended($2, $1))"
_LIVE = """
SELECT count(*) FROM api_key
WHERE ledger_id = $1 AND label = $2 AND revoked_at IS NULL AND expires_at > $3
"""
_KEY = f"SELECT {_COLUMNS} FROM api_key WHERE key_id = $1"  # noqa: S608 - a constant of column names
_KEYS = f"SELECT {_COLUMNS} FROM api_key WHERE ledger_id = $1 ORDER BY created_at, key_id"  # noqa: S608 - same
# The first revocation counts: a second one must not move its time.
_REVOKE = """
UPDATE api_key SET revoked_at = coalesce(revoked_at, $3) WHERE key_id = $1 AND ledger_id = $2
RETURNING revoked_at = $3
"""
_TOUCH = """
UPDATE api_key SET last_used_at = used.at FROM unnest($2::text[], $3::timestamptz[]) AS used (key_id, at)
WHERE api_key.ledger_id = $1 AND api_key.key_id = used.key_id
AND (last_used_at IS NULL OR last_used_at < used.at)
"""


class LedgerExistsError(ConflictError):
    """A ledger of this name or origin exists, and neither ever changes."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A ledger of this database."""

    ledger_id: int
    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key as it is kept: never its secret. Times in milliseconds since 1970."""

    key_id: str
    ledger_id: int
    label: str
    secret_sha256: bytes
    scopes: frozenset[str]
    created_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int | None = None
    last_used_at_ms: int | None = None
    requests_per_minute: int | None = None
    addresses_per_day: int | None = None

    def is_live(self, now_ms: int) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at_ms is None and now_ms < self.expires_at_ms


class AccessStore:
    """Ledgers and keys in one database. Every method raises `UnavailableError` when it cannot be reached."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._door = FencedPool(pool, AT_THE_DOOR)

    def _inside(self, ledger_id: int) -> FencedPool:
        return FencedPool(self._pool, ledger_id)

    async def ledgers(self) -> list[LedgerRow]:
        """All ledgers, oldest first."""
        with unavailable_on_failure():
            return [LedgerRow(*row) for row in await self._door.fetch(_LEDGERS)]

    async def ledger(self, name: str) -> LedgerRow:
        """The ledger of this name. Raises `NotFoundError`."""
        for row in await self.ledgers():
            if row.name == name:
                return row
        raise NotFoundError(f"there is no ledger {name} in this database")

    async def ensure_ledger(self, name: str, origin: str, now_ms: int) -> LedgerRow:
        """The ledger of this name, registered now if it is new.

        Raises `LedgerExistsError` when it signs under another origin: an origin never changes.
        """
        with unavailable_on_failure():
            await self._door.execute(_CREATE_LEDGER, name, origin, _time(now_ms))
        for row in await self.ledgers():
            if row.name == name and row.origin == origin:
                return row
            if row.name == name or row.origin == origin:
                raise LedgerExistsError(
                    f"ledger {row.name} of this database is {row.origin}, not {name} as {origin}"
                )
        raise NotFoundError(f"there is no ledger {name} in this database")

    async def is_begun(self, ledger_id: int) -> bool:
        """Whether this ledger's log is in the database. Raises `ForkError` when it is, without its head."""
        with unavailable_on_failure():
            has_head, has_entries = await self._inside(ledger_id).fetchrow(_LOG, ledger_id)
        if has_entries and not has_head:
            raise ForkError(
                "the log has entries and no head row: the database was altered or damaged, restore it"
            )
        return bool(has_head)

    async def create_key(self, key: KeyRow, *, live_max: int | None = None) -> bool:
        """Store a new key; False, and nothing stored, when its label has `live_max` live keys already."""
        with unavailable_on_failure():
            async with self._inside(key.ledger_id).acquire() as connection, connection.transaction():
                if live_max is not None:
                    await connection.execute(_LOCK_CLIENT, key.ledger_id, key.label)
                    created = _time(key.created_at_ms)
                    if await connection.fetchval(_LIVE, key.ledger_id, key.label, created) >= live_max:
                        return False
                await connection.execute(
                    _CREATE_KEY,
                    key.key_id,
                    key.ledger_id,
                    key.label,
                    key.secret_sha256,
                    sorted(key.scopes),
                    _time(key.created_at_ms),
                    _time(key.expires_at_ms),
                    key.requests_per_minute,
                    key.addresses_per_day,
                )
        return True

    async def key(self, key_id: str) -> KeyRow | None:
        """The key of this id, live or not, of whichever ledger: how a caller is recognised."""
        with unavailable_on_failure():
            row = await self._door.fetchrow(_KEY, key_id)
        return _key(row) if row else None

    async def keys(self, ledger_id: int) -> list[KeyRow]:
        """A ledger's keys, oldest first, live or not."""
        with unavailable_on_failure():
            return [_key(row) for row in await self._inside(ledger_id).fetch(_KEYS, ledger_id)]

    async def revoke_key(self, ledger_id: int, key_id: str, now_ms: int) -> bool:
        """Revoke a key of this ledger; False when it was revoked before. Raises `NotFoundError`."""
        with unavailable_on_failure():
            row = await self._inside(ledger_id).fetchrow(_REVOKE, key_id, ledger_id, _time(now_ms))
        if row is None:
            raise NotFoundError(f"there is no key {key_id} in this ledger")
        return bool(row[0])

    async def touch_keys(self, ledger_id: int, used_at_ms: Mapping[str, int]) -> None:
        """Remember when keys were last used; never moves a time back."""
        times = [_time(used) for used in used_at_ms.values()]
        with unavailable_on_failure():
            await self._inside(ledger_id).execute(_TOUCH, ledger_id, list(used_at_ms), times)


def _key(row: asyncpg.Record) -> KeyRow:
    key_id, ledger_id, label, digest, scopes, requests, addresses, *times = row
    created, expires, revoked, used = (_milliseconds(time) for time in times)
    # Both columns are NOT NULL; only the type does not know it.
    return KeyRow(
        key_id=key_id,
        ledger_id=ledger_id,
        label=label,
        secret_sha256=digest,
        scopes=frozenset(scopes),
        created_at_ms=created or 0,
        expires_at_ms=expires or 0,
        revoked_at_ms=revoked,
        last_used_at_ms=used,
        requests_per_minute=requests,
        addresses_per_day=addresses,
    )


def _time(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _milliseconds(time: datetime | None) -> int | None:
    return None if time is None else (time - _EPOCH) // timedelta(milliseconds=1)
