"""Exports without a running service: for the command line, which writes to files of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.ledger.catalogue import Catalogue
from service.ledger.exporting.exports import Exports
from service.ledger.opening import Opener
from service.ledger.ports import UNMETERED
from service.ledger.proving.proofs import Proofs
from service.ledger.startup import check_start
from service.settings import Settings
from service.wiring.failpoints import failpoint
from service.wiring.holding import Holding
from service.wiring.ledgers import open_parts

_CONNECTIONS = 3


@asynccontextmanager
async def open_exports(settings: Settings, dsn: str) -> AsyncIterator[Exports]:
    """The exports of the ledger that the settings name, checked as at a start.

    Raises `NotFoundError`, `ForkError`, `KeysError`, `DatabaseError` and `UnavailableError`.
    """
    async with open_parts(settings, dsn, connections=_CONNECTIONS) as parts:
        await check_start(parts.store, parts.keys, parts.mark)
        await parts.erase_again()
        appender = parts.appender(failpoint(settings.crash_at), UNMETERED)
        opener, catalogue = Opener(parts.sealer), Catalogue(parts.store)
        proofs = Proofs(parts.store, parts.keys, parts.admission, catalogue, opener=opener, clock=parts.clock)
        search = parts.searching(proofs, opener, catalogue)
        async with Holding("export").beside([parts]):
            try:
                yield parts.exporting(appender, proofs, search, catalogue)
            finally:
                await appender.drain()
