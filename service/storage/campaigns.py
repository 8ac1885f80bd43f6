"""Campaigns on PostgreSQL: bulk reads of standings, and the tiles of the answers' trees."""

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from service.core.merkle import HASH_SIZE, TILE_WIDTH, HashRange
from service.ledger.campaigns.ports import Run, State, Tile
from service.storage.fence import FencedPool
from service.storage.postgres import unavailable_on_failure
from service.storage.queries import SQL

_POSITION = slice(0, 8)
_RECORDED_AT = slice(8, 16)
_RULEBOOK = slice(16, None)


class PostgresCampaigns:
    """Campaigns of one ledger in one database."""

    def __init__(self, pool: asyncpg.Pool, ledger_id: int) -> None:
        self._pool = FencedPool(pool, ledger_id)
        self._ledger_id = ledger_id

    async def standings(self, keys: Sequence[bytes]) -> tuple[State, dict[bytes, bytes]]:
        """The state and those standings that exist, in one statement and so of one snapshot."""
        found = {row[0]: row[1] for row in await self._fetch("standings_in_bulk", keys)}
        head = found.pop(None)
        state = State(int.from_bytes(head[_POSITION]), int.from_bytes(head[_RECORDED_AT]), head[_RULEBOOK])
        return state, found

    async def begin(self, campaign: bytes, question: bytes) -> None:
        """Keep what is asked of every line."""
        with unavailable_on_failure():
            async with self._pool.acquire() as connection:
                await connection.execute(SQL["put_campaign"], self._ledger_id, campaign, question)

    async def keep(self, campaign: bytes, tiles: Sequence[Tile], runs: Sequence[Run]) -> None:
        """Keep tiles and runs in one transaction."""
        with unavailable_on_failure():
            async with self._pool.acquire() as connection, connection.transaction():
                await self._put(connection, "put_campaign_tiles", campaign, tiles)
                await self._put(connection, "put_campaign_runs", campaign, runs)

    async def question(self, campaign: bytes) -> bytes | None:
        """What was asked of every line."""
        rows = await self._fetch("campaign", campaign)
        return rows[0][0] if rows else None

    async def event_index(self, dedup_key: bytes) -> int | None:
        """The place of the event of this key."""
        rows = await self._fetch("known", [dedup_key])
        return rows[0][1] if rows else None

    async def hashes(self, campaign: bytes, ranges: Iterable[HashRange]) -> dict[HashRange, list[bytes]]:
        """Leaf hashes and tile roots; what is missing is left out."""
        found: dict[HashRange, list[bytes]] = {}
        for wanted in ranges:
            tile = wanted.start // TILE_WIDTH
            rows = await self._fetch("campaign_tile", campaign, wanted.level, tile)
            joined: bytes = rows[0][0] if rows else b""
            hashes = [joined[at : at + HASH_SIZE] for at in range(0, len(joined), HASH_SIZE)]
            first = tile * TILE_WIDTH
            found[wanted] = hashes[wanted.start - first : wanted.stop - first]
        return found

    async def names(self) -> list[bytes]:
        """Every campaign that answered anything, the newest first."""
        return [row[0] for row in await self._fetch("campaigns")]

    async def leaves(self, campaign: bytes, start: int, stop: int) -> bytes:
        """The leaf hashes of the places from `start` to `stop`, joined."""
        first, last = start // TILE_WIDTH, -(-stop // TILE_WIDTH)
        joined = b"".join(row[0] for row in await self._fetch("campaign_leaves", campaign, first, last))
        before = first * TILE_WIDTH
        return joined[(start - before) * HASH_SIZE : (stop - before) * HASH_SIZE]

    async def runs(self, campaign: bytes) -> list[Run]:
        """Every run, in order."""
        return [Run(*row) for row in await self._fetch("campaign_runs", campaign)]

    async def run_of(self, campaign: bytes, line: int) -> Run | None:
        """The run that a line belongs to."""
        rows = await self._fetch("campaign_run", campaign, line)
        return Run(*rows[0]) if rows else None

    async def _fetch(self, name: str, *arguments: object) -> list[Any]:
        with unavailable_on_failure():
            async with self._pool.acquire() as connection:
                rows: list[Any] = await connection.fetch(SQL[name], self._ledger_id, *arguments)
                return rows

    async def _put(
        self,
        connection: Any,  # noqa: ANN401 - asyncpg ships no types
        name: str,
        campaign: bytes,
        rows: Sequence[Tile] | Sequence[Run],
    ) -> None:
        if rows:
            columns = map(list, zip(*rows, strict=True))
            await connection.execute(SQL[name], self._ledger_id, campaign, *columns)
