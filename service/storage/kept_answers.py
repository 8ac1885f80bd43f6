"""One ledger's answers by Idempotency-Key, in PostgreSQL: one row a key, whoever inserts it first."""

import asyncpg

from service.ledger.kept_answers import CLAIM_MS, KEPT_MS, KeptRow
from service.storage.fence import FencedPool
from service.storage.postgres import unavailable_on_failure

# Takes over what has expired, and what a process that died had claimed for the same request. Touches no row
# otherwise, and then says what stands there: the row may be gone by then, and the claim is tried once more.
_CLAIM = """
INSERT INTO idempotency AS kept (ledger_id, key_tag, fingerprint, claim, claimed_until_ms, expires_at_ms)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (ledger_id, key_tag) DO UPDATE
SET fingerprint = excluded.fingerprint, claim = excluded.claim, answer = NULL,
    claimed_until_ms = excluded.claimed_until_ms, expires_at_ms = excluded.expires_at_ms
WHERE kept.expires_at_ms <= $7
   OR (kept.answer IS NULL AND kept.claimed_until_ms <= $7 AND kept.fingerprint = excluded.fingerprint)
RETURNING 1
"""
_READ = "SELECT fingerprint, answer FROM idempotency WHERE ledger_id = $1 AND key_tag = $2"
_KEEP = "UPDATE idempotency SET answer = $4 WHERE ledger_id = $1 AND key_tag = $2 AND claim = $3"
_GIVE_UP = "DELETE FROM idempotency WHERE ledger_id = $1 AND key_tag = $2 AND claim = $3 AND answer IS NULL"
_FORGET = """
DELETE FROM idempotency WHERE ledger_id = $1 AND key_tag = ANY(ARRAY(
    SELECT key_tag FROM idempotency WHERE ledger_id = $1 AND expires_at_ms <= $2
    ORDER BY expires_at_ms LIMIT 1000))
"""
_ATTEMPTS = 3


class PostgresAnswerRows:
    """Implements `ledger.kept_answers.AnswerRows`. Every method raises `UnavailableError`."""

    def __init__(self, pool: asyncpg.Pool, ledger_id: int) -> None:
        self._pool = FencedPool(pool, ledger_id)
        self._ledger_id = ledger_id

    async def claim(self, tag: bytes, fingerprint: bytes, claim: bytes, now_ms: int) -> KeptRow | None:
        """Claim the tag (None: it is ours), or say what stands there."""
        until, expiry = now_ms + CLAIM_MS, now_ms + KEPT_MS
        found = None
        with unavailable_on_failure():
            for _ in range(_ATTEMPTS):
                row = (self._ledger_id, tag, fingerprint, claim, until, expiry, now_ms)
                if await self._pool.fetch(_CLAIM, *row):
                    return None
                found = await self._pool.fetchrow(_READ, self._ledger_id, tag)
                if found is not None:
                    break
        # Somebody gave it up every time we looked: as good as somebody who is still at it.
        return KeptRow(*found) if found is not None else KeptRow(fingerprint, None)

    async def keep(self, tag: bytes, claim: bytes, answer: bytes) -> None:
        """Store the answer of a claim that is still ours."""
        with unavailable_on_failure():
            await self._pool.execute(_KEEP, self._ledger_id, tag, claim, answer)

    async def give_up(self, tag: bytes, claim: bytes) -> None:
        """Free the tag again, if the claim is still ours."""
        with unavailable_on_failure():
            await self._pool.execute(_GIVE_UP, self._ledger_id, tag, claim)

    async def forget(self, now_ms: int) -> int:
        """Delete up to a thousand rows that have expired."""
        with unavailable_on_failure():
            tag = await self._pool.execute(_FORGET, self._ledger_id, now_ms)
        return int(tag.rpartition(" ")[2])
