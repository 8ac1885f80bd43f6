"""What is done beside the requests, so that no request waits for it: counts, last uses, expired answers.

None of it is needed for an answer. When the database does not take it, it is tried again, and what is counted
is counted by this process alone meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import structlog

from service.api.callers.quotas import EXCHANGE_SECONDS, Quotas, Use
from service.api.services import Services
from service.core.errors import LedgerError
from service.ledger.key_following import refresh
from service.storage.access import AccessStore
from service.storage.quota_use import QuotaUseStore, UseRow
from service.wiring.issuers import IssuerKeys
from service.wiring.key_ring import CachedKeyRing
from service.wiring.ledgers import LedgerParts

LAST_USED_SECONDS = 10.0
FORGET_SECONDS = 60.0
EXPORTS_SECONDS = 1.0
"""How long an export that was asked for waits until somebody begins to prepare it."""
KEYS_SECONDS = 10.0
"""How long a process that signs nothing goes on publishing a key that was rotated elsewhere."""
LEDGERS_SECONDS = 2.0
"""How long a ledger that was made on the command line waits until a running service serves it."""

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def housekeeping(*chores: tuple[float, Callable[[], Awaitable[None]]]) -> AsyncIterator[None]:
    """Do each chore every so many seconds while inside; once more, at the end, never."""
    async with _alongside(_again_and_again(seconds, chore) for seconds, chore in chores):
        yield


async def _again_and_again(seconds: float, chore: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await chore()
        except (LedgerError, asyncpg.PostgresError) as error:
            _log.warning("chore_failed", chore=chore.__name__, reason=type(error).__name__)


def exchange_quotas(quotas: Quotas, store: QuotaUseStore) -> tuple[float, Callable[[], Awaitable[None]]]:
    """Tell the other processes what was used here, and hear what was used there."""

    async def exchange() -> None:
        untold = quotas.unsent()
        if untold:
            rows = await store.exchange([_row(use) for use in untold])
            quotas.absorb(_use(row) for row in rows)

    return EXCHANGE_SECONDS, exchange


def note_last_used(ring: CachedKeyRing, store: AccessStore) -> tuple[float, Callable[[], Awaitable[None]]]:
    """Write when keys were last used: one statement a ledger, not one a request."""

    async def note() -> None:
        for ledger_id, used in ring.take_used().items():
            await store.touch_keys(ledger_id, used)

    return LAST_USED_SECONDS, note


def forget_answers(services: Services) -> tuple[float, Callable[[], Awaitable[None]]]:
    """Delete answers that were kept long enough."""

    async def forget() -> None:
        for ledger in list(services.ledgers.values()):
            while await ledger.kept_answers.forget():
                pass

    return FORGET_SECONDS, forget


def prepare_exports(services: Services) -> tuple[float, Callable[[], Awaitable[None]]]:
    """Prepare the exports that were asked for and that nobody is at; destroy those that are over."""

    async def prepare() -> None:
        for ledger in list(services.ledgers.values()):
            await ledger.exports.forget()
            while not services.draining and await ledger.exports.prepare():
                pass

    return EXPORTS_SECONDS, prepare


def follow_keys(ledgers: Sequence[LedgerParts]) -> tuple[float, Callable[[], Awaitable[None]]]:
    """Take up the keys that logs gave way to elsewhere, and drop those that were retired."""

    async def follow() -> None:
        for parts in list(ledgers):
            async with parts.store.snapshot() as snapshot:
                await refresh(parts.keys, snapshot, await snapshot.head())

    return KEYS_SECONDS, follow


@asynccontextmanager
async def kept_fresh(issuers: list[IssuerKeys]) -> AsyncIterator[None]:
    """Read every issuer's keys now and keep them fresh. One that is away is no reason not to start."""
    await asyncio.gather(*(issuer.refresh() for issuer in issuers))
    async with _alongside(issuer.keep_fresh() for issuer in issuers):
        yield


@asynccontextmanager
async def _alongside(endless: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run these for as long as one is inside."""
    tasks = [asyncio.create_task(each) for each in endless]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


def _row(use: Use) -> UseRow:
    return UseRow(use.ledger_id, use.credential, use.window, use.requests, use.day, use.addresses)


def _use(row: UseRow) -> Use:
    return Use(row.ledger_id, row.credential, row.window, row.requests, row.day, row.addresses)
