"""The worked cases, through the pure path, and how the runner speaks of what it does not know."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.core.law.codes import ALLOW_CODES, DENY_CODES
from service.ledger.packs import shipped_packs
from service.ledger.scenarios import MemoryLedger, ScenarioError, read_cases, run_case, run_cases
from tests.support import cases

CASES = cases.worked()
BOUNDARIES = cases.boundary()
ALL = [*CASES, *BOUNDARIES]
ROOT = Path(__file__).resolve().parents[3]
LEDGER = MemoryLedger(shipped_packs())


@pytest.mark.parametrize("case", ALL, ids=[case["id"] for case in ALL])
async def test_a_case_gets_the_answer_and_reason_the_law_gives(case: dict[str, Any]) -> None:
    result = await run_case(case, LEDGER)
    assert result.actual == result.expected
    assert result.decision.needs_human == case["expected"]["needs_human"]


_PARTIES = ("sender", "promotes", "seller", "to", "from", "collected_by", "received_by")


def _retold(case: dict[str, Any]) -> dict[str, Any]:
    """The same situation, of other companies and addresses."""
    facts = [_renamed(fact) for fact in case["facts"]]
    return case | {"facts": facts, "question": _renamed(case["question"])}


def _renamed(fields: dict[str, Any]) -> dict[str, Any]:
    told = dict(fields)
    for name in _PARTIES:
        if name in told and "@" not in told[name]:
            told[name] = f"firm_{told[name]}"
    for name in ("address", "from", "to"):
        if "@" in str(told.get(name)):
            told[name] = f"else.{told[name]}"
    if "senders" in told:
        told["senders"] = [f"firm_{sender}" for sender in told["senders"]]
    return told


BESIDE: list[dict[str, Any]] = [
    {"date": "2005-01-01", "address": "beside@example.org"} | fact
    for fact in (
        {"type": "consent_granted", "categories": ["newsletter"], "channels": ["email"]}
        | {"senders": ["beside_acme"], "method": "web_form", "evidence": "documented"},
        {"type": "objection", "scope": "all_marketing"},
        {"type": "purchase", "seller": "beside_acme", "product_category": "shoes"},
    )
]


async def test_other_names_and_facts_about_others_change_no_case() -> None:
    differing = []
    for case in ALL:
        retold = _retold(case)
        # An act without an address is about every address told so far, so what is beside comes last.
        result = await run_case(retold | {"facts": [*retold["facts"], *BESIDE]}, LEDGER)
        if not result.as_expected:
            differing.append(case["id"])
    assert differing == []


def test_no_two_cases_share_an_id() -> None:
    assert len({case["id"] for case in ALL}) == len(ALL)


def test_every_boundary_case_names_the_section_it_follows() -> None:
    assert [c["id"] for c in BOUNDARIES if not re.match(r"LAW \d", c["source"]["ref"])] == []


async def test_every_reason_code_is_reached_by_the_worked_cases() -> None:
    reached = {result.actual[1] async for result in run_cases(CASES, LEDGER)}
    assert reached == ALLOW_CODES | DENY_CODES


def _code_lines() -> Iterator[str]:
    for folder in ("core/events", "core/law", "ledger"):
        for path in sorted((ROOT / "service" / folder).glob("*.py")):
            yield from path.read_text().splitlines()


def test_no_case_is_known_to_the_code() -> None:
    addresses = {str(case["question"]["address"]) for case in ALL}
    named = re.compile("|".join(re.escape(text) for text in {case["id"] for case in ALL} | addresses))
    assert [line for line in _code_lines() if named.search(line)] == []


def _case(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - a case's YAML
    return dict(CASES[0]) | changes


async def test_an_unknown_fact_is_named() -> None:
    with pytest.raises(ScenarioError, match=r"fact 1 \(moon_landed\), field /type"):
        await run_case(
            _case(facts=[{"date": "2026-01-01", "type": "moon_landed", "address": "a@b.nl"}]), LEDGER
        )


async def test_an_unknown_field_of_a_fact_is_named() -> None:
    fact = dict(CASES[0]["facts"][0]) | {"mood": "good"}
    with pytest.raises(ScenarioError, match="field /mood"):
        await run_case(_case(facts=[fact]), LEDGER)


async def test_an_unknown_field_of_the_question_is_named() -> None:
    with pytest.raises(ScenarioError, match="question, field /mood"):
        await run_case(_case(question=dict(CASES[0]["question"]) | {"mood": "good"}), LEDGER)


async def test_an_unknown_field_of_the_case_is_named() -> None:
    with pytest.raises(ScenarioError, match="mood"):
        await run_case(_case(mood="good"), LEDGER)


@pytest.mark.parametrize("data", [b"{}", b"- 1", b"a: [", b"x" * (8 * 1024 * 1024 + 1)])
def test_what_is_no_list_of_cases_is_refused(data: bytes) -> None:
    with pytest.raises(ScenarioError):
        read_cases(data)


async def test_a_fact_without_an_address_concerns_every_address_of_the_case() -> None:
    grant = {
        "date": "2026-01-01",
        "type": "consent_granted",
        "address": "one@example.org",
        "other_addresses": ["two@example.org"],
        "categories": ["newsletter"],
        "channels": ["email"],
        "senders": ["acme"],
        "method": "web_form",
        "evidence": "documented",
    }
    stop = {"date": "2026-01-02", "type": "objection", "scope": "all_marketing"}
    question = dict(CASES[0]["question"]) | {"address": "two@example.org"}
    result = await run_case(_case(facts=[grant, stop], question=question), LEDGER)
    assert result.actual == ("deny", "OBJECTED")
