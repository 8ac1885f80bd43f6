"""What the tests of deliveries have in hand."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.delivery_world import World, a_world
from tests.support.webhook_receiver import Receiver, a_receiver


@pytest.fixture
async def world(database_dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(database_dsn, tmp_path) as made:
        yield made


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with a_receiver() as made:
        yield made
