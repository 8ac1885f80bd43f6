"""Answers kept for an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header), so that a retry acts once.

A key is claimed before anything is done, by one row that only one request can make. What happens when a
process dies in between: the claim runs out after `CLAIM_MS`, the next retry takes it over and does the work
again, which for events, forms, senders and rulebooks finds what was written the first time (their ids are
unique for ever), so that nothing is written twice. Only answers that did something are kept; a refusal is
given up, and so may be corrected and sent again under the same key.

At rest an answer is sealed (AES-256-GCM) under a key made of the ledger's secret and the caller's
Idempotency-Key, of which only a tag is stored: whoever holds the database, and even the ledger's keys, cannot
open it. The fingerprint of the request is keyed, too: it may hold an address.

That secret follows from the one that names subjects, which is for ever: two processes find the same row
whatever wrapping keys they hold. Whoever has it can guess addresses by the names of subjects anyway.
"""

import hashlib
import hmac
import zlib
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.ledger.keys import LedgerKeys
from service.ledger.ports import Clock, Randomness

KEPT_MS: Final = 7 * 86_400_000
"""How long an answer can be had again: longer than any retry queue waits, also over a long weekend."""

CLAIM_MS: Final = 60_000
"""How long a request may be under way before a retry believes it dead; twice what the database may take."""

_NONCE_SIZE: Final = 12
_CLAIM_SIZE: Final = 16


@dataclass(frozen=True, slots=True)
class KeptRow:
    """What stands under a tag: the fingerprint of its request and, once there is one, the sealed answer."""

    fingerprint: bytes
    answer: bytes | None


class AnswerRows(Protocol):
    """One ledger's table of kept answers."""

    async def claim(self, tag: bytes, fingerprint: bytes, claim: bytes, now_ms: int) -> KeptRow | None:
        """Claim the tag (None: it is ours), or say what stands there."""

    async def keep(self, tag: bytes, claim: bytes, answer: bytes) -> None:
        """Store the answer of a claim that is still ours."""

    async def give_up(self, tag: bytes, claim: bytes) -> None:
        """Free the tag again, if the claim is still ours."""

    async def forget(self, now_ms: int) -> int:
        """Delete what has expired, in portions; how many rows went."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The key is ours: do the work, then `keep` or `give_up`."""

    tag: bytes
    claim: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """The work was done before: this was answered."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class InFlight:
    """Another request with this key is under way."""


@dataclass(frozen=True, slots=True)
class Reused:
    """This key belongs to another request."""


class KeptAnswers:
    """One ledger's answers by Idempotency-Key."""

    def __init__(self, rows: AnswerRows, keys: LedgerKeys, *, clock: Clock, random: Randomness) -> None:
        self._rows = rows
        self._secret = hmac.digest(keys.subject_key_secret, b"clv1/idempotency", hashlib.sha256)
        self._clock = clock
        self._random = random

    async def begin(self, key: bytes, place: bytes, body: bytes) -> Claimed | Kept | InFlight | Reused:
        """Claim `key` for a request: `place` is who asks for what, `body` what was sent.

        Raises `UnavailableError`.
        """
        tag = self._digest(b"tag", place, key)
        fingerprint = self._digest(b"body", place, body)
        claim = self._random(_CLAIM_SIZE)
        row = await self._rows.claim(tag, fingerprint, claim, self._clock())
        if row is None:
            return Claimed(tag, claim, key)
        if row.fingerprint != fingerprint:
            return Reused()
        return InFlight() if row.answer is None else Kept(self._open(row.answer, tag, key))

    async def keep(self, claimed: Claimed, answer: bytes) -> None:
        """Keep what was answered. Raises `UnavailableError`."""
        nonce = self._random(_NONCE_SIZE)
        sealed = self._cipher(claimed.key).encrypt(nonce, zlib.compress(answer), claimed.tag)
        await self._rows.keep(claimed.tag, claimed.claim, nonce + sealed)

    async def give_up(self, claimed: Claimed) -> None:
        """Keep nothing: the work was refused or failed. Raises `UnavailableError`."""
        await self._rows.give_up(claimed.tag, claimed.claim)

    async def forget(self) -> int:
        """Delete what has expired; how many rows went. Raises `UnavailableError`."""
        return await self._rows.forget(self._clock())

    def _open(self, sealed: bytes, tag: bytes, key: bytes) -> bytes:
        nonce, rest = sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:]
        return zlib.decompress(self._cipher(key).decrypt(nonce, rest, tag))

    def _cipher(self, key: bytes) -> AESGCM:
        return AESGCM(self._digest(b"seal", b"", key))

    def _digest(self, purpose: bytes, place: bytes, value: bytes) -> bytes:
        framed = len(purpose).to_bytes(1) + purpose + len(place).to_bytes(4) + place + value
        return hmac.digest(self._secret, framed, hashlib.sha256)
