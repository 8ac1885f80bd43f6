"""The keys that callers show, looked up at most once a second each."""

import asyncio
import hmac
import time
from dataclasses import dataclass

from service.api.access import Principal, new_key, parse_authorization
from service.ledger.ports import Clock, Randomness
from service.storage.access import AccessStore, KeyRow

FRESH_SECONDS = 1.0
"""How long a key may still be honoured after it was revoked."""

KEY_RANDOM_BYTES = 44
_DAY_MS = 86_400_000
_KNOWN_MAX = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    row: KeyRow | None
    until: float


class CachedKeyRing:
    """Implements `api.access.KeyRing`. A revocation takes effect within `FRESH_SECONDS`, expiry at once."""

    def __init__(self, store: AccessStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._lookups: dict[str, asyncio.Task[KeyRow | None]] = {}

    async def authenticate(self, authorization: str) -> Principal | None:
        """The caller of this `Authorization` header, or None when it holds no live key.

        Raises `UnavailableError` when the key has to be looked up and the database does not answer.
        """
        parsed = parse_authorization(authorization)
        if parsed is None:
            return None
        key_id, digest = parsed
        known = self._known.get(key_id)
        row = known.row if known and time.monotonic() < known.until else await self._look_up(key_id)
        if row is None or not hmac.compare_digest(row.secret_sha256, digest):
            return None
        if row.revoked_at_ms is not None or row.expires_at_ms <= self._clock():
            return None
        return Principal(row.key_id, row.ledger_id, row.scopes)

    async def _look_up(self, key_id: str) -> KeyRow | None:
        """Read the key once for all who wait for it; one who stops waiting does not stop the others."""
        lookup = self._lookups.get(key_id)
        if lookup is None:
            lookup = asyncio.create_task(self._read(key_id))
            self._lookups[key_id] = lookup
            lookup.add_done_callback(lambda _: self._lookups.pop(key_id))
        return await asyncio.shield(lookup)

    async def _read(self, key_id: str) -> KeyRow | None:
        # From before the read: a revocation that commits while it is under way must not gain time.
        until = time.monotonic() + FRESH_SECONDS
        row = await self._store.key(key_id)
        if row is not None and row.revoked_at_ms is None:
            await self._store.touch_key(row, self._clock())
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known[key_id] = _Known(row, until)
        return row


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
    """Make a key: its text, which is not kept and cannot be shown again, and the row that is kept."""
    text, key_id, digest = new_key(random(KEY_RANDOM_BYTES))
    row = KeyRow(key_id, ledger_id, label, digest, scopes, now_ms, now_ms + days * _DAY_MS)
    await store.create_key(row)
    return text, row
