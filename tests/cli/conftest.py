"""The service that the commands ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.cli.demo.theatre import Client, opened
from tests.support.http_service import grant
from tests.support.imports import Program
from tests.support.program_nursery import Nursery


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ledger")
    for part in (folder, *folder.parents[:2]):
        part.chmod(0o711)  # the embedded server's own user has to pass through
    return folder


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[Client]:
    with opened(data) as started:
        acme = {"id": "acme", "legal_name": "Acme B.V.", "country": "NL", "kind": "business"}
        started.post("/v1/senders", acme)
        started.post("/v1/events", grant())
        yield started


@pytest.fixture(scope="module")
def program(client: Client, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(nursery, client, tmp_path_factory.mktemp("said"))
