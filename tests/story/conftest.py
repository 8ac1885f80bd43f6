"""One ledger for all the faults that it has to survive: each finds what the ones before it left."""

from collections.abc import Iterator

import pytest

from service.wiring.embedded import EmbeddedPostgresMissingError
from tests.support.killable_server import a_killable_server
from tests.support.program_nursery import Nursery, a_nursery
from tests.support.survival_stage import Door, Stage, opened


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with a_nursery() as nursery:
        yield nursery


@pytest.fixture(scope="session")
def stage(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    try:
        with a_killable_server() as server:
            yield opened(nursery, server, tmp_path_factory.mktemp("stage"))
    except EmbeddedPostgresMissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def service(stage: Stage) -> Iterator[Door]:
    with stage.service() as door:
        yield door


@pytest.fixture
def other_service(stage: Stage) -> Iterator[Door]:
    with stage.service() as door:
        yield door
