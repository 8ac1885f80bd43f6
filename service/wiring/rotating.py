"""The rotation of a ledger's signing key: files, log, files again. Works beside a running service."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from service.core.errors import NotFoundError
from service.core.notes import Verifier
from service.ledger.appending.rotation import rotate
from service.ledger.ports import UNMETERED
from service.settings import Settings
from service.storage.access import AccessStore
from service.wiring.clock import now_ms
from service.wiring.failpoints import failpoint
from service.wiring.keys.files import KeysError, next_signing_key, settle_signing_keys
from service.wiring.keys.sources import key_source
from service.wiring.ledgers import LedgerParts, open_ledger
from service.wiring.pools import pooled


@dataclass(frozen=True, slots=True)
class Rotation:
    """From which key to which. `position`: of the epoch that covers it."""

    old: Verifier
    new: Verifier
    position: int


async def rotate_signing_key(settings: Settings, dsn: str, *, keep_previous: bool) -> Rotation:
    """Let the ledger's signing key give way to a new one, or finish a rotation that was interrupted.

    `keep_previous`: the old key goes on signing checkpoints beside the new one until it is retired. A stolen
    key must not. Raises `NotFoundError`, `KeysError`, `ForkError` and `UnavailableError`.
    """
    async with _opened(settings, dsn) as parts:
        directory, keys = _kept_in(settings, parts.name), parts.keys
        new = next_signing_key(directory, keys.origin, os.urandom)
        appender = parts.appender(failpoint(settings.crash_at), UNMETERED)
        receipt = await rotate(appender, keys, parts.admission, new, now_ms())
        await appender.drain()
        settle_signing_keys(directory, keys.signer.verifier, keep_previous=keep_previous)
        last = keys.history.successions[-1]
        return Rotation(last.old, last.new, receipt.position)


async def retire_signing_key(settings: Settings, dsn: str) -> Verifier:
    """Let the key before the current one sign nothing any more; returns the one that signs.

    A running service stops within seconds. Raises as `rotate_signing_key`.
    """
    async with _opened(settings, dsn) as parts:
        current = parts.keys.signer.verifier
        settle_signing_keys(_kept_in(settings, parts.name), current, keep_previous=False)
        return current


def _kept_in(settings: Settings, ledger: str) -> Path:
    directory = key_source(settings, ledger).directory
    if directory is None:
        raise KeysError("the keys are given by settings, and a rotation keeps what it makes: use key files")
    return directory


@asynccontextmanager
async def _opened(settings: Settings, dsn: str) -> AsyncIterator[LedgerParts]:
    if settings.signing_key is not None:
        raise KeysError(
            "the keys are given by settings, so none can be written here: rotate with a directory of"
            " keys (docs/operations.md, Keys), and give the new one"
        )
    async with pooled(dsn, 2) as pool:
        access = AccessStore(pool)
        row = await access.ledger(settings.ledger)
        if not await access.is_begun(row.ledger_id):
            raise NotFoundError("this ledger has no log yet: start the service once")
        yield await open_ledger(settings, pool, access, row, now_ms)
