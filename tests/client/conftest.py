"""The service that the client's tests ask, behind a real socket."""

from collections.abc import Iterator

import pytest

from tests.support.databases import a_database
from tests.support.http_service import grant
from tests.support.program_nursery import Nursery
from tests.support.served import Served, served


@pytest.fixture(scope="session")
def live(
    nursery: Nursery, server_dsn: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The program itself, with the sender Acme and Jane's consent."""
    with (
        a_database(server_dsn, template=migrated_template) as dsn,
        served(nursery, dsn, tmp_path_factory.mktemp("client")) as started,
    ):
        started.call("POST", "/v1/events", grant("client-jane"))
        yield started
