"""The list of erasures outside the database: kept once, on disk, whatever was cut off."""

import asyncio
from pathlib import Path

import pytest

from service.core.errors import ForkError, UnavailableError
from service.ledger.erasing.ports import ErasedSubject
from service.wiring.erasure_list import ErasureFile, erasures_path


def erased(number: int) -> ErasedSubject:
    return ErasedSubject(number, bytes([number]) * 32, bytes([255 - number]) * 32, number - 1, 1_000 * number)


@pytest.fixture
def kept(tmp_path: Path) -> ErasureFile:
    return ErasureFile(erasures_path(tmp_path / "data", "main"))


async def test_what_was_noted_is_read_again_in_order(kept: ErasureFile) -> None:
    assert kept.read() == []
    await kept.add([erased(3)])
    await kept.add([erased(4), erased(3), erased(5)])
    assert kept.read() == [erased(3), erased(4), erased(5)]
    assert kept.path.stat().st_mode & 0o077 == 0


async def test_a_line_that_a_crash_cut_off_was_never_noted(kept: ErasureFile) -> None:
    await kept.add([erased(3)])
    whole = kept.path.read_bytes()
    kept.path.write_bytes(whole + whole[:20])
    assert kept.read() == [erased(3)]
    await kept.add([erased(4)])
    assert kept.read() == [erased(3), erased(4)]


async def test_a_garbled_list_stops_the_ledger(kept: ErasureFile) -> None:
    await kept.add([erased(3)])
    for line in (b"nonsense\n", b'{"notice":1}\n', kept.path.read_bytes().replace(b"03", b"xx")):
        kept.path.write_bytes(line)
        with pytest.raises(ForkError, match="Restore this file"):
            kept.read()


async def test_two_who_note_at_once_lose_nothing(kept: ErasureFile) -> None:
    others = [ErasureFile(kept.path) for _ in range(8)]
    await asyncio.gather(*(file.add([erased(number)]) for number, file in enumerate(others, 1)))
    assert sorted(one.notice for one in kept.read()) == list(range(1, 9))


async def test_a_place_that_cannot_be_written_is_told_as_try_again(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the directory should be")
    with pytest.raises(UnavailableError):
        await ErasureFile(erasures_path(tmp_path / "data", "main")).add([erased(1)])
