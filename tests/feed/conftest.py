"""The service that the feed's tests listen to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.http_service import Service, running


@pytest.fixture
async def service(database_dsn: str, tmp_path: Path) -> AsyncIterator[Service]:
    async with running(database_dsn, tmp_path) as started:
        yield started
