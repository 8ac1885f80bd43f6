"""Every answer can be read out, in both languages, and checked step by step."""

import pytest
from msgspec.structs import fields as fields_of

from service.core.events import SubmittedEvent
from service.core.law.codes import ALLOW_CODES, DENY_CODES
from service.core.law.explanation import Language, explain
from service.core.law.missing_facts import DUTCH as DUTCH_FACTS
from service.core.law.missing_facts import ENGLISH as ENGLISH_FACTS
from service.core.law.question import MessageFacts, Question
from service.core.law.reasons_en import REASONS as ENGLISH
from service.core.law.reasons_nl import REASONS as DUTCH
from service.ledger.packs import worked_cases
from service.ledger.scenarios import MemoryLedger, read_cases, run_cases
from tests.core.law.world import AGREED, BOUGHT, PACKS, World


def test_every_reason_code_has_a_sentence_in_both_languages() -> None:
    assert set(ENGLISH) == set(DUTCH) == ALLOW_CODES | DENY_CODES


def test_a_yes_says_why_on_what_and_until_when() -> None:
    told = World().tell("consent_granted", "2026-01-01", **AGREED)
    text = explain(told.ask("2026-02-01"), "en").text
    assert text.startswith("Yes")
    assert "Tw art. 11.7" in text
    assert "2 January 2028" in text


def test_a_no_says_what_was_missing() -> None:
    told = World().tell("consent_granted", "2026-01-01", **AGREED)
    text = explain(told.ask("2026-02-01", message={"identity": True}), "nl").text
    assert "Niet bekend is of in het bericht staat hoe men zich afmeldt." in text


def test_what_holds_in_one_possible_case_only_is_not_said_as_a_fact() -> None:
    told = World().tell("consent_granted", "2026-01-01", **AGREED)
    explained = explain(told.ask("2026-02-01", recipient=None), "en")
    assert "whether the recipient is a consumer" in explained.text
    (step,) = explained.steps
    assert step.sentence == "In one of the cases that are possible: A child agreed without a parent."


def test_facts_and_entries_are_named_in_words() -> None:
    told = (
        World()
        .tell("consent_granted", "2026-01-01", **AGREED)
        .tell("consent_withdrawn", "2026-01-02", scope="all_marketing")
    )
    text = explain(told.ask("2026-02-01", message={}), "en").text
    assert "It rests on entry 2 of the ledger." in text
    missing = explain(
        World().tell("consent_granted", "2026-01-01", **AGREED).ask("2026-02-01", message={}), "en"
    )
    assert "whether the message says who sends it and whether the message shows the way out" in missing.text


def test_every_fact_that_can_be_missing_has_words_in_both_languages() -> None:
    assert set(ENGLISH_FACTS) == set(DUTCH_FACTS)
    fields = {
        field.name for kind in (*SubmittedEvent.__args__, Question, MessageFacts) for field in fields_of(kind)
    }
    own = {"collected", "recipient.country", "recipient.kind"}
    assert set(ENGLISH_FACTS) - fields == own


async def test_no_worked_case_is_explained_with_the_name_of_a_field() -> None:
    async for result in run_cases(read_cases(worked_cases()), MemoryLedger(PACKS)):
        for step in result.decision.steps:
            assert set(step.missing_facts) <= set(ENGLISH_FACTS), result.id


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
