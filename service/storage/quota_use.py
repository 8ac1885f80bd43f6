"""What credentials used, exchanged between processes: one transaction for all that one has to tell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import asyncpg

from service.core.sketch import Sketch
from service.storage.fence import AT_THE_DOOR, FencedPool
from service.storage.postgres import unavailable_on_failure

_NAMES = "SELECT * FROM unnest($1::integer[], $2::text[])"
# Locked in one order, so that two processes never wait for each other.
_LOCK = f"""
SELECT ledger_id, credential, "window", requests, day, addresses FROM quota_use
WHERE (ledger_id, credential) IN ({_NAMES}) ORDER BY ledger_id, credential FOR UPDATE
"""  # noqa: S608 - a constant
_ADD = """
INSERT INTO quota_use AS known (ledger_id, credential, "window", requests, day, addresses)
SELECT * FROM unnest($1::integer[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[])
ON CONFLICT (ledger_id, credential) DO UPDATE SET
    requests = CASE WHEN known."window" = excluded."window" THEN known.requests + excluded.requests
                    WHEN known."window" < excluded."window" THEN excluded.requests ELSE known.requests END,
    "window" = greatest(known."window", excluded."window"),
    addresses = CASE WHEN known.day > excluded.day THEN known.addresses ELSE excluded.addresses END,
    day = greatest(known.day, excluded.day)
RETURNING ledger_id, credential, "window", requests, day, addresses
"""
_FORGET = "DELETE FROM quota_use WHERE day < $1"


@dataclass(frozen=True, slots=True)
class UseRow:
    """What one credential used: requests of one window, and the sketch of one day's addresses."""

    ledger_id: int
    credential: str
    window: int
    requests: int
    day: int
    addresses: bytes | None


class QuotaUseStore:
    """The table of what was used. Every method raises `UnavailableError`."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = FencedPool(pool, AT_THE_DOOR)

    async def exchange(self, uses: Sequence[UseRow]) -> list[UseRow]:
        """Add these, and return what all processes together have used."""
        ordered = sorted(uses, key=lambda use: (use.ledger_id, use.credential))
        names = [use.ledger_id for use in ordered], [use.credential for use in ordered]
        with unavailable_on_failure():
            async with self._pool.acquire() as connection, connection.transaction():
                known = [UseRow(*row) for row in await connection.fetch(_LOCK, *names)]
                merged = _merged(ordered, known)
                columns = zip(*(_astuple(use) for use in merged), strict=True)
                return [UseRow(*row) for row in await connection.fetch(_ADD, *map(list, columns))]

    async def forget(self, before_day: int) -> None:
        """Delete what was used on days before this one."""
        with unavailable_on_failure():
            await self._pool.execute(_FORGET, before_day)


def _merged(uses: Iterable[UseRow], known: Iterable[UseRow]) -> list[UseRow]:
    """Uses whose sketches hold what the other processes saw on the same day, too."""
    held = {(row.ledger_id, row.credential): row for row in known}
    merged = []
    for use in uses:
        other = held.get((use.ledger_id, use.credential))
        addresses = use.addresses
        if other is not None and other.day == use.day and other.addresses and addresses:
            sketch = Sketch(other.addresses)
            sketch.merge(addresses)
            addresses = bytes(sketch)
        merged.append(UseRow(use.ledger_id, use.credential, use.window, use.requests, use.day, addresses))
    return merged


def _astuple(use: UseRow) -> tuple[object, ...]:
    return (use.ledger_id, use.credential, use.window, use.requests, use.day, use.addresses)
