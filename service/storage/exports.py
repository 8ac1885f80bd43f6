"""A ledger's exports on PostgreSQL."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import asyncpg

from service.core.errors import StateConflictError
from service.ledger.exporting.ports import ExportRow, FileRow
from service.storage.fence import FencedPool
from service.storage.postgres import unavailable_on_failure
from service.storage.queries import SQL

_COLUMNS: Final = FileRow.__struct_fields__


class PostgresExports:
    """Implements `ledger.export_ports.ExportStore`."""

    def __init__(self, pool: asyncpg.Pool, ledger_id: int) -> None:
        self._pool = FencedPool(pool, ledger_id)
        self._ledger_id = ledger_id

    async def _fetch(self, name: str, *arguments: object) -> list[Any]:
        with unavailable_on_failure():
            return await self._pool.fetch(SQL[name], self._ledger_id, *arguments)

    async def create(self, row: ExportRow) -> None:
        """Keep a new one, to be prepared."""
        await self._fetch(
            "create_export",
            *(row.export_id, row.kind, row.created_by, row.created_at_ms, row.expires_at_ms, row.scope),
        )

    async def find(self, export_id: str | None = None) -> list[ExportRow]:
        """All of them, newest first, or the one of this id if there is one."""
        return [ExportRow(*row) for row in await self._fetch("exports", export_id)]

    async def claim(self, now_ms: int, until_ms: int, export_id: str | None = None) -> ExportRow | None:
        """Take one that is to be prepared and that nobody is at."""
        rows = await self._fetch("claim_export", now_ms, until_ms, export_id)
        return ExportRow(*rows[0]) if rows else None

    async def hold(self, export_id: str, until_ms: int) -> None:
        """Go on holding it."""
        await self._fetch("hold_export", export_id, until_ms)

    async def pin(
        self, export_id: str, size: int, planned: int, files: Sequence[FileRow], until_ms: int
    ) -> None:
        """Pin it, with the files that are kept, in one transaction."""
        with unavailable_on_failure():
            async with self._pool.acquire() as connection, connection.transaction():
                own = (self._ledger_id, export_id)
                if not await connection.fetch(SQL["pin_export"], *own, size, planned, len(files), until_ms):
                    raise StateConflictError("another process prepares this export")
                await connection.execute(SQL["put_export_files"], *own, *_fields(files))

    async def add(self, export_id: str, files: Sequence[FileRow], until_ms: int) -> None:
        """Note files that are known now, and go on holding it."""
        if not files:
            return
        start, stop = files[0].number, files[-1].number + 1
        with unavailable_on_failure():
            async with self._pool.acquire() as connection, connection.transaction():
                own = (self._ledger_id, export_id)
                if not await connection.fetch(SQL["advance_export"], *own, start, stop, until_ms):
                    raise StateConflictError("another process prepares this export")
                await connection.execute(SQL["put_export_files"], *own, *_fields(files))

    async def finish(self, export_id: str, files: Sequence[FileRow], total_bytes: int) -> None:
        """Note the last files, and that it is ready, in one transaction."""
        start, stop = files[0].number, files[-1].number + 1
        with unavailable_on_failure():
            async with self._pool.acquire() as connection, connection.transaction():
                own = (self._ledger_id, export_id)
                if not await connection.fetch(SQL["finish_export"], *own, start, stop, total_bytes):
                    raise StateConflictError("another process prepares this export")
                await connection.execute(SQL["put_export_files"], *own, *_fields(files))

    async def fail(self, export_id: str) -> None:
        """It can never be made."""
        await self._fetch("fail_export", export_id)

    async def files(self, export_id: str, start: int, limit: int) -> list[FileRow]:
        """Files from number `start` on, in order."""
        return [FileRow(*row) for row in await self._fetch("export_files", export_id, start, limit)]

    async def file_at(self, export_id: str, offset: int) -> FileRow | None:
        """The file whose bytes hold this offset; None behind the last."""
        for row in await self._fetch("export_file_at", export_id, offset):
            file = FileRow(*row)
            return file if offset < file.member.end else None
        return None

    async def erased_since(self, size: int) -> bool:
        """Whether somebody was erased at or after this size of the log."""
        return bool(await self._fetch("erased_since", size))

    async def withdraw(self, now_ms: int, export_id: str | None = None) -> int:
        """Destroy what is kept of this export, or of all that have expired; how many."""
        return len(await self._fetch("withdraw_exports", now_ms, export_id))


def _fields(files: Sequence[FileRow]) -> list[list[object]]:
    """Column by column, as the statement unnests them."""
    return [list(map(attrgetter(name), files)) for name in _COLUMNS]
