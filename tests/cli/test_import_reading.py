"""Lists as they really are: bytes of any kind, each row told apart, and nothing that stops the reading."""

import gzip
import io
import zipfile
from itertools import pairwise
from pathlib import Path

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.cli.check_file.table import open_table
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


def packed(*names: str) -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                archive.writestr(name, "email\na@example.org\n")
        return file.getvalue()


NO_LISTS = {
    "an Excel workbook: save it as CSV": packed("[Content_Types].xml", "xl/workbook.xml"),
    "an Excel workbook of the old kind": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "a spreadsheet of LibreOffice": packed("mimetype", "META-INF/opendocument.xml"),
    "a zip: unpack it": packed("subscribed.csv", "unsubscribed.csv"),
    "compressed": gzip.compress(b"email\na@example.org\n"),
    "a PDF": b"%PDF-1.7\n",
    "HTML": b"\xef\xbb\xbf<html><table><tr><td>email</td></tr></table></html>",
    "--encoding utf-16-le": "email\r\na@example.org\r\n".encode("utf-16-le"),
    "--encoding utf-16-be": "email\r\na@example.org\r\n".encode("utf-16-be"),
    "is empty": b"",
}


@pytest.mark.parametrize(("told", "raw"), NO_LISTS.items(), ids=NO_LISTS)
def test_what_is_no_list_is_told_by_its_name_with_what_to_do(tmp_path: Path, told: str, raw: bytes) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(raw)
    with pytest.raises(click.ClickException, match=told):
        open_sheet(path, None)
    with pytest.raises(click.ClickException, match=told):
        open_table(path, column=None, encoding=None, channel="email")


def test_what_was_said_of_the_encoding_is_not_doubted(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("email\r\na@example.org\r\n".encode("utf-16-le"))
    assert open_sheet(path, "utf-16-le").rows == 1


def test_the_line_by_which_excel_is_told_the_delimiter_is_no_row(tmp_path: Path) -> None:
    raw = b'\xef\xbb\xbfsep=;\r\nE-mailadres;Naam\r\na@example.org;"Bee, Ann, and Co, and more"\r\n'
    cells = {"E-mailadres": "a@example.org", "Naam": "Bee, Ann, and Co, and more"}
    assert read(tmp_path / "list.csv", raw) == [("3", cells)]
    table = open_table(tmp_path / "list.csv", column=None, encoding=None, channel="email")
    assert (table.header, [table.address_of(row) for row in table.read()]) == (
        ["E-mailadres", "Naam"],
        ["a@example.org"],
    )


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
