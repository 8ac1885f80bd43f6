"""The page as HTML: one language, names escaped, a form a button, and nothing from anywhere else."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.unsubscribe.page import HEADERS, ask_page, broken_page, stopped_page
from service.api.unsubscribe.texts import TEXTS, Texts, choose_language
from service.ledger.unsubscribe import Extent, WayOut

VOID = {"meta", "path", "circle", "input", "br", "link"}
LANGUAGES = sorted(TEXTS)


class Page(HTMLParser):
    """A strict reading: every element closed in its turn, every attribute once."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element that opens."""
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the one that was opened last."""
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep what a reader sees."""
        if self._open and self._open[-1] != "style":
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such element."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        """What a reader sees."""
        return " ".join(" ".join(self.texts).split())


def view(*stopped: Extent, sender: str = "Acme B.V.", category: str = "Newsletter") -> WayOut:
    return WayOut(sender, category, frozenset(stopped), "NL")


def pages(language: str) -> dict[str, str]:
    return {
        "ask": ask_page(view(), language),
        "nothing chosen": ask_page(view(), language, "nothing_chosen"),
        "try again": ask_page(view("category"), language, "try_again"),
        "category stopped": stopped_page(view("category"), language),
        "everything stopped": stopped_page(view("category", "sender"), language),
        "broken": broken_page(language),
    }


EVERY = [(language, name) for language in LANGUAGES for name in pages(language)]


@pytest.mark.parametrize(("language", "name"), EVERY)
def test_every_page_is_sound_in_its_language_and_needs_nothing_else(language: str, name: str) -> None:
    html = pages(language)[name]
    page = Page(html)
    assert html.startswith("<!doctype html>")
    assert page.all("html") == [{"lang": language}]
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1
    assert not page.all("script")
    assert not page.all("link")
    assert not page.all("img")
    assert "http:" not in html
    assert "https:" not in html
    assert "url(" not in html
    assert "@import" not in html
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")


@pytest.mark.parametrize(("language", "name"), EVERY)
def test_every_form_is_a_post_with_one_button_that_says_what_it_means(language: str, name: str) -> None:
    html = pages(language)[name]
    page = Page(html)
    assert page.all("form") == [{"method": "post"}] * len(page.all("button"))
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for button in page.all("button"):
        assert button["name"] == "stop"
        assert button["aria-describedby"] in identifiers
    assert not page.all("input")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_stopped_is_not_offered_again_and_no_page_leads_back(language: str) -> None:
    offered = {name: Page(html).all("button") for name, html in pages(language).items()}
    values = {name: [button["value"] for button in buttons] for name, buttons in offered.items()}
    assert values["ask"] == ["category", "sender"]
    assert values["category stopped"] == values["try again"] == ["sender"]
    assert values["everything stopped"] == values["broken"] == []
    hrefs = {anchor["href"] for html in pages(language).values() for anchor in Page(html).all("a")}
    assert hrefs == {f"?lang={each}" for each in TEXTS}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_who_what_and_what_it_means(language: str) -> None:
    text = Page(ask_page(view(), language)).text
    texts: Texts = TEXTS[language]
    assert text.count("Acme B.V.") >= 4
    assert "Newsletter" in text
    assert texts.needed in text
    assert "{" not in text


def test_every_language_says_its_own_words() -> None:
    for field in Texts.__struct_fields__:
        said = {getattr(texts, field) for texts in TEXTS.values()}
        # Dutch and English both say "Stop".
        assert len(said) == len(TEXTS) - (field == "category_button"), field


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_names_what_the_english_one_names(language: str) -> None:
    for field in Texts.__struct_fields__:
        names = [set(re.findall(r"{\w+}", getattr(TEXTS[each], field))) for each in ("en", language)]
        assert names[0] == names[1], field


@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from(LANGUAGES))
def test_no_name_can_become_markup(sender: str, category: str, language: str) -> None:
    plain = Page(ask_page(view(), language))
    odd = Page(ask_page(view(sender=sender, category=category), language))
    assert odd.elements == plain.elements


def test_a_hostile_name_is_shown_as_it_is() -> None:
    name = '<script>alert("{sender}")</script>'
    assert name in Page(stopped_page(view("category", sender=name), "en")).text


def test_the_policy_allows_this_very_style_and_nothing_more() -> None:
    (style,) = re.findall("<style>(.*?)</style>", ask_page(view(), "en"), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert HEADERS["content-security-policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    )
    assert (HEADERS["referrer-policy"], HEADERS["cache-control"]) == ("no-referrer", "no-store")
    assert "noindex" in HEADERS["x-robots-tag"]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("nl", "nl"),
        ("nl-BE,nl;q=0.9,en;q=0.8", "nl"),
        ("es,fr;q=0.5,de;q=0.7", "de"),
        ("DE-at", "de"),
        ("en;q=0,fr;q=0.1", "fr"),
        ("ja, *;q=0.5", "en"),
        ("nl;q=x, fr;q=2, de;q=-1", "en"),
        (";;;,,,q", "en"),
        ("x," * 5000 + "nl", "en"),
    ],
)
def test_the_browsers_language_is_spoken_where_we_know_it(accepted: str, language: str) -> None:
    assert choose_language(None, accepted) == language


def test_what_the_reader_chose_comes_first_and_the_houses_own_language_last() -> None:
    assert choose_language("fr", "nl") == "fr"
    assert choose_language("xx", "nl") == "nl"
    assert choose_language(None, "ja", "NL") == "nl"
    assert choose_language(None, "", "DE") == "de"
    assert choose_language(None, "", "EU") == "en"


@given(st.text(max_size=200))
def test_any_header_leads_to_one_of_the_languages(accepted: str) -> None:
    assert choose_language(None, accepted) in TEXTS
