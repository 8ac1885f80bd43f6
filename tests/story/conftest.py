"""One ledger for all the faults that it has to survive: each finds what the ones before it left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.wiring.embedded.server import EmbeddedPostgresMissingError
from tests.support.killable_server import a_killable_server, the_server_of
from tests.support.program_nursery import Nursery
from tests.support.survival_stage import Door, Stage, opened


@pytest.fixture(scope="session")
def stage(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    try:
        with a_killable_server() as server:
            yield opened(nursery, server, tmp_path_factory.mktemp("stage"))
    except EmbeddedPostgresMissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def self_contained(nursery: Nursery, tmp_path: Path) -> Iterator[Stage]:
    """A ledger of its own whose services run their PostgreSQL themselves."""
    for part in (tmp_path, *tmp_path.parents[:2]):
        part.chmod(0o711)  # the server's own user has to pass through
    try:
        with the_server_of(tmp_path / "data") as server:
            yield opened(nursery, server, tmp_path, embedded=True)
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
