"""One ledger for all the faults that it has to survive: each finds what the ones before it left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.wiring.embedded.server import EmbeddedPostgresMissingError
from tests.support.clusters import a_folder_for_servers
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
def roomy() -> Iterator[Path]:
    """A folder for servers and for copies of them."""
    with a_folder_for_servers() as folder:
        yield folder


@pytest.fixture
def self_contained(nursery: Nursery, roomy: Path) -> Iterator[Stage]:
    """A ledger of its own whose services run their PostgreSQL themselves."""
    try:
        with the_server_of(roomy / "data") as server:
            yield opened(nursery, server, roomy, embedded=True)
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
