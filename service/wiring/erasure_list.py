"""The erasures of one ledger in a file, where a restore of the database cannot reach: beside the mark.

`<data>/erasures/<ledger>.jsonl` has one line of JSON for each erasure: the notice's index and leaf hash, its
time, the pseudonym of the person, and the index of the newest event that was destroyed. It is only ever added
to, and is on disk before an erasure is answered. A line that a crash cut off was never answered; the start
after it takes the erasure from the database and writes the line again.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from service.core.errors import ForkError, UnavailableError
from service.ledger.erasing.ports import ErasedSubject
from service.wiring.durable import make_private_directory, sync_directory


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    notice: int
    leaf_hash: str
    at_ms: int
    subject: str
    last_index: int


def erasures_path(data_dir: Path, ledger: str) -> Path:
    """Where the list of this ledger is kept."""
    return data_dir / "erasures" / f"{ledger}.jsonl"


class ErasureFile:
    """The list of one ledger."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[ErasedSubject]:
        """Every erasure that was ever noted, oldest first.

        Raises `UnavailableError` when the file cannot be read, and `ForkError` where it is garbled.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UnavailableError(f"{self.path} cannot be read: {error.strerror}") from error
        return [self._parse(line) for line in content.split(b"\n")[:-1]]

    async def add(self, erased: Sequence[ErasedSubject]) -> None:
        """Note these durably, each once. Raises `UnavailableError`, and `ForkError` as `read` does."""
        await asyncio.to_thread(self._add, erased)

    def _add(self, erased: Sequence[ErasedSubject]) -> None:
        try:
            with self._turn() as descriptor:
                known = set(self.read())
                lines = b"".join(_encode(one) for one in erased if one not in known)
                # What a crash left of a line goes: nobody was told that it is there.
                whole = self.path.read_bytes().rfind(b"\n") + 1
                os.truncate(descriptor, whole)
                os.lseek(descriptor, whole, os.SEEK_SET)
                os.write(descriptor, lines)
                os.fsync(descriptor)
                sync_directory(self.path.parent)
        except OSError as error:
            raise UnavailableError(f"{self.path} cannot be written: {error.strerror}") from error

    @contextmanager
    def _turn(self) -> Iterator[int]:
        """The file, open and locked against the other processes of this service."""
        if not self.path.parent.exists():
            make_private_directory(self.path.parent)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _parse(self, line: bytes) -> ErasedSubject:
        try:
            read = msgspec.json.decode(line, type=_Line)
            hashes = bytes.fromhex(read.leaf_hash), bytes.fromhex(read.subject)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ForkError(
                f"{self.path} holds a line that is no erasure. Restore this file: without it a restored"
                " database would bring back whom it names. Nothing was signed."
            ) from error
        return ErasedSubject(read.notice, hashes[0], hashes[1], read.last_index, read.at_ms)


def _encode(one: ErasedSubject) -> bytes:
    line = _Line(one.notice, one.leaf_hash.hex(), one.at_ms, one.subject_key.hex(), one.last_index)
    return msgspec.json.encode(line) + b"\n"
