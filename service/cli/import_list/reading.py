"""A list as people have it, row by row with line numbers; what is broken is told and the next row read."""

import codecs
import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from service.cli.check_file.files import require_text
from service.cli.check_file.table import BOMS, SEPARATOR_ROW, delimiter_of, looks_like_address

CELL_CHARS_MAX: Final = 131_072
NAMES_MAX: Final = 1_000
LINE_COLUMN, PROBLEM_COLUMN = "import_line", "import_problem"
"""The first two columns of a list of refused rows; they are passed over when it is imported again."""

_SAMPLE_BYTES: Final = 1 << 16
_PIECE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One row: where it stands, its cells by heading, or what is wrong with it.

    `given` is the row as it stood, to be handed back.
    """

    first_line: int
    last_line: int
    given: Sequence[str]
    cells: Mapping[str, str] | None
    problem: str = ""

    @property
    def place(self) -> str:
        """The line, or lines, for people."""
        return (
            str(self.first_line)
            if self.first_line == self.last_line
            else f"{self.first_line}-{self.last_line}"
        )


@dataclass(frozen=True, slots=True)
class Sheet:
    """A list, as it was found to be. `guessed`: it is no UTF-8, and nobody said what else it is."""

    path: Path
    encoding: str
    guessed: bool
    delimiter: str
    header: Sequence[str]
    has_header: bool
    rows: int
    digest: str

    @property
    def as_json(self) -> bool:
        """Whether each line is a JSON object."""
        return not self.delimiter

    def read(self, skip: int = 0) -> Iterator[Row]:
        """The rows, but for the first `skip`."""
        rows = self._objects() if self.as_json else self._table()
        for number, row in enumerate(rows):
            if number >= skip:
                yield row

    def _table(self) -> Iterator[Row]:
        mine = [at for at, name in enumerate(self.header) if name not in (LINE_COLUMN, PROBLEM_COLUMN)]
        with self.path.open(encoding=self.encoding, errors="surrogateescape", newline="") as file:
            for number, (first, last, cells) in enumerate(_records(file, self.delimiter)):
                if number == 0 and self.has_header:
                    continue
                if isinstance(cells, str):
                    yield Row(first, last, [], None, cells)
                elif len(cells) != len(self.header):
                    wrong = f"the row has {len(cells)} cells, and the header {len(self.header)}"
                    yield Row(first, last, cells, None, wrong)
                else:
                    given = [cells[at] for at in mine]
                    named = {self.header[at]: unguarded(cells[at]) for at in mine}
                    yield Row(first, last, given, named)

    def _objects(self) -> Iterator[Row]:
        with self.path.open(encoding=self.encoding, errors="surrogateescape", newline="\n") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    found = json.loads(line, parse_constant=_no_constant)
                except (ValueError, RecursionError):
                    found = None
                if not isinstance(found, dict):
                    yield Row(number, number, [line.rstrip("\r\n")], None, "this is no JSON object")
                    continue
                cells = {name: _cell(value) for name, value in found.items() if name not in _OURS}
                yield Row(number, number, [line.rstrip("\r\n")], cells)


_OURS: Final = (LINE_COLUMN, PROBLEM_COLUMN)


def open_sheet(path: Path, encoding: str | None) -> Sheet:
    """Find out how a list is written. Raises `click.ClickException` where that would have to be guessed."""
    require_text(path, encoding)
    found, digest = _encoding(path)
    chosen = encoding or found
    try:
        codecs.lookup(chosen)
        with path.open(encoding=chosen, errors="surrogateescape", newline="") as file:
            sample = file.read(_SAMPLE_BYTES)
    except LookupError:
        raise click.ClickException(f"there is no encoding {chosen}") from None
    except UnicodeError as error:
        raise click.ClickException(f"{path} cannot be read as {chosen}: choose another --encoding") from error
    if not sample.strip():
        raise click.ClickException(f"{path} is empty")
    as_json = path.suffix.lower() in (".jsonl", ".ndjson") or sample.lstrip()[:1] == "{"
    guessed = encoding is None and found not in ("utf-8", "utf-8-sig", "utf-16")
    try:
        delimiter, header, has_header = "", _names(path, chosen) if as_json else [], True
        if not as_json:
            delimiter = delimiter_of(sample)
            header, has_header = _header(path, chosen, delimiter)
        sheet = Sheet(path, chosen, guessed, delimiter, header, has_header, 0, digest)
        return replace(sheet, rows=sum(1 for _ in sheet.read()))
    except UnicodeError as error:
        raise click.ClickException(f"{path} cannot be read as {chosen}: choose another --encoding") from error


def unguarded(cell: str) -> str:
    """A cell without the apostrophe that keeps spreadsheets from running it."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in "=+-@\t\r" and len(cell) > 1 else cell


