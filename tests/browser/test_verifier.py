"""The verifier's page in a real browser, opened from a file: its verdicts, its words, and its looks."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from service.ledger.verifier_page import verifier_page
from tests.forge.honest import sources
from tests.forge.judges import ACCEPTED, by_python, packs, trusted
from tests.forge.mutations import Forger
from tests.forge.operator import signed
from tests.support.forgery import world

VECTORS = Path(__file__).resolve().parents[2] / "schemas" / "vectors" / "bundle"
DERIVE = Path(__file__).resolve().parents[1] / "forge" / "derive.mjs"
DECISIONS = VECTORS.parent / "decision"
SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# The page's own modules judge many bundles by the browser's own cryptography.
JUDGE = """async (bundles) => {
  const { judge } = window;
  const found = [];
  for (const { bundle, ...given } of bundles) {
    const bytes = Uint8Array.from(atob(bundle), (character) => character.charCodeAt(0));
    const { failedStep, unfinished } = await judge(bytes, given);
    found.push(failedStep === null ? (unfinished ? "?" : "-") : String(failedStep));
  }
  return found;
}"""


# Beside the page's script: what calls its verifier and its law, and what makes it a page that knows no rules.
CALLED = """
window.judge = (bytes, given) => verifyBundle(bytes, { schemas, ...given });
window.older = (bytes, given) => {
  const known = MOVES.splice(0);
  PACKS_READ.clear();
  return window.judge(bytes, given).finally(() => MOVES.push(...known));
};
const law = { decide, readEvent, readForm, readQuestion, readRulebook, standingsOf, writeJson };
window.derive = (documents, cases) => {
  const texts = new Map(Object.entries(documents));
  return cases.map((each) => deriveCase(law, schemas, texts, each));
};
begin();
"""


def vector(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    return read


@pytest.fixture(scope="module", autouse=True)
def bundles() -> None:
    """The honest bundles, made before the browser's driver has this thread's event loop running."""
    sources()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("verifier") / "verifier.html"
    path.write_bytes(verifier_page())
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    """The page in a profile without a network, in which nothing may complain."""
    context = browser.new_context(locale="en-GB", offline=True)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(file.as_uri())
    yield opened
    assert complaints == []
    context.close()


@pytest.fixture(scope="module")
def judge(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The same page, whose verifier can be called: one line of its script is more, and no policy stops it."""
    text = verifier_page().decode()
    policy = text[text.index("<meta http-equiv") : text.index('<meta name="referrer"')]
    derive = DERIVE.read_text(encoding="utf-8")
    called = "\n" + derive.replace("export function", "function") + CALLED
    assert text.count("\nbegin();\n") == 1
    path = tmp_path_factory.mktemp("judge") / "verifier.html"
    path.write_text(text.replace(policy, "").replace("\nbegin();\n", called), encoding="utf-8")
    opened = browser.new_page()
    opened.goto(path.as_uri())
    yield opened
    opened.close()


def verdicts(judge: Page, bundles: list[tuple[bytes, dict[str, Any]]]) -> list[str]:
    """What the page finds of these bundles, with what is held beside each."""
    found: list[str] = judge.evaluate(
        JUDGE, [{"bundle": base64.b64encode(raw).decode(), **given} for raw, given in bundles]
    )
    return found


def drop(page: Page, text: str) -> None:
    """Choose a bundle's file and wait for the verdict on it."""
    page.set_input_files(
        "#bundle", {"name": "bundle.json", "mimeType": "application/json", "buffer": text.encode()}
    )
    expect(page.locator("#verdict h2")).to_be_visible(timeout=60_000)


def test_every_vector_ends_at_the_step_it_names(judge: Page) -> None:
    vectors = {path.stem: vector(path.stem) for path in sorted(VECTORS.glob("*.json"))}
    given = [
        (each["bundle"].encode(), {name: each[name] for name in ("vkeys", "held", "documents")})
        for each in vectors.values()
    ]
    wanted = [str(each["want"]["failed_step"] or ACCEPTED) for each in vectors.values()]
    found = verdicts(judge, given)
    assert [name for name, one, two in zip(vectors, wanted, found, strict=True) if one != two] == []


def test_forgeries_are_refused_where_the_other_verifier_refuses_them(judge: Page) -> None:
    vkeys = [key.vkey for key in trusted()]
    made = Forger(11).forgeries(250)
    forged = [each for each in made if by_python(each.raw, each.source.held) != ACCEPTED]
    found = verdicts(
        judge,
        [
            (each.raw, {"vkeys": vkeys, "held": each.source.held.decode() if each.source.held else None})
            for each in forged
        ],
    )
    assert ACCEPTED not in found
    own = [by_python(each.raw, each.source.held, documents=()) for each in forged]
    assert [
        (each.kind, one, two) for each, one, two in zip(forged, own, found, strict=True) if one != two
    ] == []


def test_what_the_log_answered_follows_for_the_page_too(judge: Page) -> None:
    given = {"vkeys": [key.vkey for key in trusted()], "documents": [pack.decode() for pack in packs()]}
    assert set(verdicts(judge, [(source.raw, given) for source in sources()])) == {ACCEPTED}


def test_a_pack_that_is_only_named_is_wanted_beside_the_bundle(judge: Page) -> None:
    given = {"vkeys": [world().signer.verifier.vkey]}
    assert verdicts(judge, [(world().packs_by_hash, given)]) == ["8"]


