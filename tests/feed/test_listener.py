"""The connection that listens: whatever becomes of its server, it is opened again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from service.core.errors import LedgerError
from service.storage import head_watch
from service.storage.head_watch import Listener
from service.wiring.database import make_fit

# What a server may have said before it died.
LAST_WORDS = {
    "nothing": b"",
    "half a message": b"R\0\0",
    "a message cut short": b"R\0\0\0\x04",
    "that it starts up": b"E\0\0\0\x1bSFATAL\0C57P03\0Mstarting\0\0",
    "that it is ready": b"R\0\0\0\x08\0\0\0\0S\0\0\0\x18server_version\x0018.0\0Z\0\0\0\x05I",
    "what is no PostgreSQL": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}


@asynccontextmanager
async def a_server_that_dies(folder: Path, words: bytes, on_visit: Callable[[], None]) -> AsyncIterator[str]:
    """Yield the DSN of what takes connections, says these words and is gone."""
    visits: set[asyncio.Task[Any]] = set()

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = asyncio.current_task()
        assert visit is not None
        visits.add(visit)
        await reader.read(1_000)
        writer.write(words)
        if words.endswith(b"I"):
            await reader.read(1_000)  # the first statement
        writer.close()
        on_visit()
        with suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_unix_server(die, folder / ".s.PGSQL.5432"):
        yield f"postgresql://anybody@/ledger?host={folder}&sslmode=disable"
    await asyncio.wait(visits)


@pytest.mark.parametrize("words", LAST_WORDS.values(), ids=LAST_WORDS)
async def test_it_comes_back_whatever_a_dying_server_says(
    words: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_watch, "_LOST_SECONDS", 0.01)
    visits: asyncio.Queue[None] = asyncio.Queue()
    async with a_server_that_dies(tmp_path, words, lambda: visits.put_nowait(None)) as dsn:
        listener = Listener(dsn, {})
        listener.start()
        async with asyncio.timeout(20):
            for _ in range(3):
                await visits.get()
        await listener.stop()


@pytest.mark.parametrize("words", LAST_WORDS.values(), ids=LAST_WORDS)
async def test_a_start_on_a_dying_server_is_refused_in_our_own_words(words: bytes, tmp_path: Path) -> None:
    async with a_server_that_dies(tmp_path, words, lambda: None) as dsn:
        with pytest.raises(LedgerError, match=r"server|database"):
            await asyncio.to_thread(make_fit, dsn, may_upgrade=False)
