"""The verifier's page is what its sources say, in two languages, and asks nothing of anybody."""

import re

import pytest

from service.ledger.verifier_page import content_security_policy, verifier_page
from tests.support.http_service import Service
from tests.support.verifier_page import MODULES, PAGE, WEB, page, script

TEXTS = (WEB / "texts.mjs").read_text(encoding="utf-8")
CODE = "".join((WEB / f"{name}.mjs").read_text(encoding="utf-8") for name in MODULES if name != "texts")
_KEY = re.compile(r'^    (?:"([\w-]+)"|(\w+)):', re.MULTILINE)


def keys(language: str, until: str) -> set[str]:
    part = TEXTS[TEXTS.index(f"  {language}: {{") : TEXTS.index(until)]
    return {quoted or plain for quoted, plain in _KEY.findall(part)}


def test_the_page_is_the_one_that_its_sources_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.support.verifier_page"


def test_every_module_is_in_it() -> None:
    assert {path.stem for path in WEB.glob("*.mjs")} == set(MODULES)


def test_it_has_the_same_sentences_in_both_languages() -> None:
    english, dutch = keys("en", "\n  nl: {"), keys("nl", "export const LANGUAGES")
    assert english == dutch
    assert len(english) > 100


def test_it_has_a_sentence_for_whatever_can_go_wrong() -> None:
    named = re.findall(
        r'(?:Refused|passed|notChecked|require)\((?:[^;]*, )?"([a-z]+(?:-[a-z0-9]+)*)"[,)]', CODE
    )
    assert len(set(named)) > 60
    assert set(named) <= keys("en", "\n  nl: {")


def test_it_names_no_other_host_and_reaches_for_none() -> None:
    text = script()
    assert not re.search(
        r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|importScripts|sendBeacon|eval)\b", text
    )
    markup = (WEB / "page.html").read_text(encoding="utf-8") + (WEB / "style.css").read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href|action)="[^"]*"|url\(|@import', markup) == []
    assert "innerHTML" not in text


async def test_the_service_serves_it_under_its_own_policy(service: Service) -> None:
    answered = await service.client.get("/verify")
    assert answered.status_code == 200
    assert answered.content == verifier_page()
    policy = answered.headers["content-security-policy"]
    assert policy == f"{content_security_policy(answered.content)}; frame-ancestors 'none'"
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy


def test_a_page_without_a_policy_is_not_served() -> None:
    with pytest.raises(ValueError, match="policy"):
        content_security_policy(b"<html>")
