"""The file that is written, and how a run that was killed is gone on with: at the last file that is whole."""

import os
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from service.core.export.archive import Member, complete_members
from service.wiring.durable import replace_durably, sync_directory


class Journal(msgspec.Struct):
    """Which export the unfinished file is of, and the digest of what was asked for."""

    export: str
    asked: str


class ExportFile:
    """`OUT.zip`, written as `OUT.zip.part` until it is whole."""

    def __init__(self, out: Path, asked: str) -> None:
        """Raises `click.ClickException` when the file is there, or an unfinished one of something else."""
        self.out = out
        self._part = out.with_name(out.name + ".part")
        self._journal = out.with_name(out.name + ".part.json")
        self._asked = asked
        if out.exists():
            raise click.ClickException(f"{out} is there already: choose another name, or remove it")
        self.export_id = self._resumed()

    def _resumed(self) -> str | None:
        if not self._journal.exists():
            return None
        try:
            journal = msgspec.json.decode(self._journal.read_bytes(), type=Journal)
        except msgspec.MsgspecError as error:
            raise click.ClickException(f"{self._journal} cannot be read: remove it to begin anew") from error
        if journal.asked != self._asked:
            raise click.ClickException(
                f"{self._part} is an unfinished export of something else: finish it with the options it was"
                f" begun with, or remove it and {self._journal.name}"
            )
        return journal.export

    def begin(self, export_id: str) -> None:
        """Remember which export this is, durably, before anything is written."""
        self.export_id = export_id
        self._part.unlink(missing_ok=True)
        replace_durably(self._journal, msgspec.json.encode(Journal(export_id, self._asked)))

    def open(self, members: list[Member]) -> tuple[BinaryIO, int]:
        """The file to go on writing, and from which offset: behind the last file that is as it should be."""
        file = self._part.open("r+b" if self._part.exists() else "w+b")
        offset = 0
        for written, wanted in zip(complete_members(file), members, strict=False):
            if written != wanted:
                break
            offset = written.end
        file.seek(offset)
        file.truncate()
        return file, offset

    def finish(self, file: BinaryIO) -> None:
        """Give it its name, once every byte is on disk."""
        file.flush()
        os.fsync(file.fileno())
        file.close()
        self._part.replace(self.out)
        self._journal.unlink()
        sync_directory(self.out.parent)
