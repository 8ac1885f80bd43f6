"""The service that the commands ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.cli.demo.theatre import Client
from tests.support.clusters import a_data_folder
from tests.support.http_service import grant
from tests.support.imports import Program
from tests.support.own_service import opened
from tests.support.program_nursery import Nursery


@pytest.fixture(scope="module")
def data(made_cluster: Path) -> Iterator[Path]:
    with a_data_folder(made_cluster) as folder:
        yield folder


@pytest.fixture(scope="module")
def client(nursery: Nursery, data: Path) -> Iterator[Client]:
    with opened(nursery, data) as started:
        acme = {"id": "acme", "legal_name": "Acme B.V.", "country": "NL", "kind": "business"}
        started.post("/v1/senders", acme)
        started.post("/v1/events", grant())
        yield started


@pytest.fixture(scope="module")
def program(client: Client, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(nursery, client, tmp_path_factory.mktemp("said"))
