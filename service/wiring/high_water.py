"""The high-water mark: the newest signed checkpoint in a file, where a restore of the database cannot reach.

`<data>/high-water/<ledger>.checkpoint` holds the signed note verbatim, so that `verify --held` accepts it as
it is. Several processes advance one mark: a lock file beside it lets one at a time compare and replace. The
file is replaced whole, and is on disk before `advance` returns: a crash leaves the old note or the new one.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.core.checkpoint import Checkpoint, parse_checkpoint
from service.core.errors import ForkError, FormatError, UnavailableError
from service.core.notes import NOTE_BYTES_MAX, parse_note
from service.wiring.durable import make_private_directory, replace_durably, sync_directory


def mark_path(data_dir: Path, ledger: str) -> Path:
    """Where the mark of this ledger is kept."""
    return data_dir / "high-water" / f"{ledger}.checkpoint"


class HighWaterFile:
    """The mark of one ledger, which signs as `origin`."""

    def __init__(self, path: Path, origin: str) -> None:
        self.path = path
        self._origin = origin

    def read(self) -> bytes | None:
        """The note, or None when nothing was ever signed here. Blocks for one small read.

        Raises `UnavailableError` when the file cannot be read. Whether the note is genuine is for the checks
        at start to say.
        """
        try:
            with self.path.open("rb") as file:
                return file.read(NOTE_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnavailableError(f"{self.path} cannot be read: {error.strerror}") from error

    async def advance(self, size: int, note: bytes) -> None:
        """Durably replace the mark unless it already covers `size`. Never goes back.

        Raises `ForkError` when the mark holds another root for this size, is of another log or is no
        checkpoint, and `UnavailableError` when it cannot be written.
        """
        await asyncio.to_thread(self._advance, size, note)

    def _advance(self, size: int, note: bytes) -> None:
        try:
            with self._turn():
                if self._is_ahead_of(size, note):
                    replace_durably(self.path, note)
                else:
                    # Whoever put it there may have died, or failed, before its name was on disk.
                    sync_directory(self.path.parent)
        except OSError as error:
            raise UnavailableError(f"{self.path} cannot be written: {error.strerror}") from error

    def _is_ahead_of(self, size: int, note: bytes) -> bool:
        """Whether the note must replace what stands there."""
        held = self.read()
        new = self._parse(note, "the new checkpoint")
        if new.size != size:
            raise ForkError(f"a checkpoint of size {new.size} was given as one of size {size}")
        if held is None:
            return True
        old = self._parse(held, str(self.path))
        if old.size == new.size and old.root != new.root:
            raise ForkError(f"{self.path} holds another root for the size {size}: two logs share its keys")
        return new.size > old.size

    def _parse(self, note: bytes, what: str) -> Checkpoint:
        try:
            checkpoint = parse_checkpoint(parse_note(note).text)
        except FormatError as error:
            raise ForkError(f"{what} is no signed checkpoint ({error})") from None
        if checkpoint.origin != self._origin:
            raise ForkError(f"{what} is of {checkpoint.origin}, and this log is {self._origin}")
        return checkpoint

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the lock that the kernel drops with the process. Not on the mark itself: that is replaced."""
        if not self.path.parent.exists():
            make_private_directory(self.path.parent)
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
