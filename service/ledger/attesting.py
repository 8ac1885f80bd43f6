"""Others attest of the log what its operator alone cannot: witnesses that it grows, time stamps since when.

Asked in the background, of the newest checkpoint, never in the way of an append. What they answer is kept and
never changed; it is shown with the checkpoint, in bundles and exports.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from service.core.checkpoint import Checkpoint
from service.core.errors import LedgerError, ProofError, UnavailableError
from service.core.merkle import plan_consistency, prove_consistency
from service.core.notes import Verifier, cosignatures_in
from service.core.witness import CONFLICT, AddCheckpoint, encode_add_checkpoint
from service.ledger.ports import Clock, Head, Store

_OK: Final = 200
_TRIES: Final = 3
_SIZE_DIGITS_MAX: Final = 19
_RETRY_MS: Final = 60_000

_log = structlog.get_logger(__name__)


class WitnessClient(Protocol):
    """A witness as it is asked. `verifier` is the key that is known of it."""

    @property
    def verifier(self) -> Verifier:
        """The key it cosigns with."""

    async def add_checkpoint(self, body: bytes) -> tuple[int, bytes]:
        """Status and body of `POST add-checkpoint`. Raises `UnavailableError`."""


class TimeStamper(Protocol):
    """A time-stamping authority (RFC 3161) as it is asked."""

    async def stamp(self, message: bytes) -> tuple[bytes, int]:
        """A verified time-stamp response over these bytes (DER) and its time in milliseconds.

        Raises `UnavailableError`, and `ProofError` for an answer that does not verify.
        """


class AttestationRows(Protocol):
    """Where attestations are kept: what is there stays as it is."""

    async def cosigned_size(self, witness: str, at_most: int) -> int:
        """The greatest size, up to this one, that the witness cosigned; 0: none."""

    async def put_cosignature(self, size: int, witness: str, line: str) -> None:
        """Keep a signature line."""

    async def newest_timestamp(self) -> tuple[int, int]:
        """Size and time (milliseconds) of the newest time stamp; zeros: there is none."""

    async def put_timestamp(self, size: int, token: bytes, stamped_at_ms: int) -> None:
        """Keep a time-stamp response."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a witness has cosigned a log of this size."""

    witness: str
    cosigned_size: int
    size: int


class Witnessing:
    """Asks the witnesses of one ledger about its newest checkpoint."""

    def __init__(
        self, origin: str, store: Store, rows: AttestationRows, witnesses: Sequence[WitnessClient]
    ) -> None:
        self._origin = origin
        self._store = store
        self._rows = rows
        self._witnesses = witnesses

    async def ask(self) -> list[Progress]:
        """Ask every witness that has not cosigned the newest checkpoint yet, all at once."""
        async with self._store.snapshot() as snapshot:
            head = await snapshot.head()
        return list(await asyncio.gather(*(self._ask(witness, head) for witness in self._witnesses)))

    async def _ask(self, witness: WitnessClient, head: Head) -> Progress:
        name = witness.verifier.name
        size = await self._rows.cosigned_size(name, head.size)
        if size < head.size:
            try:
                size = await self._obtain(witness, head, size)
            except (UnavailableError, ProofError) as error:
                _log.warning("witness_failed", witness=name, ledger=self._origin, reason=str(error))
        return Progress(name, size, head.size)

    async def _obtain(self, witness: WitnessClient, head: Head, size: int) -> int:
        """Get the cosignature. Raises `ProofError` for another answer, and for a log behind its witness."""
        text = Checkpoint(self._origin, head.size, head.root).text
        for _ in range(_TRIES):
            body = encode_add_checkpoint(AddCheckpoint(size, await self._proof(size, head), head.checkpoint))
            status, answer = await witness.add_checkpoint(body)
            if status == _OK:
                found = cosignatures_in(answer, text, [witness.verifier])
                if not found:
                    raise ProofError("the answer holds no cosignature by the key that is known")
                await self._rows.put_cosignature(head.size, witness.verifier.name, found[0][1])
                return head.size
            if status != CONFLICT:
                raise ProofError(f"it answered {status}")
            size = _size(answer)
            if size > head.size:
                # Another process was faster, or this database is an older state than others have seen.
                raise ProofError(f"it has seen {size} entries, and this log has {head.size}")
        raise ProofError("its state changed with every question")

    async def _proof(self, size: int, head: Head) -> tuple[bytes, ...]:
        if size == 0:
            return ()
        async with self._store.snapshot() as snapshot:
            hashes = await snapshot.hashes(plan_consistency(size, head.size))
        return tuple(prove_consistency(size, head.size, hashes))


class Timestamping:
    """Has the newest checkpoint of one ledger stamped, now and then; the next epoch holds the hash."""

    def __init__(
        self,
        origin: str,
        store: Store,
        rows: AttestationRows,
        authority: TimeStamper,
        *,
        every_seconds: int,
        clock: Clock,
    ) -> None:
        self._origin = origin
        self._store = store
        self._rows = rows
        self._authority = authority
        self._every_ms = every_seconds * 1_000
        self._clock = clock
        self._not_before_ms = 0

    async def stamp(self) -> int | None:
        """Stamp the newest checkpoint where it is time, and new; its size, or None: nothing was done."""
        now_ms = self._clock()
        size, stamped_at_ms = await self._rows.newest_timestamp()
        if now_ms < max(stamped_at_ms + self._every_ms, self._not_before_ms):
            return None
        async with self._store.snapshot() as snapshot:
            head = await snapshot.head()
        if head.size <= size:
            return None
        # Should it fail, or its clock be ahead of ours, it is not asked all the time.
        self._not_before_ms = now_ms + min(self._every_ms, _RETRY_MS)
        text = Checkpoint(self._origin, head.size, head.root).text
        try:
            token, at_ms = await self._authority.stamp(text.encode())
        except LedgerError as error:
            _log.warning("timestamp_failed", ledger=self._origin, reason=str(error))
            return None
        await self._rows.put_timestamp(head.size, token, at_ms)
        return head.size


def _size(answer: bytes) -> int:
    text = answer.decode("ascii", "replace").removesuffix("\n")
    if not text.isdecimal() or not text.isascii() or len(text) > _SIZE_DIGITS_MAX:
        raise ProofError("it answered 409 without the size it holds")
    return int(text)
