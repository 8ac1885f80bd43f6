"""The log as files (C2SP tlog-tiles): `tile/<L>/<N>` holds hashes, `tile/entries/<N>` holds entries.

tile/0/x001/x234/067          a full tile: 256 hashes, 8,192 bytes
tile/1/000.p/17               a partial one: 17 hashes
tile/entries/000.p/112        112 entries, each with its length as a 16-bit integer before it
"""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from service.core.entries import ENTRY_BYTES_MAX
from service.core.errors import FormatError
from service.core.merkle import TILE_WIDTH

LEVEL_MAX: Final = 63
_ENTRIES: Final = -1
_PATH: Final = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)
_INDEX_DIGITS: Final = 18
_LENGTH: Final = struct.Struct(">H")


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile or entry bundle. `level` is -1 for a bundle; `width` is how many are in it, 256 when full."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def is_entries(self) -> bool:
        """Whether this names an entry bundle."""
        return self.level == _ENTRIES


def entry_bundle(index: int, width: int = TILE_WIDTH) -> Tile:
    """The name of an entry bundle."""
    return Tile(_ENTRIES, index, width)


def tile_path(tile: Tile) -> str:
    """The path of a tile, below the log's own prefix."""
    level = "entries" if tile.is_entries else str(tile.level)
    digits = f"{tile.index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    index = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{index}" + (f".p/{tile.width}" if tile.width != TILE_WIDTH else "")


def parse_tile_path(path: str) -> Tile:
    """Read a path. Raises `FormatError` for any other spelling than that of `tile_path`."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise FormatError("not the path of a tile")
    digits = found["index"].replace("/", "").replace("x", "")
    width = int(found["width"] or TILE_WIDTH)
    level = _ENTRIES if found["level"] == "entries" else int(found["level"])
    if len(digits) > _INDEX_DIGITS or level > LEVEL_MAX or (found["width"] and width >= TILE_WIDTH):
        raise FormatError("no log has this tile")
    tile = Tile(level, int(digits), width)
    if tile_path(tile) != path:
        raise FormatError("not the path of a tile in its only spelling")
    return tile


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """An entry bundle. Raises `FormatError` for an entry that a bundle cannot hold."""
    if len(entries) > TILE_WIDTH or any(len(entry) > ENTRY_BYTES_MAX for entry in entries):
        raise FormatError(f"a bundle holds at most {TILE_WIDTH} entries of {ENTRY_BYTES_MAX} bytes")
    return b"".join(_LENGTH.pack(len(entry)) + entry for entry in entries)


def decode_entries(raw: bytes) -> list[bytes]:
    """The entries of a bundle. Raises `FormatError` when it is cut off or holds more than 256."""
    entries: list[bytes] = []
    offset = 0
    while offset < len(raw):
        if offset + _LENGTH.size > len(raw) or len(entries) == TILE_WIDTH:
            raise FormatError("an entry bundle is cut off or too long")
        (size,) = _LENGTH.unpack_from(raw, offset)
        start = offset + _LENGTH.size
        if start + size > len(raw):
            raise FormatError("an entry bundle is cut off")
        entries.append(raw[start : start + size])
        offset = start + size
    return entries
