"""The worked cases, for real: appended to a log on PostgreSQL, asked, proved, verified offline."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from service.core.verdict import Verdict
from service.core.verifier import verify_bundle
from service.ledger.scenarios import CaseResult, run_case
from service.wiring.trial import trial_ledger
from tests.support import cases
from tests.support.databases import a_database

CASES = cases.worked()
NAMES = [case["id"] for case in CASES]


@dataclass(frozen=True)
class Proved:
    """What the ledger answered, and what somebody with nothing but the bundle derives."""

    result: CaseResult
    verdict: Verdict


@pytest.fixture(scope="module")
def proved(migrated_template: str, server_dsn: str) -> Iterator[dict[str, Proved]]:
    """Every case, run once; each on a log of its own."""
    with a_database(server_dsn, template=migrated_template) as dsn:
        yield asyncio.run(_prove_all(dsn, CASES))


async def _prove_all(dsn: str, cases: list[dict[str, Any]]) -> dict[str, Proved]:
    found = {}
    async with trial_ledger(dsn) as ledger:
        for case in cases:
            result = await run_case(case, ledger)
            found[result.id] = Proved(result, verify_bundle(await ledger.bundle()))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_ledger_gives_the_answer_and_reason_the_law_gives(name: str, proved: dict[str, Proved]) -> None:
    assert proved[name].result.actual == proved[name].result.expected


@pytest.mark.parametrize("name", NAMES)
def test_the_proof_of_the_answer_verifies_offline_and_says_the_same(
    name: str, proved: dict[str, Proved]
) -> None:
    result, verdict = proved[name].result, proved[name].verdict
    assert verdict.verified, verdict
    assert verdict.answer is not None
    assert (verdict.answer.decision, verdict.answer.reason_code) == result.actual


@pytest.mark.soak
def test_so_it_is_on_both_sides_of_every_boundary(migrated_template: str, server_dsn: str) -> None:
    with a_database(server_dsn, template=migrated_template) as dsn:
        found = asyncio.run(_prove_all(dsn, cases.boundary()))
    assert len(found) > len(CASES)
    for name, each in found.items():
        assert each.result.actual == each.result.expected, name
        assert each.verdict.verified, (name, each.verdict)
        assert each.verdict.answer is not None
        shown = (each.verdict.answer.decision, each.verdict.answer.reason_code)
        assert shown == each.result.actual, name
