"""A sample of `make forge`: no forgery is accepted, and both verifiers refuse each at the same step."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.forge.__main__ import forge
from tests.forge.honest import sources
from tests.forge.judges import ACCEPTED, ByNode, by_python
from tests.forge.mutations import KINDS, UNSIGNED, Forger

VECTORS = sorted((Path(__file__).resolve().parents[2] / "schemas" / "vectors" / "bundle").glob("*.json"))


@pytest.fixture(scope="module")
def without_node() -> None:
    """Skip where no Node is installed."""
    if missing := ByNode.missing():
        pytest.skip(missing)


def test_what_the_forgeries_begin_with_is_accepted() -> None:
    assert {by_python(source.raw, source.held) for source in sources()} == {ACCEPTED}


def test_no_forgery_is_accepted() -> None:
    found = forge(1, 2_000, with_page=False)
    assert found.findings == []
    assert found.true < 20


def test_every_kind_of_forgery_is_made_and_every_step_refuses_some() -> None:
    steps = forge(2, 1_000, with_page=False).steps
    assert {kind for kind, _ in steps} == set(KINDS)
    assert {step for _, step in steps} >= set("12456789")


def test_what_the_log_has_not_signed_is_refused_before_anything_is_believed_of_it() -> None:
    steps = forge(3, 500, with_page=False).steps
    assert {step for kind, step in steps if kind in UNSIGNED} == {"1", "2"}


def test_the_same_seed_makes_the_same_forgeries() -> None:
    one, two, other = (Counter(forged.raw for forged in Forger(seed).forgeries(50)) for seed in (7, 7, 8))
    assert one == two != other


@pytest.mark.usefixtures("without_node")
def test_both_verifiers_refuse_each_forgery_at_the_same_step() -> None:
    found = forge(4, 800, with_page=True)
    assert found.findings == []


def test_a_forged_answer_is_refused_where_it_is_derived_again() -> None:
    steps = forge(5, 1_500, with_page=False).steps
    forged = {step: count for (kind, step), count in steps.items() if kind == "answer forged"}
    assert forged["9"] > sum(forged.values()) / 2
    assert ACCEPTED not in forged


@pytest.mark.usefixtures("without_node")
def test_the_pages_verifier_accepts_what_the_forgeries_begin_with() -> None:
    with ByNode() as page:
        page.send((source.raw, source.held) for source in sources())
        assert set(page.verdicts(len(sources()))) == {ACCEPTED}


@pytest.mark.usefixtures("without_node")
def test_the_pages_verifier_ends_at_the_same_step_of_every_vector() -> None:
    vectors = [json.loads(path.read_text(encoding="utf-8")) for path in VECTORS]
    with ByNode() as page:
        for vector in vectors:
            page.send_vector(vector)
        found = page.verdicts(len(vectors))
    wanted = [str(vector["want"]["failed_step"] or ACCEPTED) for vector in vectors]
    assert [path.stem for path, one, two in zip(VECTORS, wanted, found, strict=True) if one != two] == []
