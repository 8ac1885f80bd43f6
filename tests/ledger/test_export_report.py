"""The report of an export: everything is said, everything is escaped, and nothing comes from elsewhere."""

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from service.core.events.parsing import CONFIGURING, SubmittedEvent
from service.ledger.exporting.ports import ExportLanguage
from service.ledger.exporting.report.markup import join, tag
from service.ledger.exporting.report.page import WORDS, report_page
from tests.support.told_report import FORM, HOSTILE, told_subject


class Reader(HTMLParser):
    """Counts elements, keeps what would be fetched, and requires every element to be closed."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.names.add(name)
        self.attributes += attributes
        if name not in self.VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        """Require it to be the one that is open."""
        assert self.open.pop() == name

    def handle_data(self, text: str) -> None:
        """Keep the text."""
        self.text += text


@pytest.mark.parametrize("language", ["en", "nl"])
async def test_it_says_who_what_when_and_why_with_the_form_as_it_was_shown(language: ExportLanguage) -> None:
    words = WORDS[language]
    text = Reader(report_page(await told_subject(language))).text
    for said in (
        "jane@example.org",
        words.events["consent_granted"],
        words.events["consent_withdrawn"],
        words.defaults["ticked"],
        words.used,
        words.deny,
        "GDPR 7(3)",
        *(name for name, _, _ in words.levels),
        words.not_shown,
        FORM["text"],
    ):
        assert str(said) in text, said


async def test_what_an_event_says_is_said_in_the_language_of_the_report() -> None:
    text = Reader(report_page(await told_subject("nl"))).text
    for said in ("Mis met het verzoek", "misleidend vormgegeven", "Niet genoemde verzenders", "derden"):
        assert said in text
    assert not re.search(r"deceptive|third.part|all.marketing", text)


async def test_an_address_of_which_nothing_is_recorded_is_said_to_be_absent() -> None:
    assert WORDS["en"].nothing in Reader(report_page(await told_subject("en", "nobody@example.org"))).text


async def test_what_anybody_recorded_is_text_and_nothing_is_fetched_or_run() -> None:
    page = report_page(await told_subject("en"))
    found = Reader(page)
    assert found.open == []
    assert found.names.isdisjoint({"script", "img", "link", "iframe", "object", "form", "a"})
    named = {name for name, _ in found.attributes}
    assert not [name for name in named if name.startswith("on") or name in ("src", "href", "style")]
    assert HOSTILE in found.text
    assert "url(" not in page
    assert re.search(r"default-src 'none'.*style-src 'sha256-", page)


async def test_headings_go_down_one_level_at_a_time_and_the_language_is_said() -> None:
    page = report_page(await told_subject("nl"))
    assert page.startswith('<!doctype html>\n<html lang="nl">')
    levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("language", ["en", "nl"])
def test_every_type_of_the_vocabulary_about_an_address_has_a_name(language: ExportLanguage) -> None:
    types = {str(kind.__struct_config__.tag) for kind in SubmittedEvent.__args__ if kind not in CONFIGURING}
    assert types <= WORDS[language].events.keys()


def test_only_markup_is_markup() -> None:
    assert join("<b>", tag("b", "<i>", title='"x"')) == '&lt;b&gt;<b title="&quot;x&quot;">&lt;i&gt;</b>'
