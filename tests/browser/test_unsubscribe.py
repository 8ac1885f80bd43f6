"""The way out in a real browser: seen, read aloud, and used with nothing but a keyboard."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.support.http_service import JANE, grant
from tests.support.served import Served

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
SIZES = {"phone": (390, 844), "desktop": (1280, 800)}
SMALLEST_TARGET = 44  # CSS pixels, WCAG 2.2 success criterion 2.5.5
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def visitor(
    browser: Browser, *, size: str = "desktop", locale: str = "en-GB", scripts: bool = True
) -> Iterator[Page]:
    """A page in a fresh profile that must not complain, nor fetch anything from anywhere else."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        locale=locale,
        java_script_enabled=scripts,
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: complaints.append(request.url) if "/u/" not in request.url else None)
    yield page
    assert [each for each in complaints if "favicon" not in each and "404" not in each] == []
    assert context.cookies() == []
    context.close()


def person(visited: Served, name: str, category: str = "newsletter") -> tuple[dict[str, str], str]:
    """Somebody who said yes, and the link in the mail they got."""
    address = {**JANE, "value": f"{name}@example.org"}
    visited.call("POST", "/v1/events", grant(f"browser-{name}", address=address, categories=[category]))
    return address, visited.link(address=address, category=category)


def show(page: Page, visited: Served, state: str, name: str) -> None:
    """Bring the page into a state."""
    _, url = person(visited, name, "garden" if state == "long names" else "newsletter")
    page.goto(url if state != "broken" else url[:-3])
    if state == "category stopped":
        page.get_by_role("button").first.click()
    if state == "everything stopped":
        page.get_by_role("button").last.click()


def look(page: Page, name: str) -> None:
    """What somebody with a hand, an eye or a screen reader needs of the page as it is now."""
    page.screenshot(path=SCREENSHOTS / f"unsubscribe-{name}.png", full_page=True)
    checked = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
    assert checked.violations_count == 0, checked.generate_report()
    assert checked.response["passes"]
    assert page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")
    for target in page.locator("button, a").all():
        box = target.bounding_box()
        assert box is not None
        assert box["height"] >= SMALLEST_TARGET


@pytest.mark.parametrize("state", ["ask", "long names", "category stopped", "everything stopped", "broken"])
def test_the_page_can_be_seen_and_read_by_everybody(browser: Browser, visited: Served, state: str) -> None:
    with visitor(browser) as page:
        show(page, visited, state, state.replace(" ", "-"))
        expect(page.locator("h1")).to_be_visible()
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                look(page, f"{state.replace(' ', '-')}-{size}-{scheme}")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
@pytest.mark.parametrize(("tabs", "reason"), [(1, "WITHDRAWN"), (2, "OBJECTED")], ids=["this", "everything"])
def test_a_keyboard_alone_is_enough(
    browser: Browser, visited: Served, tabs: int, reason: str, *, scripts: bool
) -> None:
    address, url = person(visited, f"keyboard-{tabs}-{scripts}")
    with visitor(browser, scripts=scripts) as page:
        page.goto(url)
        for _ in range(tabs):
            page.keyboard.press("Tab")
        expect(page.get_by_role("button").nth(tabs - 1)).to_be_focused()
        page.screenshot(path=SCREENSHOTS / f"unsubscribe-focus-{tabs}.png")
        assert visited.check(address=address)["decision"] == "allow"
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Acme B.V.")
        assert page.url == url
    assert visited.check(address=address)["reason_code"] == reason


def test_the_focus_can_be_seen(browser: Browser, visited: Served) -> None:
    _, url = person(visited, "focus")
    with visitor(browser) as page:
        page.goto(url)
        page.keyboard.press("Tab")
        style = page.evaluate("getComputedStyle(document.activeElement).outline")
        assert "solid 3px" in style or "3px solid" in style or ("solid" in style and "3px" in style)


@pytest.mark.parametrize(
    ("locale", "title", "done"),
    [
        ("nl-NL", "Uitschrijven", "U bent uitgeschreven"),
        ("de-AT", "Abmelden", "Sie sind abgemeldet"),
        ("fr-FR", "Se désabonner", "Votre désabonnement est enregistré"),
        ("ja-JP", "Unsubscribe", "You are unsubscribed"),
    ],
)
def test_the_whole_way_is_in_the_readers_language(
    browser: Browser, visited: Served, locale: str, title: str, done: str
) -> None:
    _, url = person(visited, f"language-{locale}")
    with visitor(browser, locale=locale, size="phone") as page:
        page.goto(url)
        expect(page.locator("h1")).to_have_text(title)
        page.screenshot(path=SCREENSHOTS / f"unsubscribe-{locale}.png", full_page=True)
        page.get_by_role("button").first.click()
        expect(page.locator("h1")).to_have_text(done)
        assert page.title().startswith(done)


def test_a_language_that_was_chosen_stays_chosen(browser: Browser, visited: Served) -> None:
    _, url = person(visited, "chosen")
    with visitor(browser) as page:
        page.goto(url)
        page.get_by_role("link", name="Deutsch").click()
        expect(page.locator("html")).to_have_attribute("lang", "de")
        page.get_by_role("button").first.click()
        expect(page.locator("h1")).to_have_text("Sie sind abgemeldet")


def test_whoever_comes_again_is_told_that_it_is_stopped_and_not_invited_back(
    browser: Browser, visited: Served
) -> None:
    _, url = person(visited, "again")
    with visitor(browser) as page:
        page.goto(url)
        page.get_by_role("button").last.click()
    with visitor(browser) as page:
        page.goto(url)
        expect(page.get_by_role("status")).to_be_visible()
        expect(page.get_by_role("button")).to_have_count(0)


def test_on_the_narrowest_screen_nothing_has_to_be_scrolled_sideways(
    browser: Browser, visited: Served
) -> None:
    _, url = person(visited, "narrow", "garden")
    with visitor(browser, locale="de-DE") as page:
        page.set_viewport_size({"width": 320, "height": 600})  # WCAG 2.2 success criterion 1.4.10
        page.goto(url)
        assert page.evaluate("document.scrollingElement.scrollWidth <= 320")
