"""The published vectors and the published schema say what the verifier does."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.core.notes import parse_verifier
from service.core.verifier import verify_bundle
from tests.support.bundle_schema import PATH, bundle_schema, schema_text
from tests.support.bundle_vectors import FOLDER, vectors
from tests.support.forgery import failing_step, opened, world
from tests.support.plain_reader.bundles import failing_step as plain_failing_step

# What step 9 finds only by making the answer again, which the second reader does not.
BY_THE_ANSWER_ALONE = {
    "answer-left-out",
    "campaign-left-out",
    "decision-turned-round-without-a-token",
    "decision-without-question",
}
FILES = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_vector_ends_as_it_says(path: Path) -> None:
    vector: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    held = vector["held"].encode() if vector["held"] is not None else None
    verifiers = [parse_verifier(vkey) for vkey in vector["vkeys"]]
    documents = [text.encode() for text in vector["documents"]]
    verdict = verify_bundle(vector["bundle"].encode(), verifiers=verifiers, held=held, documents=documents)
    assert vector["want"] == {
        "verified": verdict.verified,
        "level": verdict.level,
        "failed_step": failing_step(verdict),
        "decision": verdict.answer.decision if verdict.answer is not None else None,
        "reason_code": verdict.answer.reason_code if verdict.answer is not None else None,
    }


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_reader_written_from_the_page_fails_at_the_same_step(path: Path) -> None:
    """It does not make the answer again, and finds what fails before that, and which line it was."""
    vector: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    wanted = vector["want"]["failed_step"]
    found = plain_failing_step(vector["bundle"], vector["vkeys"], vector["held"], vector["documents"])
    assert found == (None if path.stem in BY_THE_ANSWER_ALONE else wanted)


def test_the_vectors_that_are_made_are_the_ones_that_are_kept() -> None:
    assert {name for name, _ in vectors()} == {path.stem for path in FILES}


def test_the_vectors_reach_every_step() -> None:
    wants = [json.loads(path.read_text(encoding="utf-8"))["want"] for path in FILES]
    assert {want["failed_step"] for want in wants} == {None, 1, 2, 3, 4, 5, 6, 7, 8, 9}


def test_the_schema_is_the_one_the_reader_has() -> None:
    assert PATH.read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize("name", ["agreed", "erased", "earlier", "grown", "history_absent"])
def test_every_part_of_a_bundle_stands_in_the_schema(name: str) -> None:
    schema = bundle_schema()
    parts = opened(getattr(world(), name))
    assert set(schema["required"]) <= parts.keys() <= schema["properties"].keys()
