"""The report of an export in a real browser: accessible, narrow and wide, on paper, and without a network."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from service.ledger.exporting.ports import ExportLanguage
from service.ledger.exporting.report.page import report_page
from tests.support.told_report import told_subject

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("size", SIZES)
def test_everybody_can_read_it(browser: Browser, language: ExportLanguage, size: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as beside:  # this thread's event loop is the browser's
        subject = beside.submit(lambda: asyncio.run(told_subject(language))).result()
    file = tmp_path / "report.html"
    file.write_text(report_page(subject), encoding="utf-8")
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"report-{language}-{size}.png", full_page=True)
    assert page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")
    assert asked == [file.as_uri()]
    assert said == [], "the page's own policy lets its own style in"
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.querySelector('.timeline > li')).breakInside") == "avoid"
    page.emulate_media(media="screen")
    assert checked_without_policy(browser, file) == 0
    page.close()


def checked_without_policy(browser: Browser, file: Path) -> int:
    """How many rules of axe are broken. Its script would not get past the page's policy."""
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(file.as_uri())
    checked = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
    assert checked.response["passes"]
    count = int(checked.violations_count)
    assert count == 0, checked.generate_report()
    context.close()
    return count
