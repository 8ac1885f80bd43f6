"""Preparing an export: it is pinned, every file's place and hash is noted, and the manifest is signed."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from service.core.errors import ForkError, GoneError, LedgerError, StateConflictError, UnavailableError
from service.core.export.archive import directory, pack
from service.core.export.manifest import MANIFEST, NOTE, manifest_bytes, sign_manifest
from service.ledger.appending.admission import Admission
from service.ledger.appending.appender import Appender
from service.ledger.exporting.attested import earlier_sizes
from service.ledger.exporting.files import Files
from service.ledger.exporting.freezing import Freezer, checkpoint_of, read_scope
from service.ledger.exporting.ports import ExportRow, ExportStore, FileRow, Scope
from service.ledger.keys import LedgerKeys
from service.ledger.ports import Clock, Randomness, Store
from service.ledger.vault import Vault

WITHDRAWN: Final = "it expired, or somebody was erased since it was made: ask for another export"
LEASE_MS: Final = 15_000
PAGE: Final = 256
_KEPT_AT_ONCE: Final = 64
_AT_THE_END: Final = 3
"""Keys, manifest and note."""

Progress = Callable[[int, int], None]
"""Told how many files are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the exports of a ledger work with."""

    store: Store
    exports: ExportStore
    keys: LedgerKeys
    admission: Admission
    appender: Appender
    freezer: Freezer
    files: Files
    vault: Vault
    clock: Clock
    random: Randomness


class Preparer:
    """Prepares exports of one ledger."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._exports = parts.exports

    async def prepare(self, export_id: str | None, progress: Progress | None) -> bool:
        """Prepare one export that nobody is at; false where there is none.

        Raises `UnavailableError`, and whoever comes next goes on; anything else that it raises
        (`NotFoundError`, `QuestionError`, `ForkError`) says why it can never be made, and it has failed.
        """
        now_ms = self._parts.clock()
        row = await self._exports.claim(now_ms, now_ms + LEASE_MS, export_id)
        if row is None:
            return False
        try:
            await self._prepare(row, progress or _untold)
        except StateConflictError:
            return True  # its lease was over, and somebody else is at it
        except LedgerError as error:
            if not isinstance(error, UnavailableError):
                await self._exports.fail(row.export_id)
            raise
        return True

    async def _prepare(self, row: ExportRow, progress: Progress) -> None:
        scope = scope_of(self._parts.vault, row)
        if row.size is None:
            row = await self._pin(row, scope)
        pinned = await self._parts.freezer.pinned(scope, row.size or 0)
        files = await all_files(self._exports, row.export_id)
        offset = files[-1].member.end if files else 0
        waiting: list[FileRow] = []
        async for name, body in self._parts.files.from_(pinned, row.done - row.frozen):
            made, _ = await asyncio.to_thread(file_at, row.done + len(waiting), name, body, offset)
            offset = made.member.end
            waiting.append(made)
            if len(waiting) >= _KEPT_AT_ONCE:
                row = await self._keep(row, files, waiting, progress)
                waiting = []
        row = await self._keep(row, files, waiting, progress)
        await self._seal_off(row, scope, files)

    async def _keep(
        self, row: ExportRow, files: list[FileRow], made: list[FileRow], progress: Progress
    ) -> ExportRow:
        await self._exports.add(row.export_id, made, self._parts.clock() + LEASE_MS)
        files += made
        progress(len(files), row.planned)
        return replace(row, done=len(files))

    async def _pin(self, row: ExportRow, scope: Scope) -> ExportRow:
        """Freeze what has to be, and note all of it at once: a process that dies before leaves nothing."""

        async def hold() -> None:
            await self._exports.hold(row.export_id, self._parts.clock() + LEASE_MS)

        earlier = earlier_sizes(await self._exports.find())
        frozen = await self._parts.freezer.freeze(scope, hold, earlier)
        files: list[FileRow] = []
        offset = 0
        for number, (name, body) in enumerate(frozen.files):
            file = await asyncio.to_thread(self._frozen, row.export_id, number, name, body, offset)
            offset = file.member.end
            files.append(file)
        planned = len(files) + self._parts.files.count(frozen.pinned) + _AT_THE_END
        until_ms = self._parts.clock() + LEASE_MS
        await self._exports.pin(row.export_id, frozen.pinned.size, planned, files, until_ms)
        return replace(row, size=frozen.pinned.size, frozen=len(files), done=len(files), planned=planned)

    async def _seal_off(self, row: ExportRow, scope: Scope, files: list[FileRow]) -> None:
        """Add the keys, write and sign the manifest, all at once: the export is whole."""
        keys, size = self._parts.keys, row.size or 0
        async with self._parts.store.snapshot() as snapshot:
            note = await snapshot.checkpoint(size)
        if note is None:
            raise ForkError("the checkpoint of an export is missing from the database")
        made: list[FileRow] = []

        def add(name: str, body: bytes) -> None:
            last = (files + made)[-1]
            made.append(self._frozen(row.export_id, last.number + 1, name, body, last.member.end))

        add(*await self._parts.freezer.keys(scope))
        listed = files + made
        members, digests = [file.member for file in listed], [file.sha256 for file in listed]
        raw = manifest_bytes(keys.origin, size, checkpoint_of(note).root, members, digests)
        add(MANIFEST, raw)
        add(NOTE, sign_manifest(raw, keys.origin, keys.signer))
        tail = directory([file.member for file in files + made])
        await self._exports.finish(row.export_id, made, made[-1].member.end + len(tail))

    def _frozen(self, export_id: str, number: int, name: str, body: bytes, offset: int) -> FileRow:
        """A file that is kept with its export."""
        file, _ = file_at(number, name, body, offset)
        sealed = self._parts.vault.seal(body, context(export_id, number))
        return replace(file, body=sealed)


async def all_files(exports: ExportStore, export_id: str) -> list[FileRow]:
    """Every file that is known, without the bodies of those that are kept."""
    found: list[FileRow] = []
    while page := await exports.files(export_id, len(found), PAGE):
        found += [replace(file, body=None) for file in page]
    return found


def scope_of(vault: Vault, row: ExportRow) -> Scope:
    """What an export is of. Raises `GoneError` when that was destroyed."""
    if not row.scope:
        raise GoneError(WITHDRAWN)
    return read_scope(vault.open(row.scope, context(row.export_id)))


def file_at(number: int, name: str, body: bytes, offset: int) -> tuple[FileRow, bytes]:
    """A file of an archive at this place, and its packed bytes."""
    member, packed = pack(name, body)
    row = FileRow(
        number=number,
        name=name,
        method=member.method,
        crc=member.crc,
        size=member.size,
        packed_size=member.packed_size,
        packed_sha256=member.packed_sha256,
        sha256=hashlib.sha256(body).digest(),
        offset=offset,
        body=None,
    )
    return row, packed


def context(export_id: str, number: int | None = None) -> str:
    """What something of an export is sealed for: it opens nowhere else."""
    return f"export:{export_id}" if number is None else f"export:{export_id}:{number}"


def _untold(_done: int, _of: int) -> None:
    """Nobody wants to know."""
