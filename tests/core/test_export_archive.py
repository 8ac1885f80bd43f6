"""The container: any zip reader reads it, one content has one sequence of bytes, and every byte counts."""

import io
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.errors import FormatError
from service.core.export.archive import Archive, Member, complete_members, directory, pack, unpack
from tests.support.exported import written

NAMES = st.from_regex(r"[a-z]{1,8}(/[a-z0-9]{1,8}){0,2}", fullmatch=True) | st.just("log/tile/0/000")
FILES = st.dictionaries(NAMES, st.binary(max_size=400), min_size=1, max_size=6)
SMALL = {"README.txt": b"read me\n" * 40, "log/tile/0/000.p/3": bytes(range(96)), "empty": b""}


def members_of(raw: bytes) -> list[Member]:
    archive = Archive(io.BytesIO(raw))
    return [archive.read(name)[1] for name in archive.names]


def is_whole(raw: bytes) -> bool:
    try:
        archive = Archive(io.BytesIO(raw))
        members = [archive.read(name)[1] for name in archive.names]
    except FormatError:
        return False
    return archive.is_canonical(members) and members == members_of(written(SMALL))


@settings(max_examples=50)
@given(FILES)
def test_what_was_written_is_read_by_others_and_by_us(files: dict[str, bytes]) -> None:
    raw = written(files)
    with ZipFile(io.BytesIO(raw)) as others:
        assert {name: others.read(name) for name in others.namelist()} == files
    ours = Archive(io.BytesIO(raw))
    assert {name: ours.read(name)[0] for name in ours.names} == files
    assert ours.is_canonical(members_of(raw))


def test_every_byte_counts() -> None:
    raw = written(SMALL)
    assert is_whole(raw)
    for place in range(len(raw)):
        for bit in (1, 128):
            changed = bytearray(raw)
            changed[place] ^= bit
            assert not is_whole(bytes(changed)), f"byte {place} may be changed unseen"


@pytest.mark.parametrize("more", [b"\0", b"PK\x05\x06" + b"\0" * 18])
def test_nothing_may_stand_before_or_behind_it(more: bytes) -> None:
    raw = written(SMALL)
    assert not is_whole(more + raw)
    assert not is_whole(raw + more)


@settings(max_examples=50)
@given(FILES, st.data())
def test_of_a_copy_that_was_cut_off_the_whole_files_are_found(
    files: dict[str, bytes], data: st.DataObject
) -> None:
    raw = written(files)
    members = members_of(raw)
    cut = data.draw(st.integers(0, len(raw)))
    whole = [member for member in members if member.end <= cut]
    assert complete_members(io.BytesIO(raw[:cut])) == whole


def test_more_than_65535_files_are_read_by_others() -> None:
    raw = written({f"log/tile/{number}": b"" for number in range(65_600)})
    with ZipFile(io.BytesIO(raw)) as others:
        assert len(others.namelist()) == 65_600


def test_more_than_four_gibibytes_are_read_by_others(tmp_path: Path) -> None:
    """The file is sparse: only headers and the last file's bytes are really written."""
    path, members, offset = tmp_path / "large.zip", [], 0
    with path.open("wb") as file:
        for number in range(70):
            hole = Member(f"n{number:02d}", 0, 0, 64 * 2**20, 64 * 2**20, b"", offset)
            file.seek(offset)
            file.write(hole.header)
            offset = hole.end
            members.append(hole)
        last, packed = pack("last", b"here I am" * 9)
        file.seek(offset)
        file.write(last.header + packed)
        members.append(last.at(offset))
        file.write(directory(members))
    assert offset > 2**32
    with ZipFile(path) as others:
        assert others.read("last") == b"here I am" * 9
    with path.open("rb") as file:
        assert Archive(file).read("last")[0] == b"here I am" * 9


def test_a_file_that_unpacks_to_more_than_it_says_is_refused() -> None:
    member, packed = pack("bomb", b"\0" * 2**20)
    short = Member(member.name, member.method, member.crc, 10, member.packed_size, b"")
    with pytest.raises(FormatError):
        unpack(short, packed)
