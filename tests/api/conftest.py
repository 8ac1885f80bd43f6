"""The service that the tests of the interface ask."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.http_service import Service, running


@pytest.fixture
async def service(database_dsn: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A service with the sender Acme and a client that holds every scope."""
    async with running(database_dsn, tmp_path) as started:
        yield started
