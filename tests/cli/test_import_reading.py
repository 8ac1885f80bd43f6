"""Lists as they really are: bytes of any kind, each row told apart, and nothing that stops the reading."""

from itertools import pairwise
from pathlib import Path

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.cli.import_list.reading import open_sheet, unguarded

PIECES = (
    *(b"email,name\n", b"a@example.org,Ann\n", b'"', b",", b"\n", b"\r\n", b"\0", b"\xff", b"\xe9"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b'{"email": "a@example.org"}\n', b"[1]\n", b"{\n", "é".encode()),
)
BYTES = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8)), max_size=20).map(b"".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists")


@given(raw=BYTES, name=st.sampled_from(["list.csv", "list.jsonl"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_bytes_break_the_reading(folder: Path, raw: bytes, name: str) -> None:
    path = folder / name
    path.write_bytes(raw)
    try:
        sheet = open_sheet(path, None)
    except click.ClickException:
        return
    rows = list(sheet.read())
    assert len(rows) == sheet.rows
    assert all((row.cells is None) == bool(row.problem) for row in rows)
    assert list(sheet.read(1)) == rows[1:]
    assert all(a.last_line < b.first_line for a, b in pairwise(rows))
    for heading in sheet.header:
        heading.encode()


def read(path: Path, raw: bytes) -> list[tuple[str, dict[str, str] | str]]:
    path.write_bytes(raw)
    rows = open_sheet(path, None).read()
    return [(row.place, dict(row.cells) if row.cells is not None else row.problem) for row in rows]


def test_each_row_is_told_by_the_lines_it_stands_in(tmp_path: Path) -> None:
    raw = b'email,note\r\na@example.org,"one\r\ntwo"\r\n\r\nb@example.org\r\nc@example.org,"three"\r\n'
    assert read(tmp_path / "list.csv", raw) == [
        ("2-3", {"email": "a@example.org", "note": "one\r\ntwo"}),
        ("5", "the row has 1 cells, and the header 2"),
        ("6", {"email": "c@example.org", "note": "three"}),
    ]


def test_a_quotation_mark_that_is_left_open_takes_so_many_lines_and_the_rest_is_read(tmp_path: Path) -> None:
    raw = b'email,note\n"a@example.org,x\n' + b"z@example.org,y\n" * 20_000 + b'q"\nb@example.org,z\n'
    rows = read(tmp_path / "list.csv", raw)
    assert rows[0][0].startswith("2-")
    assert "quotation mark" in str(rows[0][1])
    assert rows[-1][1] == {"email": "b@example.org", "note": "z"}


def test_a_name_that_only_the_last_object_has_is_a_column_too(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text('{"email": "a@example.org"}\n' * 2_000 + '{"email": "b@example.org", "opt_out": true}\n')
    assert open_sheet(path, None).header == ["email", "opt_out"]


def test_two_columns_of_one_name_are_both_kept(tmp_path: Path) -> None:
    ((_, cells),) = read(tmp_path / "list.csv", b"email,x,x\na@example.org,1,2\n")
    assert cells == {"email": "a@example.org", "x (2)": "1", "x (3)": "2"}


def test_a_header_that_is_no_text_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"email,na\xefm\na@example.org,\xc3\xa9\nb@example.org,\xc3\xa9\n")
    with pytest.raises(click.ClickException, match="--encoding"):
        open_sheet(path, None)
    assert open_sheet(path, "latin-1").header == ["email", "naïm"]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("'=1", "=1"), ("'+31612345678", "+31612345678"), ("'t", "'t"), ("'", "'"), ("=1", "=1")],
)
def test_the_apostrophe_against_formulas_is_taken_off_again(cell: str, expected: str) -> None:
    assert unguarded(cell) == expected
