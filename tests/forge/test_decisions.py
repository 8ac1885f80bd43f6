"""One written procedure (schemas/decision.md), two readers: the service's own law, and the page's in Node."""

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from service.core.law.codes import ALLOW_CODES, DENY_CODES
from tests.forge.judges import WEB, ByNode
from tests.support.vectors.chance import Chance
from tests.support.vectors.decisions import DECISIONS, DOCUMENTS, decided, decision_files
from tests.support.verifier_page import published_schemas

Json = dict[str, Any]

DECIDE = Path(__file__).with_name("decide.mjs")
HAND_MADE: Json = json.loads(DOCUMENTS.read_text(encoding="utf-8"))


def cases(name: str) -> list[Json]:
    read: list[Json] = json.loads((DECISIONS / f"{name}.json").read_text(encoding="utf-8"))["cases"]
    return read


def by_page(documents: Json, asked: list[Json]) -> list[Json]:
    """What the page's modules derive."""
    given = {"schemas": published_schemas(), "documents": documents}
    lines = "".join(json.dumps(each) + "\n" for each in (given, *(case["in"] for case in asked)))
    ran = subprocess.run(
        ["node", str(DECIDE), str(WEB)], input=lines, capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.fixture(scope="module")
def without_node() -> None:
    """Skip where no Node is installed."""
    if missing := ByNode.missing():
        pytest.skip(missing)


def test_the_files_are_the_ones_that_are_made() -> None:
    for path, text in decision_files().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: python -m tests.support.vectors"


@pytest.mark.parametrize("name", ["worked", "boundary"])
def test_the_service_derives_every_decision_as_published(name: str) -> None:
    assert [case["name"] for case in cases(name) if decided(case["in"], HAND_MADE) != case["out"]] == []


def test_the_vectors_reach_every_reason() -> None:
    reached = {case["out"]["reason_code"] for name in ("worked", "boundary") for case in cases(name)}
    assert reached == ALLOW_CODES | DENY_CODES


@pytest.mark.usefixtures("without_node")
@pytest.mark.parametrize("name", ["worked", "boundary"])
def test_the_page_derives_every_decision_as_published(name: str) -> None:
    asked = cases(name)
    found = by_page(HAND_MADE, asked)
    assert [case["name"] for case, one in zip(asked, found, strict=True) if one != case["out"]] == []


@pytest.mark.usefixtures("without_node")
def test_both_derive_the_same_from_whatever_the_schemas_allow() -> None:
    chance = Chance(1)
    asked = list(chance.cases(600))
    found = by_page(chance.ledger.documents, asked)
    assert [(case, one) for case, one in zip(asked, found, strict=True) if one != case["out"]] == []
    assert len(Counter(case["out"]["reason_code"] for case in asked)) > 25
