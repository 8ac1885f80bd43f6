"""Reads of concurrent requests, merged: whatever was asked during one turn of the loop becomes one query."""

import asyncio
from collections.abc import Sequence

from service.ledger.ports import Head
from service.storage.fence import FencedPool
from service.storage.queries import SQL

_HEAD_COLUMNS = 11
# Two queries under way at once keep the server busy while one answer is being decoded; more only contend.
_LANES = 2
_KEYS_MAX = 2_000


class StandingReader:
    """Answers `read` calls of many requests with few queries, each a snapshot of its own."""

    def __init__(self, pool: FencedPool, ledger_id: int) -> None:
        self._pool = pool
        self._ledger_id = ledger_id
        self._waiting: list[tuple[Sequence[bytes], asyncio.Future[tuple[Head, dict[bytes, bytes]]]]] = []
        self._lanes: set[asyncio.Task[None]] = set()

    async def read(self, keys: Sequence[bytes]) -> tuple[Head, dict[bytes, bytes]]:
        """The head and the standings of those subjects that exist. Holds possibly more than was asked for."""
        answer: asyncio.Future[tuple[Head, dict[bytes, bytes]]] = asyncio.get_running_loop().create_future()
        self._waiting.append((keys, answer))
        if len(self._lanes) < _LANES:
            lane = asyncio.create_task(self._serve())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)
        return await answer

    async def _serve(self) -> None:
        while self._waiting:
            turn = self._take()
            try:
                answer = await self._query([key for keys, _ in turn for key in keys])
            except BaseException as error:
                for _, waiter in turn:
                    if not waiter.done():
                        waiter.set_exception(error if isinstance(error, Exception) else OSError("cut off"))
                if not isinstance(error, Exception):
                    raise
                continue
            for _, waiter in turn:
                if not waiter.done():
                    waiter.set_result(answer)

    def _take(self) -> list[tuple[Sequence[bytes], asyncio.Future[tuple[Head, dict[bytes, bytes]]]]]:
        taken, keys = 0, 0
        while taken < len(self._waiting) and keys < _KEYS_MAX:
            keys += len(self._waiting[taken][0])
            taken += 1
        turn, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return turn

    async def _query(self, keys: list[bytes]) -> tuple[Head, dict[bytes, bytes]]:
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(SQL["standings"], self._ledger_id, keys)
        head = next(row for row in rows if row[_HEAD_COLUMNS] is None)
        standings = {row[_HEAD_COLUMNS]: row[_HEAD_COLUMNS + 1] for row in rows if row is not head}
        return Head(*head[:_HEAD_COLUMNS]), standings