def _records(file: io.TextIOBase, delimiter: str) -> Iterator[tuple[int, int, list[str] | str]]:
    """Each record with its first and last line; a string says why one cannot be read."""
    csv.field_size_limit(CELL_CHARS_MAX)
    reader = csv.reader(file, delimiter=delimiter)
    while True:
        first = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield first, reader.line_num, "this is no row of a CSV file: is a quotation mark left open?"
            continue
        if any(cell.strip() for cell in cells) and not (first == 1 and cells == SEPARATOR_ROW):
            yield first, reader.line_num, cells


def _header(path: Path, encoding: str, delimiter: str) -> tuple[list[str], bool]:
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
        _, _, first = next(_records(file, delimiter), (1, 1, None))
    if first is None:
        raise click.ClickException(f"{path} is empty")
    if isinstance(first, str):
        raise click.ClickException(f"{path}: the first row cannot be read: {first}")
    if any("@" in cell or looks_like_address(cell) for cell in first):
        return [str(number) for number in range(1, len(first) + 1)], False
    names = [cell.strip() for cell in first]
    if not _is_text("".join(names)):
        raise click.ClickException(
            f"{path}: the headings cannot be read as {encoding}: choose another --encoding"
        )
    if len({*names}) != len(names):
        # A column that cannot be named apart from another is still kept, under its number.
        names = [f"{name} ({at})" if names.count(name) > 1 else name for at, name in enumerate(names, 1)]
    return names, True


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _names(path: Path, encoding: str) -> list[str]:
    """The names in all objects, in their order: a no may be the first to have a column of its own."""
    names: dict[str, None] = {}
    with path.open(encoding=encoding, errors="surrogateescape", newline="\n") as file:
        for line in file:
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                names |= dict.fromkeys(name for name in found if name not in _OURS and _is_text(name))
            if len(names) > NAMES_MAX:
                raise click.ClickException(f"{path}: its objects have more than {NAMES_MAX} different names")
    return list(names)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _encoding(path: Path) -> tuple[str, str]:
    """The encoding that the bytes show, and their SHA-256.

    UTF-8 where most of the lines that tell it are: single rows that are not are refused by themselves.
    Otherwise Windows-1252, whose letters most such lists hold; or Latin-1, where it has no letter for a byte.
    """
    digest = hashlib.sha256()
    valid = invalid = 0
    unassigned, named, rest = False, "", b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            if file.tell() == len(piece):
                named = next((name for bom, name in BOMS if piece.startswith(bom)), "")
            digest.update(piece)
            if named:
                continue
            *lines, rest = (rest + piece).split(b"\n")
            for line in (line for line in lines if not line.isascii()):
                valid, invalid, unassigned = _judged(line, valid, invalid, unassigned=unassigned)
    if not rest.isascii():
        valid, invalid, unassigned = _judged(rest, valid, invalid, unassigned=unassigned)
    if named or valid >= invalid:
        return named or "utf-8", digest.hexdigest()
    return "latin-1" if unassigned else "cp1252", digest.hexdigest()


def _judged(line: bytes, valid: int, invalid: int, *, unassigned: bool) -> tuple[int, int, bool]:
    try:
        line.decode()
    except UnicodeDecodeError:
        try:
            line.decode("cp1252")
        except UnicodeDecodeError:
            unassigned = True
        return valid, invalid + 1, unassigned
    return valid + 1, invalid, unassigned
