"""Exports: asked for, prepared beside the requests, and handed out, each an event of the ledger.

An export is pinned to one checkpoint. What the log alone does not give again is made then and kept, sealed,
until the export expires; of everything else only the place, size and hash are kept, and it is made again
whenever somebody reads: the same bytes, from any offset, in constant memory. A process that dies while it
prepares is followed by another, which goes on at the first file that is not known yet.

Whoever was erased is in no export from then on: where somebody was erased after an export was pinned, it is
withdrawn, and another has to be asked for.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from service.core.errors import (
    ConflictError,
    ForkError,
    FormatError,
    GoneError,
    NotFoundError,
    StateConflictError,
)
from service.core.events import parse_event
from service.core.export.archive import Member, directory
from service.ledger.exporting.files import File
from service.ledger.exporting.freezing import scope_bytes
from service.ledger.exporting.ports import ExportRow, Scope
from service.ledger.exporting.preparing import (
    PAGE,
    WITHDRAWN,
    Parts,
    Preparer,
    Progress,
    all_files,
    context,
    file_at,
    scope_of,
)
from service.ledger.exporting.tokens import LIFETIME_MS as TOKEN_LIFETIME_MS
from service.ledger.exporting.tokens import NONCE_SIZE, ExportTokens, Pass

LIFETIME_MS: Final = 7 * 86_400_000
ADDRESSES_MAX: Final = 2_000
HELD_MAX: Final = 32
SOURCE: Final = "ledger"
_ID_SIZE: Final = 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Exports:
    """One ledger's exports."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._exports = parts.exports
        self._tokens = ExportTokens(parts.keys.wrapping)

    async def create(self, scope: Scope, by: str) -> ExportRow:
        """Ask for an export; returns when that is recorded. `by`: who asks.

        Raises `QuestionError` and `NotFoundError` for what cannot be exported as asked, and
        `UnavailableError`.
        """
        parts = self._parts
        await parts.freezer.require(scope)
        export_id = parts.random(_ID_SIZE).hex()
        event: dict[str, object] = {
            "type": "export_created",
            "scope": scope.kind,
            "disclosed": scope.disclose,
            "addresses": len(scope.addresses),
            "about": scope.sender,
            "campaign": scope.campaign,
        }
        await self._record(f"export:{export_id}", export_id, by, event)
        now_ms = parts.clock()
        row = ExportRow(
            export_id=export_id,
            status="preparing",
            kind=scope.kind,
            created_by=by,
            created_at_ms=now_ms,
            expires_at_ms=now_ms + LIFETIME_MS,
            scope=parts.vault.seal(scope_bytes(scope), context(export_id)),
            size=None,
            frozen=0,
            done=0,
            planned=0,
            bytes=None,
        )
        await self._exports.create(row)
        return row

    async def all(self) -> list[ExportRow]:
        """Every export, newest first."""
        return await self._exports.find()

    async def find(self, export_id: str) -> ExportRow:
        """One export. Raises `NotFoundError`."""
        rows = await self._exports.find(export_id)
        if not rows:
            raise NotFoundError("there is no such export")
        return rows[0]

    async def prepare(self, export_id: str | None = None, progress: Progress | None = None) -> bool:
        """Prepare one export that nobody is at; false where there is none.

        Raises `UnavailableError`, and whoever comes next goes on; anything else that it raises
        (`NotFoundError`, `QuestionError`, `ForkError`) says why it can never be made, and it has failed.
        """
        return await Preparer(self._parts).prepare(export_id, progress)

    def token(self, row: ExportRow, by: str) -> tuple[str, int]:
        """A token that opens this export alone, and until when (milliseconds since 1970)."""
        expires_at_ms = min(self._parts.clock() + TOKEN_LIFETIME_MS, row.expires_at_ms)
        nonce = self._parts.random(NONCE_SIZE)
        return self._tokens.make(row.export_id, by, expires_at_ms, nonce), expires_at_ms

    def open_token(self, token: str, export_id: str) -> Pass:
        """What a token says. Raises `FormatError` for one of another export or ledger, or that is over."""
        opened = self._tokens.read(token, export_id)
        if opened.expires_at_ms <= self._parts.clock():
            raise FormatError("this token is over")
        return opened

    async def begin_download(self, export_id: str, by: str, download: str) -> ExportRow:
        """Record that this export is handed out, before it is; the same `download` is recorded once.

        Raises `NotFoundError`, `StateConflictError` while it is not ready, `GoneError` and
        `UnavailableError`.
        """
        row = await self.require_ready(export_id)
        with suppress(ConflictError):  # recorded when it was first read with this token
            await self._record(
                f"download:{export_id}:{download}", export_id, by, {"type": "export_downloaded"}
            )
        return row

    async def require_ready(self, export_id: str) -> ExportRow:
        """An export that can be handed out. Raises as `begin_download`."""
        row = await self.find(export_id)
        if row.status == "withdrawn" or row.expires_at_ms <= self._parts.clock():
            raise GoneError(WITHDRAWN)
        if row.status != "ready":
            raise StateConflictError(f"this export is {row.status}")
        if await self._exports.erased_since(row.size or 0):
            await self._exports.withdraw(self._parts.clock(), export_id)
            raise GoneError(WITHDRAWN)
        return row

    async def read(self, row: ExportRow, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes of a ready export from offset `start` on.

        Raises `ForkError` rather than give bytes that are not those the manifest was signed for.
        """
        first = await self._exports.file_at(row.export_id, start)
        members: list[Member] = []
        if first is not None:
            async for member, raw in self._members(row, first.number):
                yield raw[max(start - member.offset, 0) :]
                members.append(member)
        rows = await all_files(self._exports, row.export_id)
        tail = directory([file.member for file in rows])
        yield tail[max(start - rows[-1].member.end, 0) :]

    async def _members(self, row: ExportRow, start: int) -> AsyncIterator[tuple[Member, bytes]]:
        """Each file with its header, as it stands in the archive, from number `start` on."""
        bodies = self._bodies(row, start)
        number = start
        while page := await self._exports.files(row.export_id, number, PAGE):
            for file in page:
                name, body = await anext(bodies)
                made, packed = await asyncio.to_thread(file_at, file.number, name, body, file.offset)
                if made.member != file.member or made.sha256 != file.sha256:
                    raise ForkError("what is stored is not what this export was made of")
                yield made.member, made.member.header + packed
            number = page[-1].number + 1

    async def _bodies(self, row: ExportRow, start: int) -> AsyncIterator[File]:
        """The files from `start` on: kept ones, those that follow from the log, the manifest."""
        scope = scope_of(self._parts.vault, row)
        pinned = await self._parts.freezer.pinned(scope, row.size or 0)
        generated = row.frozen + self._parts.files.count(pinned)
        for number in range(start, row.frozen):
            yield await self._kept(row, number)
        async for file in self._parts.files.from_(pinned, max(start - row.frozen, 0)):
            yield file
        for number in range(max(start, generated), row.planned):
            yield await self._kept(row, number)

    async def _kept(self, row: ExportRow, number: int) -> File:
        for file in await self._exports.files(row.export_id, number, 1):
            if file.body is not None:
                return file.name, self._parts.vault.open(file.body, context(row.export_id, number))
        raise GoneError(WITHDRAWN)

    async def files(self, row: ExportRow) -> list[Member]:
        """Every file of an export as it stands in the archive, as far as it is known."""
        return [file.member for file in await all_files(self._exports, row.export_id)]

    async def forget(self) -> int:
        """Destroy what is kept of exports that have expired; how many."""
        return await self._exports.withdraw(self._parts.clock())

    async def _record(self, name: str, export_id: str, by: str, fields: dict[str, object]) -> None:
        now_ms = self._parts.clock()
        event = parse_event(
            {
                "source": SOURCE,
                "source_event_id": name,
                "occurred_at": (_EPOCH + timedelta(milliseconds=now_ms)).isoformat(),
                "export": export_id,
                "by": by,
                **{field: value for field, value in fields.items() if value not in (None, 0, False)},
            }
        )
        await self._parts.appender.append(self._parts.admission.admit(event, now_ms))
