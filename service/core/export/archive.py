"""The container of an export: a zip of which one content has exactly one sequence of bytes.

A library would write what any reader accepts; here every byte has to be accounted for, so that the same
export is the same file whenever it is made, a copy that was cut off can be gone on with, and a changed byte
is seen, also one that readers pass over. So: no data descriptors, comments or extra fields, all times
1980-01-01, files one after the other without gaps, the directory at once after them, zip64 only where a
number demands it. What is compressed is deflated at one level; hashes, which cannot be made smaller, are
stored. Files are made whole (`MEMBER_BYTES_MAX`), so no more than one of them is ever in memory.

Source: PKWARE APPNOTE 6.3.10, sections 4.3 to 4.5.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Final
from zipfile import BadZipFile, ZipFile

from service.core.errors import FormatError

MEMBER_BYTES_MAX: Final = 64 * 1024 * 1024
STORED, DEFLATED = 0, 8

_LEVEL: Final = 6
_RAW: Final = -15
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_PLAIN, _ZIP64 = 20, 45
_UNIX: Final = 3 << 8
_DAY: Final = 0x21  # 1980-01-01, the first there is
_MODE: Final = 0o100644 << 16
_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF
_INCOMPRESSIBLE: Final = ("log/tile/", "campaign/tile/")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive. `offset`: where its local header begins; the hash is of its packed bytes."""

    name: str
    method: int
    crc: int
    size: int
    packed_size: int
    packed_sha256: bytes
    offset: int = 0

    @property
    def header(self) -> bytes:
        """Its local header."""
        name = self.name.encode("ascii")
        return (
            _LOCAL.pack(
                b"PK\x03\x04",
                _PLAIN,
                0,
                self.method,
                0,
                _DAY,
                self.crc,
                self.packed_size,
                self.size,
                len(name),
                0,
            )
            + name
        )

    @property
    def end(self) -> int:
        """Where the next file begins."""
        return self.offset + len(self.header) + self.packed_size

    def at(self, offset: int) -> "Member":
        """The same file at this place."""
        return replace(self, offset=offset)


def pack(name: str, body: bytes) -> tuple[Member, bytes]:
    """A file as it stands in the archive, and its packed bytes. Raises `FormatError` if too large."""
    if len(body) > MEMBER_BYTES_MAX:
        raise FormatError(f"{name} is larger than a file of an export may be")
    method = STORED if name.startswith(_INCOMPRESSIBLE) else DEFLATED
    packed = body
    if method == DEFLATED:
        compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
        packed = compressor.compress(body) + compressor.flush()
    digest = hashlib.sha256(packed).digest()
    return Member(name, method, zlib.crc32(body), len(body), len(packed), digest), packed


def unpack(member: Member, packed: bytes) -> bytes:
    """The contents of a file. Raises `FormatError` when the bytes are not exactly those of one."""
    if member.method == STORED:
        body = packed
    else:
        reader = zlib.decompressobj(_RAW)
        try:
            body = reader.decompress(packed, member.size + 1)
        except zlib.error as error:
            raise FormatError("its compressed bytes were changed") from error
        if not reader.eof or reader.unused_data or reader.unconsumed_tail:
            raise FormatError("its compressed bytes were changed")
    if len(body) != member.size or zlib.crc32(body) != member.crc:
        raise FormatError("its bytes are not those its checksum was made of")
    return body


def directory(members: Sequence[Member]) -> bytes:
    """Everything behind the last file: the central directory and its end."""
    start = members[-1].end if members else 0
    entries = b"".join(map(_entry, members))
    count, size = len(members), len(entries)
    end = b""
    if count >= _MAX16 or size >= _MAX32 or start >= _MAX32:
        end = _END64.pack(
            b"PK\x06\x06", _END64.size - 12, _UNIX | _ZIP64, _ZIP64, 0, 0, count, count, size, start
        ) + _LOCATOR.pack(b"PK\x06\x07", 0, start + size, 1)
    short = min(count, _MAX16)
    return (
        entries + end + _END.pack(b"PK\x05\x06", 0, 0, short, short, min(size, _MAX32), min(start, _MAX32), 0)
    )


