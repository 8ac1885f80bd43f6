"""The service that the tests of the interface ask."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.databases import a_database
from tests.support.http_service import Service, running
from tests.support.program_nursery import Nursery
from tests.support.served import Served, served


@pytest.fixture
async def service(database_dsn: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A service with the sender Acme and a client that holds every scope."""
    async with running(database_dsn, tmp_path) as started:
        yield started


@pytest.fixture(scope="session")
def way_out(
    nursery: Nursery, server_dsn: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The program itself behind a socket, with two workers and the sender Acme."""
    with (
        a_database(server_dsn, template=migrated_template) as dsn,
        served(nursery, dsn, tmp_path_factory.mktemp("way-out"), workers=2) as started,
    ):
        yield started
