"""A running process says, every few seconds, which wrapping keys it holds for each ledger it seals for.

Before a key is put first, every process must hold it; before one is retired, none may seal with it any more.
Commands that end within seconds say nothing: they read the keys afresh.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from service.core.errors import LedgerError
from service.ledger.wrapping_ports import BEAT_SECONDS
from service.wiring.housekeeping import housekeeping
from service.wiring.ledgers import LedgerParts

_NAME_BYTES = 4
_LAST_WORD_SECONDS = 2.0


class Holding:
    """What one process holds. `what` it is stands in its name, with machine and process id."""

    def __init__(self, what: str) -> None:
        self._name = f"{what} {os.getpid()} on {socket.gethostname()} ({os.urandom(_NAME_BYTES).hex()})"

    async def tell(self, parts: LedgerParts) -> None:
        """Say it of one ledger now. Raises `UnavailableError`."""
        await parts.holders.hold(self._name, parts.keys.wrapping.ids)

    @asynccontextmanager
    async def beside(self, ledgers: Sequence[LedgerParts]) -> AsyncIterator[None]:
        """Say it now and again and again while inside, also of ledgers that come; at the end, that it ended.

        Raises `UnavailableError`.
        """

        async def tell_keys() -> None:
            for parts in list(ledgers):
                await self.tell(parts)

        await tell_keys()
        try:
            async with housekeeping((BEAT_SECONDS, tell_keys)):
                yield
        finally:
            # Whoever is not told, because the database is away, believes it after a minute.
            with suppress(LedgerError, TimeoutError):
                async with asyncio.timeout(_LAST_WORD_SECONDS):
                    for parts in ledgers:
                        await parts.holders.hold(self._name, parts.keys.wrapping.ids, ended=True)
