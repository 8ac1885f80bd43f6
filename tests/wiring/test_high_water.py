"""The mark outside the database: never back, never torn, one for all processes."""

import asyncio
import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISREG

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.checkpoint import sign_checkpoint
from service.core.errors import ForkError, UnavailableError
from service.core.notes import Signer
from service.wiring.high_water import HighWaterFile, mark_path

ORIGIN = "ledger.example/main/1"
SIGNER = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
OTHER_ORIGIN = "ledger.example/other/1"


def note(size: int, *, salt: str = "", origin: str = ORIGIN) -> bytes:
    root = hashlib.sha256(f"{salt}{size}".encode()).digest()
    return sign_checkpoint(origin, size, root, [SIGNER])


@pytest.fixture
def mark(tmp_path: Path) -> HighWaterFile:
    return HighWaterFile(mark_path(tmp_path / "data", "main"), ORIGIN)


def test_nothing_was_signed_before_the_first_checkpoint(mark: HighWaterFile) -> None:
    assert mark.read() is None


async def test_the_mark_is_the_signed_note_byte_for_byte(mark: HighWaterFile) -> None:
    await mark.advance(3, note(3))
    assert mark.path.read_bytes() == note(3)
    assert mark.read() == note(3)


async def test_the_mark_never_goes_back(mark: HighWaterFile) -> None:
    await mark.advance(9, note(9))
    await mark.advance(4, note(4))
    assert mark.read() == note(9)


async def test_the_same_checkpoint_twice_changes_nothing(mark: HighWaterFile) -> None:
    await mark.advance(9, note(9))
    before = mark.path.stat().st_ino
    await mark.advance(9, note(9))
    assert mark.path.stat().st_ino == before


async def test_two_roots_for_one_size_are_a_fork(mark: HighWaterFile) -> None:
    await mark.advance(9, note(9))
    with pytest.raises(ForkError):
        await mark.advance(9, note(9, salt="another history"))
    assert mark.read() == note(9)


async def test_a_mark_of_another_log_is_never_overwritten(mark: HighWaterFile) -> None:
    await HighWaterFile(mark.path, OTHER_ORIGIN).advance(2, note(2, origin=OTHER_ORIGIN))
    with pytest.raises(ForkError):
        await mark.advance(9, note(9))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", note(9)[:40], b"ledger.example/main/1\n9\n"])
async def test_a_damaged_mark_stops_the_ledger(mark: HighWaterFile, content: bytes) -> None:
    await mark.advance(2, note(2))
    mark.path.write_bytes(content)
    with pytest.raises(ForkError):
        await mark.advance(10, note(10))


async def test_a_size_that_is_not_the_notes_is_refused(mark: HighWaterFile) -> None:
    with pytest.raises(ForkError):
        await mark.advance(9, note(8))


async def test_concurrent_advances_leave_the_newest(mark: HighWaterFile) -> None:
    await asyncio.gather(*(mark.advance(size, note(size)) for size in range(40, 0, -1)))
    assert mark.read() == note(40)


async def test_a_place_that_cannot_be_written_is_told_as_try_again(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the directory should be")
    with pytest.raises(UnavailableError):
        await HighWaterFile(mark_path(tmp_path / "data", "main"), ORIGIN).advance(1, note(1))


@dataclass
class FailingFsync:
    """The system's fsync, failing while `kind` is what it is asked to bring to the disk."""

    kind: Callable[[int], bool] | None = None
    reached: list[Callable[[int], bool]] = field(default_factory=list)

    def __call__(self, descriptor: int) -> None:
        """Bring it to the disk, or fail as a disk does."""
        mode = os.fstat(descriptor).st_mode
        if self.kind is not None and self.kind(mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.reached.append(S_ISDIR if S_ISDIR(mode) else S_ISREG)


@pytest.fixture
def fsync(monkeypatch: pytest.MonkeyPatch) -> FailingFsync:
    failing = FailingFsync()
    monkeypatch.setattr("service.wiring.durable.os.fsync", failing)
    return failing


async def test_a_note_that_does_not_reach_the_disk_is_no_mark(
    mark: HighWaterFile, fsync: FailingFsync
) -> None:
    await mark.advance(2, note(2))
    fsync.kind = S_ISREG
    with pytest.raises(UnavailableError):
        await mark.advance(9, note(9))
    assert mark.read() == note(2)
    fsync.kind = None
    await mark.advance(9, note(9))
    assert mark.read() == note(9)


async def test_a_mark_whose_name_did_not_reach_the_disk_covers_nothing_until_it_has(
    mark: HighWaterFile, fsync: FailingFsync
) -> None:
    await mark.advance(2, note(2))
    fsync.kind = S_ISDIR
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await mark.advance(9, note(9))
    fsync.kind, fsync.reached = None, []
    await mark.advance(9, note(9))
    assert fsync.reached == [S_ISDIR]


_ADVANCE_FROM_ANOTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from tests.wiring.test_high_water import ORIGIN, note
from service.wiring.high_water import HighWaterFile
async def run():
    mark = HighWaterFile(Path(sys.argv[1]), ORIGIN)
    for size in range(int(sys.argv[2]), 120, 2):
        await mark.advance(size, note(size))
asyncio.run(run())
"""


def test_two_processes_advance_one_mark(mark: HighWaterFile) -> None:
    root = Path(__file__).resolve().parents[2]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _ADVANCE_FROM_ANOTHER_PROCESS, str(mark.path), start],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        for start in ("1", "2")
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert mark.read() == note(119)
