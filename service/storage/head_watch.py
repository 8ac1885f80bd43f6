"""Learning that a log has grown: by NOTIFY at once, and by looking once a second in any case.

A notification is a hint and nothing hangs on it: it carries a position, never an event, and may be lost with
its connection. What is looked at is the head row, so a reader is at most a second late.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import asyncpg
import structlog

from service.core.errors import LedgerError
from service.ledger.ports import Store

CHANNEL = "consent_ledger"
LOOK_SECONDS = 1.0
_LOST_SECONDS = 1.0
_CLOSED_SECONDS = 0.1
_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    # The driver's word for a server that died in the middle of an answer.
    asyncpg.InternalClientError,
)
_log = structlog.get_logger(__name__)


class HeadWatch:
    """One ledger's `Bell`: whoever waits is woken by an append of this process or of another."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._position = -1
        self._waiting: set[asyncio.Future[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def position(self) -> int:
        """The newest position that this process has heard of; -1 before it has heard of any."""
        return self._position

    def heard(self, position: int) -> None:
        """Wake those who wait if this is news."""
        if position > self._position:
            self._position = position
            self.wake()

    def wake(self) -> None:
        """Let everybody who waits look for themselves."""
        waiting, self._waiting = self._waiting, set()
        for one in waiting:
            if not one.done():
                one.set_result(None)

    def close(self) -> None:
        """Wake everybody; from now on nobody waits."""
        self._closed = True
        self.wake()
        if self._looking is not None:
            self._looking.cancel()

    async def wait(self, after: int, seconds: float) -> None:
        """Return when a position above `after` is known, after so many seconds, or when woken."""
        if self._position > after:
            return
        if self._closed:
            # Whoever waits again while the service stops must not keep it from stopping.
            await asyncio.sleep(min(seconds, _CLOSED_SECONDS))
            return
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        bell: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(bell)
        timer = asyncio.get_running_loop().call_later(seconds, _ring, bell)
        try:
            await bell
        finally:
            timer.cancel()
            self._waiting.discard(bell)

    async def _look(self) -> None:
        """Look at the head once a second for as long as anybody waits."""
        while self._waiting:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(LedgerError):  # the database is away: those who wait find out for themselves
                async with self._store.snapshot() as snapshot:
                    self.heard((await snapshot.head()).position)


def _ring(bell: asyncio.Future[None]) -> None:
    if not bell.done():
        bell.set_result(None)


class Notifier:
    """Tells other processes that a log has grown: after the COMMIT, and only the newest position."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._untold: dict[int, int] = {}
        self._telling: asyncio.Task[None] | None = None

    def tell(self, ledger_id: int, position: int) -> None:
        """Tell soon. Never fails and never waits: a reader looks for itself within a second."""
        self._untold[ledger_id] = position
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def close(self) -> None:
        """Tell what is still untold."""
        if self._telling is not None:
            await self._telling

    async def _tell(self) -> None:
        while self._untold:
            ledger_id, position = self._untold.popitem()
            with suppress(*_LOST):
                await self._pool.execute("SELECT pg_notify($1, $2)", CHANNEL, f"{ledger_id}:{position}")


class Listener:
    """One connection that listens for all ledgers of this process, opened again whenever it is lost."""

    def __init__(self, dsn: str, watches: dict[int, HeadWatch]) -> None:
        self._dsn = dsn
        self._watches = watches
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen."""
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _listen(self) -> None:
        while True:
            with suppress(*_LOST):
                await self._listen_once()
            await asyncio.sleep(_LOST_SECONDS)

    async def _listen_once(self) -> None:
        connection = await asyncpg.connect(
            self._dsn, server_settings={"application_name": "consent-ledger listener"}
        )
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _connection: lost.set())
            await connection.add_listener(CHANNEL, self._hear)
            await lost.wait()
            _log.warning("listener_lost")
        finally:
            await connection.close(timeout=1)

    def _hear(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        ledger, _, position = payload.partition(":")
        if ledger.isdecimal() and position.isdecimal() and int(ledger) in self._watches:
            self._watches[int(ledger)].heard(int(position))


class Watches:
    """What this process knows of the growth of its ledgers, and tells others of it."""

    def __init__(self, pool: asyncpg.Pool, dsn: str) -> None:
        self._watches: dict[int, HeadWatch] = {}
        self._notifier = Notifier(pool)
        self._listener = Listener(dsn, self._watches)

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        self._listener.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Tell what is untold, and stop listening."""
        await self._notifier.close()
        await self._listener.stop()

    def watch(self, ledger_id: int, store: Store) -> HeadWatch:
        """The bell of one ledger."""
        return self._watches.setdefault(ledger_id, HeadWatch(store))

    def teller(self, ledger_id: int) -> Callable[[int], None]:
        """What an appender calls with each position that it has committed."""

        def tell(position: int) -> None:
            if ledger_id in self._watches:
                self._watches[ledger_id].heard(position)
            self._notifier.tell(ledger_id, position)

        return tell

    def close(self) -> None:
        """Answer everybody who waits."""
        for watch in self._watches.values():
            watch.close()
