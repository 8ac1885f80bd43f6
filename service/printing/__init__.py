"""The report of an export as a PDF: the very page, laid out on paper by Typst (the extra `pdf`).

The page is read into a tree and handed to a template as data, so that nothing a person wrote is ever read as
markup. Only Typst's own fonts are used, and the only time in the file is that of the page: the same page
gives the same bytes on every machine. The PDF is tagged (PDF/UA-1) wherever those fonts have every letter.
"""

import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from importlib.util import find_spec
from typing import Any, Final

from service.core.errors import FormatError

PAGE_BYTES_MAX: Final = 512 * 1024
"""Some 200 addresses. Laying out more takes more memory (200 MiB) than a server has to spare."""

_VOID: Final = frozenset({"meta", "br", "hr", "img", "link"})
_DATE: Final = ("year", "month", "day", "hour", "minute", "second")
_TEMPLATE: Final = "report.typ"
_PAGE: Final = "page.json"

Node = dict[str, Any]
"""An element: `name`, `children` (texts and nodes), and where it has them `class`, `lang`, `hidden`."""


class PrintingError(FormatError):
    """This page cannot be printed."""


def can_print() -> bool:
    """Whether Typst is installed."""
    return find_spec("typst") is not None


def print_report(page: str) -> bytes:
    """A report's page as a PDF. Raises `PrintingError`, also where `can_print` is false."""
    if not can_print():
        raise PrintingError(
            "a PDF is made by Typst, which is not installed: pip install 'consent-ledger[pdf]'"
        )
    if len(page.encode()) > PAGE_BYTES_MAX:
        raise PrintingError("the report is longer than anybody prints: read the page")
    import typst  # noqa: PLC0415 - an extra, and 30 MB that nobody else needs

    sources = {"main.typ": files(__package__).joinpath(_TEMPLATE).read_bytes(), _PAGE: _told(page)}
    try:
        return _compiled(typst, sources, "ua-1")
    except typst.TypstError:
        pass  # a letter that no font has, which a tagged PDF must not leave out
    try:
        return _compiled(typst, sources)
    except typst.TypstError as error:
        raise PrintingError("the report could not be laid out") from error


def _compiled(typst: Any, sources: dict[str, bytes], *standards: str) -> bytes:  # noqa: ANN401 - a module
    made: bytes = typst.compile(
        sources, ignore_system_fonts=True, sys_inputs={"page": _PAGE}, pdf_standards=list(standards)
    )
    return made


def _told(page: str) -> bytes:
    """The page as the template takes it: language, title, footer, time, and the tree of what is on it."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    root = parser.root
    try:
        at = datetime.fromisoformat(parser.dated).astimezone(UTC)
        told = {
            "lang": _first(root, "html")["lang"],
            "title": _text(_first(root, "title")),
            "footer": _text(_first(root, "footer")),
            "date": {
                name: getattr(at, name) for name in ("year", "month", "day", "hour", "minute", "second")
            },
            "body": _first(root, "main")["children"],
        }
    except (KeyError, ValueError) as error:
        raise PrintingError("this is not the page of a report") from error
    return json.dumps(told).encode()


def _first(node: Node, name: str) -> Node:
    """The first element of this name. Raises `KeyError`."""
    if node["name"] == name:
        return node
    for child in node["children"]:
        if not isinstance(child, str):
            try:
                return _first(child, name)
            except KeyError:
                continue
    raise KeyError(name)


def _text(node: Node) -> str:
    return "".join(child if isinstance(child, str) else _text(child) for child in node["children"])


class _Parser(HTMLParser):
    """Reads a page into nodes. The pages are our own: every element is closed, and none is implied."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root: Node = {"name": "", "children": []}
        self.dated = ""
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        given = {name: value or "" for name, value in attrs}
        if tag == "meta" and given.get("name") == "date":
            self.dated = given.get("content", "")
        node: Node = {"name": tag, "children": []}
        if "class" in given:
            node["class"] = given["class"].split()
        if "lang" in given:
            node["lang"] = given["lang"]
        if given.get("aria-hidden") == "true":
            node["hidden"] = True
        self._open[-1]["children"].append(node)
        if tag not in _VOID:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        if tag not in _VOID and len(self._open) > 1:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Take a text."""
        self._open[-1]["children"].append(data)
