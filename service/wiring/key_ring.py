"""The API keys that callers show, looked up at most once a second each, and the desk where they are made."""

import asyncio
import hmac
import time
from dataclasses import dataclass

from service.api.callers.key_desk import LIVE_KEYS_MAX, KeyInfo, NewKey, TooManyKeysError
from service.api.callers.key_format import RANDOM_BYTES, new_key, parse_key
from service.api.callers.principal import Principal, Quota
from service.core.errors import UnavailableError
from service.ledger.ports import Clock, Randomness
from service.storage.access import AccessStore, KeyRow

FRESH_SECONDS = 1.0
"""How long a key may still be honoured after it was revoked."""

LOOKUPS_MAX = 64
"""Keys that may be looked up at the same moment; a flood of made-up ones then hinders only itself."""

_DAY_MS = 86_400_000
_KNOWN_MAX = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    row: KeyRow | None
    principal: Principal | None
    until: float


class CachedKeyRing:
    """Implements `api.principal.KeyRing` for API keys.

    A revocation takes effect within `FRESH_SECONDS` in every process, expiry at once.
    """

    def __init__(self, store: AccessStore, clock: Clock, quota: Quota) -> None:
        self._store = store
        self._clock = clock
        self._quota = quota
        self._known: dict[str, _Known] = {}
        self._lookups: dict[str, asyncio.Task[_Known]] = {}
        self._used_at_ms: dict[int, dict[str, int]] = {}

    async def authenticate(self, authorization: str) -> Principal | None:
        """The caller of this `Authorization` header, or None when it holds no live key.

        Raises `UnavailableError` when the key has to be looked up and the database does not answer.
        """
        scheme, _, credential = authorization.partition(" ")
        parsed = parse_key(credential) if scheme.lower() == "bearer" else None
        if parsed is None:
            return None
        key_id, digest = parsed
        known = self._known.get(key_id)
        if known is None or time.monotonic() >= known.until:
            known = await self._look_up(key_id)
        row = known.row
        if row is None or not hmac.compare_digest(row.secret_sha256, digest):
            return None
        now_ms = self._clock()
        if not row.is_live(now_ms):
            return None
        self._used_at_ms.setdefault(row.ledger_id, {})[key_id] = now_ms
        return known.principal

    def take_used(self) -> dict[int, dict[str, int]]:
        """By ledger, the keys that were used since this was last asked, and when."""
        used, self._used_at_ms = self._used_at_ms, {}
        return used

    async def _look_up(self, key_id: str) -> _Known:
        """Read the key once for all who wait for it; one who stops waiting does not stop the others."""
        lookup = self._lookups.get(key_id)
        if lookup is None:
            if len(self._lookups) >= LOOKUPS_MAX and key_id not in self._known:
                raise UnavailableError("too many unknown keys are being looked up")
            lookup = asyncio.create_task(self._read(key_id))
            self._lookups[key_id] = lookup
            lookup.add_done_callback(lambda _: self._lookups.pop(key_id))
        return await asyncio.shield(lookup)

    async def _read(self, key_id: str) -> _Known:
        # From before the read: a revocation that commits while it is under way must not gain time.
        until = time.monotonic() + FRESH_SECONDS
        row = await self._store.key(key_id)
        principal = None
        if row is not None:
            principal = Principal(row.key_id, row.ledger_id, row.scopes, quota_of(row, self._quota))
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        known = self._known[key_id] = _Known(row, principal, until)
        return known


def quota_of(row: KeyRow, default: Quota) -> Quota:
    """The key's own quota, or the default where it has none."""
    if row.requests_per_minute is None and row.addresses_per_day is None:
        return default
    return Quota(
        row.requests_per_minute or default.requests_per_minute,
        row.addresses_per_day or default.addresses_per_day,
    )


class StoredKeyDesk:
    """Implements `api.key_desk.KeyDesk` over the database."""

    def __init__(self, store: AccessStore, clock: Clock, random: Randomness, quota: Quota) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self._quota = quota

    async def issue(self, ledger_id: int, wanted: NewKey) -> tuple[str, KeyInfo]:
        """A new key: its text, which is not kept, and what is. Raises `TooManyKeysError`."""
        text, row = _new_row(ledger_id, wanted, self._clock(), self._random)
        if not await self._store.create_key(row, live_max=LIVE_KEYS_MAX if wanted.label else None):
            raise TooManyKeysError(f"{LIVE_KEYS_MAX} of its keys are live: revoke one, then make another")
        return text, self._info(row)

    async def keys(self, ledger_id: int) -> list[KeyInfo]:
        """The ledger's keys, oldest first, live or not."""
        return [self._info(row) for row in await self._store.keys(ledger_id)]

    async def revoke(self, ledger_id: int, key_id: str) -> bool:
        """Revoke a key; False when it was revoked before. Raises `NotFoundError`."""
        return await self._store.revoke_key(ledger_id, key_id, self._clock())

    def _info(self, row: KeyRow) -> KeyInfo:
        return KeyInfo(
            key_id=row.key_id,
            label=row.label,
            scopes=row.scopes,
            created_at_ms=row.created_at_ms,
            expires_at_ms=row.expires_at_ms,
            revoked_at_ms=row.revoked_at_ms,
            last_used_at_ms=row.last_used_at_ms,
            quota=quota_of(row, self._quota),
        )


def _new_row(ledger_id: int, wanted: NewKey, now_ms: int, random: Randomness) -> tuple[str, KeyRow]:
    text, key_id, digest = new_key(random(RANDOM_BYTES))
    quota = wanted.quota
    row = KeyRow(
        key_id=key_id,
        ledger_id=ledger_id,
        label=wanted.label,
        secret_sha256=digest,
        scopes=wanted.scopes,
        created_at_ms=now_ms,
        expires_at_ms=now_ms + wanted.days * _DAY_MS,
        requests_per_minute=quota.requests_per_minute if quota else None,
        addresses_per_day=quota.addresses_per_day if quota else None,
    )
    return text, row


async def issue_key(  # noqa: PLR0913 - what a key is made of
    store: AccessStore,
    ledger_id: int,
    *,
    scopes: frozenset[str],
    label: str,
    days: int,
    now_ms: int,
    random: Randomness,
) -> tuple[str, KeyRow]:
    """Make a key, however many its label has: its text, which is not kept, and the row that is."""
    text, row = _new_row(ledger_id, NewKey(label, scopes, days), now_ms, random)
    await store.create_key(row)
    return text, row
