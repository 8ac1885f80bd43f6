"""Tiles: paths with one spelling, bundles that are read only whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.errors import FormatError
from service.core.tiles import Tile, decode_entries, encode_entries, entry_bundle, parse_tile_path, tile_path

tiles = st.builds(Tile, st.integers(-1, 63), st.integers(0, 10**18 - 1), st.integers(1, 256))

PATHS = {
    "tile/0/000": Tile(0, 0),
    "tile/0/x001/x234/067": Tile(0, 1_234_067),
    "tile/1/273.p/17": Tile(1, 273, 17),
    "tile/63/999": Tile(63, 999),
    "tile/entries/x001/000": entry_bundle(1000),
    "tile/entries/000.p/112": entry_bundle(0, 112),
    "tile/0/x001/x234/067.p/255": Tile(0, 1_234_067, 255),
}


@pytest.mark.parametrize(("path", "tile"), PATHS.items())
def test_the_documented_paths_are_read_and_written(path: str, tile: Tile) -> None:
    assert parse_tile_path(path) == tile
    assert tile_path(tile) == path


@given(tiles)
def test_every_tile_has_a_path_that_names_it(tile: Tile) -> None:
    assert parse_tile_path(tile_path(tile)) == tile


@given(
    st.from_regex(r"tile/(entries|[0-9]{1,2})/(x[0-9]{3}/){0,2}[0-9]{1,4}(\.p/[0-9]{1,3})?", fullmatch=True)
)
def test_no_tile_has_a_second_path(path: str) -> None:
    try:
        tile = parse_tile_path(path)
    except FormatError:
        return
    assert tile_path(tile) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/001",
        "tile/0/001/234",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/012",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/entries/../0/000",
        "tile/0/000\n",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/data/000",
    ],
)
def test_paths_that_name_no_tile_are_refused(path: str) -> None:
    with pytest.raises(FormatError):
        parse_tile_path(path)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_is_read_back_entry_by_entry(entries: list[bytes]) -> None:
    assert decode_entries(encode_entries(entries)) == entries


def test_a_bundle_cut_anywhere_but_between_entries_is_refused() -> None:
    entries = [b"first", b"", b"third"]
    raw = encode_entries(entries)
    whole = {len(encode_entries(entries[:count])) for count in range(4)}
    for length in set(range(len(raw))) - whole:
        with pytest.raises(FormatError):
            decode_entries(raw[:length])


def test_a_bundle_holds_no_more_than_a_tile_and_no_longer_entries_than_its_lengths_can_say() -> None:
    full = encode_entries([b"x" * 65_535, *[b""] * 255])
    assert len(decode_entries(full)) == 256
    for entries in ([b"x" * 65_536], [b""] * 257):
        with pytest.raises(FormatError):
            encode_entries(entries)
    with pytest.raises(FormatError):
        decode_entries(full + b"\x00\x00")
