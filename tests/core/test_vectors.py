"""Every published vector: as it is made now, as the service judges it, and as a second reader judges it."""

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from service.core.errors import LedgerError
from tests.support.plain_reader.reading import READ as PLAIN
from tests.support.plain_reader.texts import RefusedError
from tests.support.vectors.__main__ import all_vectors
from tests.support.vectors.case import FOLDER
from tests.support.vectors.service_side import READ

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(READ)
CASES = [
    pytest.param(name, case, id=f"{name}: {case['name']}")
    for name in NAMES
    for case in json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["cases"]
]


def test_the_files_are_the_ones_that_are_made() -> None:
    for vectors in all_vectors():
        kept = vectors.path.read_text(encoding="utf-8")
        assert vectors.text() == kept, f"{vectors.name}: python -m tests.support.vectors"


def test_every_format_has_its_vectors_and_no_file_is_left_over() -> None:
    kept = {str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.json")}
    made = {vectors.name for vectors in all_vectors()}
    elsewhere = ("bundle/", "decision/")
    assert made == READ.keys() == PLAIN.keys() == {name for name in kept if not name.startswith(elsewhere)}


def test_every_file_shows_what_is_accepted_and_names_each_case_once() -> None:
    for vectors in all_vectors():
        names = [case.name for case in vectors.cases]
        assert len(set(names)) == len(names), vectors.name
        assert any(case.refused is None for case in vectors.cases), vectors.name


@pytest.mark.parametrize(("name", "case"), CASES)
def test_the_service_judges_a_vector_as_published(name: str, case: dict[str, Any]) -> None:
    if "out" in case:
        assert READ[name](case["in"]) == case["out"]
        return
    with pytest.raises(LedgerError):
        READ[name](case["in"])


@pytest.mark.parametrize(("name", "case"), CASES)
def test_a_reader_written_from_the_page_judges_it_the_same(name: str, case: dict[str, Any]) -> None:
    if "out" in case:
        assert PLAIN[name](case["in"]) == case["out"]
        return
    with pytest.raises(RefusedError):
        PLAIN[name](case["in"])


def test_the_second_reader_shares_no_code_with_the_service() -> None:
    allowed = set(sys.stdlib_module_names) | {"cryptography", "idna", "phonenumbers"}  # two are tables
    for module in (ROOT / "tests" / "support" / "plain_reader").glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.partition(".")[0] in allowed or name.startswith("tests.support.plain_reader"), (
                    name
                )
