"""Readers of the feed in a turmoil: a long poll and a stream, whose cursors may be forgotten."""

import asyncio
import json
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

_TYPES = "consent_withdrawn"
_AGAIN_SECONDS = 0.2
_FORGETS = 0.02
"""How often a reader dies between what it heard and its cursor, and hears it again."""
_CUT = (aiohttp.ClientError, TimeoutError, ValueError, ConnectionError)

Heard = tuple[str, int]
"""Subject and position."""


class Hearing(Protocol):
    """Whoever hears, in whichever way."""

    @property
    def heard(self) -> list[Heard]:
        """What came, in the order of arrival."""


@dataclass(slots=True)
class FeedReader:
    """Follows withdrawals from the beginning, at whichever service answers."""

    ports: list[int]
    key: str
    chance: random.Random
    heard: list[Heard] = field(default_factory=list)
    cursor: int = 0
    again: int = 0
    """How often it had to begin again where its cursor stood."""

    def start(self, read: "Reading") -> asyncio.Task[None]:
        """Read in this way until cancelled."""
        return asyncio.create_task(self._run(read))

    def take(self, event: dict[str, Any]) -> None:
        """Deal with one event, then remember that; or die in between."""
        position = int(event["data"]["position"])
        self.heard.append((event["subject"], position))
        if self.chance.random() < _FORGETS:
            raise ConnectionError("the reader died before it had stored its cursor")
        self.cursor = position

    def url(self, path: str) -> str:
        """The path at one of the services."""
        return f"http://127.0.0.1:{self.chance.choice(self.ports)}{path}"

    async def _run(self, read: "Reading") -> None:
        headers = {"authorization": f"Bearer {self.key}"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=20)
        while True:
            try:
                async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
                    while True:
                        await read(self, session)
            except _CUT:
                self.again += 1
                await asyncio.sleep(_AGAIN_SECONDS)


Reading = Callable[[FeedReader, aiohttp.ClientSession], Coroutine[Any, Any, None]]


async def poll(reader: FeedReader, session: aiohttp.ClientSession) -> None:
    """One long poll."""
    query = {"after": str(reader.cursor), "types": _TYPES, "wait": "5", "limit": "50"}
    async with session.get(reader.url("/v1/events"), params=query, raise_for_status=True) as response:
        page = await response.json()
    for event in page["items"]:
        reader.take(event)
    reader.cursor = page["next"]


async def follow(reader: FeedReader, session: aiohttp.ClientSession) -> None:
    """One stream of server-sent events, until it ends or is cut."""
    headers = {"last-event-id": str(reader.cursor)}
    query = {"types": _TYPES}
    url = reader.url("/v1/events/stream")
    async with session.get(url, params=query, headers=headers, raise_for_status=True) as response:
        async for line in response.content:
            if line.startswith(b"data: "):
                reader.take(json.loads(line[6:]))
