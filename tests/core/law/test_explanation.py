"""Every answer can be read out, in both languages, and checked step by step."""

import pytest

from service.core.law.codes import ALLOW_CODES, DENY_CODES
from service.core.law.explanation import Language, explain
from service.core.law.reasons_en import REASONS as ENGLISH
from service.core.law.reasons_nl import REASONS as DUTCH
from tests.core.law.world import AGREED, BOUGHT, World


def test_every_reason_code_has_a_sentence_in_both_languages() -> None:
    assert set(ENGLISH) == set(DUTCH) == ALLOW_CODES | DENY_CODES


def test_a_yes_says_why_on_what_and_until_when() -> None:
    told = World().tell("consent_granted", "2026-01-01", **AGREED)
    text = explain(told.ask("2026-02-01"), "en").text
    assert text.startswith("Yes")
    assert "Tw art. 11.7" in text
    assert "2028-01-02" in text


def test_a_no_says_what_was_missing() -> None:
    told = World().tell("consent_granted", "2026-01-01", **AGREED)
    assert "optout" in explain(told.ask("2026-02-01", message={"identity": True}), "nl").text


def test_a_ground_that_was_outweighed_is_shown_as_such() -> None:
    told = World().tell("purchase", "2026-01-01", **BOUGHT).tell("objection", "2026-01-02")
    steps = explain(told.ask("2026-02-01"), "en").steps
    assert [step.title for step in steps] == ["The person's own no", "A ground for the message"]
    assert "alone would have allowed" in steps[1].sentence


@pytest.mark.parametrize("language", ["en", "nl"])
def test_each_step_carries_its_entries_and_citation(language: Language) -> None:
    told = World().tell("purchase", "2026-01-01", **BOUGHT)
    (step,) = explain(told.ask("2026-02-01"), language).steps
    assert step.events == (1,)
    assert step.rule is not None
    assert step.rule.citation == "Tw art. 11.7 (customer exception)"