def test_every_decision_vector_is_derived_as_published(judge: Page) -> None:
    read = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in DECISIONS.glob("*.json")}
    documents = read.pop("documents")
    cases = [case for file in read.values() for case in file["cases"]]
    asked = [documents, [case["in"] for case in cases]]
    found = judge.evaluate("([documents, cases]) => window.derive(documents, cases)", asked)
    assert [
        case["name"] for case, one in zip(cases, found, strict=True) if json.loads(one) != case["out"]
    ] == []
    assert len(cases) > 800


def test_the_page_shows_each_step_and_what_the_answer_rests_on(page: Page) -> None:
    drop(page, vector("answer-allow")["bundle"])
    expect(page.locator("#verdict h2")).to_have_text("Verified, level L1")
    expect(page.locator("#steps > li")).to_have_count(9)
    expect(page.locator("#steps > li").nth(8)).to_contain_text("derived again here, and is the same")
    expect(page.locator("#verdict")).to_contain_text("taken from the bundle itself")
    expect(page.locator("#subjects")).to_contain_text("Yes, send me the Acme newsletter")
    facts = page.locator("#facts")
    expect(facts).to_contain_text("Derived again here")
    expect(facts).to_contain_text("nl.consent")
    expect(facts).to_contain_text("Tw art. 11.7(1)")
    expect(facts).to_contain_text("consent granted (entry")
    expect(facts).not_to_contain_text("Answer claimed")


def test_an_answer_that_does_not_follow_is_shown_beside_the_one_that_does(page: Page) -> None:
    value = json.loads(world().agreed)
    value["token"] = None
    value["decision"] |= {"decision": "deny", "reason_code": "OBJECTED"}
    drop(page, signed(value, world().signer).decode())
    expect(page.locator("#verdict")).to_contain_text("Step 9 fails")
    expect(page.locator("#steps > li").nth(8)).to_contain_text("Another answer follows")
    expect(page.locator("#facts")).to_contain_text("Derived again here")
    expect(page.locator("#facts")).to_contain_text("Answer claimed")
    expect(page.locator("#keep")).to_be_hidden()


def test_law_in_a_language_that_is_not_known_is_said_and_nothing_is_called_verified(judge: Page) -> None:
    found = judge.evaluate(
        """async (text) => {
          const { checks, failedStep, unfinished } = await window.older(new TextEncoder().encode(text), {});
          const codes = checks.filter((each) => each.outcome === "not checked").map((each) => each.code);
          return [failedStep, unfinished, codes.filter((code) => /law|derived/.test(code))];
        }""",
        world().agreed.decode(),
    )
    assert found == [None, True, ["law-unknown", "not-derived"]]


def test_a_history_with_a_trusted_key_and_a_held_checkpoint_reaches_the_second_level(page: Page) -> None:
    held = vector("answer-from-a-held-checkpoint")
    page.get_by_text("What you hold besides").click()
    page.fill("#keys", held["vkeys"][0])
    page.fill("#held", json.loads(vector("history")["bundle"])["checkpoint"])
    drop(page, vector("history")["bundle"])
    expect(page.locator("#verdict h2")).to_have_text("Verified, level L2")
    expect(page.locator("#verdict")).not_to_contain_text("taken from the bundle itself")


def test_a_forgery_is_told_with_its_step_and_nothing_is_concluded(page: Page) -> None:
    drop(page, vector("last-event-left-out")["bundle"])
    expect(page.locator("#verdict h2")).to_have_text("Not verified")
    expect(page.locator("#verdict")).to_contain_text("Step 6 fails")
    expect(page.locator("#steps > li").nth(5)).to_contain_text("does not end where the signed map says")
    expect(page.locator("#steps > li").nth(6)).to_contain_text("not reached")
    expect(page.locator("#keep")).to_be_hidden()


def test_markup_in_a_bundle_stays_text(page: Page) -> None:
    bundle = vector("history")["bundle"].replace("Send me the newsletter", "<img src=x onerror=alert(1)>")
    drop(page, bundle)
    expect(page.locator("#verdict h2")).to_have_text("Not verified")
    expect(page.locator("img")).to_have_count(0)


def test_the_whole_page_is_there_in_dutch_too(page: Page) -> None:
    drop(page, vector("history-erased")["bundle"])
    page.get_by_role("button", name="Nederlands").click()
    expect(page.locator("html")).to_have_attribute("lang", "nl")
    expect(page.locator("h1")).to_have_text("Een bewijsbundel controleren")
    expect(page.locator("#verdict h2")).to_have_text("Bewezen, niveau L1")
    expect(page.locator("#subjects")).to_contain_text("Inhoud vernietigd")


def test_a_keyboard_alone_is_enough(page: Page) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#bundle")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("#pasted")).to_be_focused()
    page.keyboard.insert_text(vector("history")["bundle"])
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#verify")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#verdict h2")).to_have_text("Verified, level L1", timeout=60_000)


@pytest.mark.parametrize("name", ["answer-allow", "history-linked", "last-event-left-out"])
def test_the_page_can_be_seen_and_read_by_everybody(page: Page, name: str) -> None:
    drop(page, vector(name)["bundle"])
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.screenshot(path=SCREENSHOTS / f"verifier-{name}-{size}-{scheme}.png", full_page=True)
            checked = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
            assert checked.violations_count == 0, checked.generate_report()
            assert page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")