def _entry(member: Member) -> bytes:
    name = member.name.encode("ascii")
    extra, version = b"", _PLAIN
    if member.offset >= _MAX32:
        extra, version = struct.pack("<2HQ", 1, 8, member.offset), _ZIP64
    return (
        _CENTRAL.pack(
            b"PK\x01\x02",
            _UNIX | version,
            version,
            0,
            member.method,
            0,
            _DAY,
            member.crc,
            member.packed_size,
            member.size,
            len(name),
            len(extra),
            0,
            0,
            0,
            _MODE,
            min(member.offset, _MAX32),
        )
        + name
        + extra
    )


def packed_digest(members: Iterable[Member]) -> bytes:
    """SHA-256 over the SHA-256 of each file's packed bytes, in the order of the archive."""
    digest = hashlib.sha256()
    for member in members:
        digest.update(member.packed_sha256)
    return digest.digest()


class Archive:
    """Reads an export; every file is read by its name, and no more than one at a time."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises `FormatError` where this is no zip."""
        self._file = file
        try:
            with ZipFile(file) as listed:
                infos = listed.infolist()
        except (BadZipFile, NotImplementedError, UnicodeError, ValueError, OSError, struct.error) as error:
            raise FormatError(
                "this zip was cut off or damaged: its end cannot be read. Fetch it again"
            ) from error
        self.names = [info.filename for info in infos]
        self._members = {
            info.filename: Member(
                info.filename,
                info.compress_type,
                info.CRC,
                info.file_size,
                info.compress_size,
                b"",
                info.header_offset,
            )
            for info in infos
        }

    def __contains__(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return name in self._members

    def read(self, name: str) -> tuple[bytes, Member]:
        """The contents of a file, and how it stands in the archive.

        Raises `FormatError` where it is missing, too large or damaged.
        """
        member = self._members.get(name)
        if member is None:
            raise FormatError("it is missing")
        if max(member.size, member.packed_size) > MEMBER_BYTES_MAX or member.method not in (STORED, DEFLATED):
            raise FormatError("no file of an export is like this")
        if member.offset < 0 or not name.isascii():
            raise FormatError("the directory of the archive was changed")
        self._file.seek(member.offset)
        header = self._file.read(len(member.header))
        packed = self._file.read(member.packed_size)
        if header != member.header or len(packed) != member.packed_size:
            raise FormatError("what stands before it in the archive was changed")
        return unpack(member, packed), replace(member, packed_sha256=hashlib.sha256(packed).digest())

    def is_canonical(self, members: Sequence[Member]) -> bool:
        """Whether the archive is these files one after the other and their directory, to the byte."""
        offset = 0
        for member in members:
            if member.offset != offset:
                return False
            offset = member.end
        tail = directory(members)
        self._file.seek(offset)
        return self._file.read(len(tail) + 1) == tail


def complete_members(file: BinaryIO) -> list[Member]:
    """The files that a copy holds whole which was cut off while it was written; nothing is unpacked.

    Read from the beginning by the local headers, up to the first that is not whole or no file.
    """
    found: list[Member] = []
    offset = 0
    while True:
        file.seek(offset)
        raw = file.read(_LOCAL.size)
        if len(raw) < _LOCAL.size or not raw.startswith(b"PK\x03\x04"):
            return found
        fields = _LOCAL.unpack(raw)
        method, crc, packed_size, size, length = fields[3], fields[6], fields[7], fields[8], fields[9]
        name = file.read(length)
        packed = file.read(packed_size) if packed_size <= MEMBER_BYTES_MAX else b""
        if len(packed) < packed_size or not name.isascii():
            return found
        digest = hashlib.sha256(packed).digest()
        member = Member(name.decode(), method, crc, size, packed_size, digest, offset)
        if member.header != raw + name:
            return found
        found.append(member)
        offset = member.end
