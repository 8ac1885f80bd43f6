"""Reading lists as people have them: encodings, delimiters, headers, quoted line ends; and writing safely."""

import codecs
import csv
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from service.cli.check_file.files import require_text

CELL_CHARS_MAX: Final = 1_000_000

BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DELIMITERS: Final = ",;\t|"
_SAMPLE_BYTES: Final = 1 << 16
_EMAIL_NAMES: Final = frozenset({"email", "emailaddress", "emailadres", "mail", "mailaddress"})
_PHONE_NAMES: Final = frozenset(
    {
        "phone",
        "phonenumber",
        "mobile",
        "mobilenumber",
        "tel",
        "telephone",
        "telefoon",
        "telefoonnummer",
        "gsm",
    }
)
_ANY_NAMES: Final = frozenset({"address", "adres", "recipient", "contact"})
# What a spreadsheet would run (OWASP, CSV injection). A bare E.164 number is only a number and stays one.
_FORMULA: Final = re.compile(r"^[=+\-@\t\r\n]")
_SEPARATOR: Final = re.compile(rf"sep=([{re.escape(_DELIMITERS)}])\r?\n")
SEPARATOR_ROW: Final = ["sep=", ""]
"""The first line by which Excel is told the delimiter, as a row."""
_NUMBER: Final = re.compile(r"\+[0-9]{5,15}")


@dataclass(frozen=True, slots=True)
class Table:
    """A list, as it was found to be. `header` None: its first row is an address already."""

    path: Path
    encoding: str
    guessed: bool
    delimiter: str
    header: Sequence[str] | None
    column: int
    rows: int
    digest: str

    def read(self, skip: int = 0) -> Iterator[list[str]]:
        """The rows after the header, but for the first `skip`."""
        for number, row in enumerate(_rows(self.path, self.encoding, self.delimiter)):
            if number >= skip + (self.header is not None):
                yield row

    def address_of(self, row: Sequence[str]) -> str:
        """The address in a row, without the apostrophe that guards a number from spreadsheets."""
        cell = row[self.column].strip() if self.column < len(row) else ""
        return cell[1:] if cell.startswith("'+") else cell


def open_table(path: Path, *, column: str | None, encoding: str | None, channel: str) -> Table:
    """Find out how a list is written. Raises `click.ClickException` where that would have to be guessed."""
    require_text(path, encoding)
    found, digest = _encoding(path)
    chosen = encoding or found or "latin-1"
    try:
        with path.open(encoding=chosen, newline="") as file:
            delimiter = delimiter_of(file.read(_SAMPLE_BYTES))
        rows = _rows(path, chosen, delimiter)
        first = next(rows, None)
        if first is None:
            raise click.ClickException(f"{path} is empty")
        count = 1 + sum(1 for _ in rows)
    except (UnicodeError, LookupError) as error:
        raise click.ClickException(f"{path} cannot be read as {chosen}: choose another --encoding") from error
    except csv.Error as error:
        raise click.ClickException(f"{path} is no CSV file: {error}") from error
    place, has_header = _column(first, column, channel)
    return Table(
        path=path,
        encoding=chosen,
        guessed=encoding is None and found is None,
        delimiter=delimiter,
        header=first if has_header else None,
        column=place,
        rows=count - has_header,
        digest=digest,
    )


def safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def _encoding(path: Path) -> tuple[str | None, str]:
    """The encoding that the bytes show (None: none does), and their SHA-256."""
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    named: str | None = None
    is_utf8 = True
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            if named is None and digest.digest() == hashlib.sha256().digest():
                named = next((name for bom, name in BOMS if piece.startswith(bom)), "")
            digest.update(piece)
            if is_utf8:
                try:
                    decoder.decode(piece)
                except UnicodeDecodeError:
                    is_utf8 = False
    return named or ("utf-8" if is_utf8 else None), digest.hexdigest()


def delimiter_of(sample: str) -> str:
    """That of Excel's first line `sep=`, else what stands most often in the first row, outside quotes."""
    said = _SEPARATOR.match(sample)
    if said is not None:
        return said[1]
    outside = re.sub(r'"(?:[^"]|"")*"', "", sample)
    first = next((line for line in outside.splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=first.count)


def _rows(path: Path, encoding: str, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(CELL_CHARS_MAX)
    with path.open(encoding=encoding, newline="") as file:
        for number, row in enumerate(csv.reader(file, delimiter=delimiter)):
            if any(cell.strip() for cell in row) and not (number == 0 and row == SEPARATOR_ROW):
                yield row


def _column(first: Sequence[str], wanted: str | None, channel: str) -> tuple[int, bool]:
    """Where the addresses stand, and whether the first row is a header."""
    names = [re.sub(r"[^a-z]", "", cell.lower()) for cell in first]
    looks = [at for at, cell in enumerate(first) if looks_like_address(cell)]
    if wanted is not None:
        given = [cell.strip().lower() for cell in first]
        if wanted.strip().lower() in given:
            return given.index(wanted.strip().lower()), True
        if wanted.isdigit() and 1 <= int(wanted) <= len(first):
            return int(wanted) - 1, not looks
        raise click.ClickException(f"there is no column {wanted}: the first row has {len(first)} columns")
    by_mail = channel in ("email", "inbox_ad")
    for known in (_EMAIL_NAMES if by_mail else _PHONE_NAMES, _ANY_NAMES, _EMAIL_NAMES | _PHONE_NAMES):
        places = [at for at, name in enumerate(names) if name in known]
        if len(places) == 1:
            return places[0], True
        if places:
            break
    if len(looks) == 1:
        return looks[0], False
    raise click.ClickException(
        f"which of the {len(first)} columns holds the addresses? Say --column with its name or number"
    )


def looks_like_address(cell: str) -> bool:
    """Whether a cell is an address rather than a heading."""
    text = cell.strip().removeprefix("'")
    return "@" in text or _NUMBER.fullmatch(re.sub(r"[ ().\-/]", "", text)) is not None
