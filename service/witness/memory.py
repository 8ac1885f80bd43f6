"""What a witness remembers: of each log the newest checkpoint it cosigned, durably, before it says so."""

import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from service.core.checkpoint import Checkpoint
from service.core.notes import Verifier
from service.core.witness import AddCheckpoint, WitnessRefusalError, judge

_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS newest (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL,
                                       note TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS contradiction (origin TEXT NOT NULL, noted_at INTEGER NOT NULL,
                                              held TEXT NOT NULL, offered TEXT NOT NULL);
"""


class WitnessMemory:
    """One file (SQLite). Whatever asks at the same time, one after the other is compared and remembered."""

    def __init__(self, path: Path) -> None:
        self._turn = threading.Lock()
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # On disk before COMMIT returns, the directory's entry of the journal included.
        self._database.execute("PRAGMA synchronous = EXTRA")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def take(
        self,
        request: AddCheckpoint,
        logs: Mapping[str, Sequence[Verifier]],
        cosign: Callable[[Checkpoint], str],
        now: int,
    ) -> str:
        """Compare, remember durably, and return what `cosign` makes of it.

        What a log signed in contradiction to itself is kept, both notes of it. Raises `WitnessRefusalError`.
        """
        with self._turn:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                line = self._take(request, logs, cosign)
            except WitnessRefusalError as refusal:
                self._database.execute("ROLLBACK")
                if refusal.contradiction:
                    self._keep_contradiction(request, now)
                raise
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
            return line

    def newest(self, origin: str) -> bytes | None:
        """The newest checkpoint that was cosigned, with the cosignature."""
        with self._turn:
            row = self._database.execute("SELECT note FROM newest WHERE origin = ?", (origin,)).fetchone()
        return row[0].encode() if row is not None else None

    def contradictions(self) -> list[tuple[str, str, str]]:
        """Origin, the note held and the note offered, of everything that cannot both be true."""
        with self._turn:
            return self._database.execute("SELECT origin, held, offered FROM contradiction").fetchall()

    def _take(
        self,
        request: AddCheckpoint,
        logs: Mapping[str, Sequence[Verifier]],
        cosign: Callable[[Checkpoint], str],
    ) -> str:
        rows = self._database.execute("SELECT origin, size, root FROM newest").fetchall()
        checkpoint = judge(request, {row[0]: Checkpoint(*row) for row in rows}, logs)
        line = cosign(checkpoint)
        self._database.execute(
            "INSERT INTO newest VALUES (?, ?, ?, ?) ON CONFLICT (origin)"
            " DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note",
            (checkpoint.origin, checkpoint.size, checkpoint.root, request.note.decode() + line),
        )
        return line

    def _keep_contradiction(self, request: AddCheckpoint, now: int) -> None:
        offered = request.note.decode()
        origin = offered.partition("\n")[0]
        held = self._database.execute("SELECT note FROM newest WHERE origin = ?", (origin,)).fetchone()
        known = self._database.execute(
            "SELECT 1 FROM contradiction WHERE origin = ? AND offered = ?", (origin, offered)
        ).fetchone()
        if known is None:
            self._database.execute(
                "INSERT INTO contradiction VALUES (?, ?, ?, ?)",
                (origin, now, held[0] if held else "", offered),
            )
