"""The report on paper: tagged, the same bytes every time, and nothing a person wrote is more than text."""

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as changed
from pypdf import PdfReader

from service.core.events import Form, parse_form
from service.ledger.exporting.ports import ExportLanguage
from service.ledger.exporting.report.page import WORDS, report_page
from service.printing import PAGE_BYTES_MAX, PrintingError, print_report
from tests.support.told_report import FORM, HOSTILE, told_subject

MARKUP = '#panic("no") $x$ *bold* _it_ `code` <label> @ref = heading \\ // #import "x.typ"'
LEGIBLE = {
    "in Typst's own markup": MARKUP,
    "in HTML": HOSTILE,
    "without a space, ten thousand letters long": "x" * 10_000,
    "over a thousand lines": "line\n" * 1_000,
    "in Greek and Cyrillic": "Ναι, θέλω. Да, хочу.",  # noqa: RUF001 - as it is written
}
ILLEGIBLE = {
    "in Chinese, Arabic and emoji, which the fonts lack": "我同意 أوافق 🙂",
    "with controls": "a\x00b\x1b[31mc\u202ed",
}


def read(pdf: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(pdf))


def catalogue_of(pdf: bytes) -> Any:  # noqa: ANN401 - whatever a PDF may say
    """What the document says of itself."""
    return read(pdf).trailer["/Root"]


def text_of(pdf: bytes) -> str:
    """All that can be read in it, without what wraps it."""
    return re.sub(r"\s+", "", "".join(page.extract_text() for page in read(pdf).pages))


def form(text: str) -> Form:
    """The form of the report's history with another text."""
    return changed(parse_form(FORM), text=text, title=text[:200])


@pytest.mark.parametrize("language", ["en", "nl"])
async def test_it_says_what_the_page_says_and_can_be_read_aloud(language: ExportLanguage) -> None:
    words = WORDS[language]
    pdf = print_report(report_page(await told_subject(language)))
    text = text_of(pdf)
    for said in ("jane@example.org", words.deny, words.used, words.events["consent_withdrawn"], "GDPR7(3)"):
        assert re.sub(r"\s+", "", said) in text, said
    found = read(pdf)
    assert catalogue_of(pdf)["/Lang"] == language
    assert catalogue_of(pdf)["/MarkInfo"]["/Marked"].value
    assert "/StructTreeRoot" in catalogue_of(pdf)
    assert found.metadata
    assert found.metadata.title == words.title
    assert str(found.metadata.creation_date) == "2026-11-25 03:00:00+00:00"
    assert len(found.outline) > 0
    assert f"1/{len(found.pages)}" in text


async def test_the_same_page_gives_the_same_bytes() -> None:
    page = report_page(await told_subject("en"))
    assert print_report(page) == print_report(page)


async def printed(written: str) -> bytes:
    """The report of a history whose form says this."""
    subject = await told_subject("en")
    forms = {digest: form(written) for digest in subject.forms}
    return print_report(report_page(replace(subject, forms=forms)))


@pytest.mark.parametrize("written", LEGIBLE.values(), ids=LEGIBLE.keys())
async def test_what_anybody_wrote_is_printed_as_it_is(written: str) -> None:
    assert re.sub(r"\s+", "", written)[:60] in text_of(await printed(written))


@pytest.mark.parametrize("written", ILLEGIBLE.values(), ids=ILLEGIBLE.keys())
async def test_letters_that_the_fonts_lack_do_not_keep_the_rest_from_being_read(written: str) -> None:
    pdf = await printed(written)
    assert "jane@example.org" in text_of(pdf)
    assert "/StructTreeRoot" in catalogue_of(pdf)


def test_what_is_no_report_or_longer_than_anybody_prints_is_refused() -> None:
    for page in ("", "hello", "<html lang=en><title>x</title></html>", "<" * 1_000):
        with pytest.raises(PrintingError, match="not the page"):
            print_report(page)
    with pytest.raises(PrintingError, match="longer"):
        print_report("x" * (PAGE_BYTES_MAX + 1))
