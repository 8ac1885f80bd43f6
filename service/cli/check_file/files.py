"""What is no list at all: said by its name, with what to do, before anybody asks which column holds what."""

from pathlib import Path
from typing import Final

import click

_LOOKED_AT_BYTES: Final = 4_096
_AS_CSV: Final = "save it as CSV (UTF-8), and give that"
_KINDS: Final = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", f"an Excel workbook of the old kind: {_AS_CSV}"),
    (b"%PDF-", "a PDF: export the list as CSV, and give that"),
    (b"\x1f\x8b", "compressed (gzip): unpack it first"),
)
_MARKUP: Final = (b"<html", b"<!doctype html", b"<?xml", b"<table")
_TEXT_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


def require_text(path: Path, encoding: str | None) -> None:
    """Raises `click.ClickException` where the file is none that a list can be read from."""
    with path.open("rb") as file:
        start = file.read(_LOOKED_AT_BYTES)
    kind = next((kind for mark, kind in _KINDS if start.startswith(mark)), None)
    if start.startswith(b"PK\x03\x04"):
        kind = _packed(path)
    elif start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_MARKUP):
        kind = f"HTML or XML: {_AS_CSV}"
    if kind is not None:
        raise click.ClickException(f"{path} is {kind}")
    if encoding is None and not start.startswith(_TEXT_MARKS) and start.count(0) * 4 > len(start):
        # Latin text in UTF-16 without a mark: every second byte is a zero.
        order = "le" if start[1::2].count(0) >= start[::2].count(0) else "be"
        raise click.ClickException(
            f"{path} looks like UTF-16 without its mark: say --encoding utf-16-{order}"
        )


def _packed(path: Path) -> str:
    """A zip: a workbook, or lists that were packed together. Its first name is near its beginning."""
    with path.open("rb") as file:
        begins = file.read(1 << 16)
    if b"xl/" in begins or b"[Content_Types].xml" in begins:
        return f"an Excel workbook: {_AS_CSV}"
    if b"opendocument" in begins:
        return f"a spreadsheet of LibreOffice: {_AS_CSV}"
    return "a zip: unpack it, and give one of the lists in it at a time"
