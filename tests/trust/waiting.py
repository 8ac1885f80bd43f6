"""To wait for what happens in the background, however busy the machine is."""

import asyncio
import time
from collections.abc import Awaitable, Callable

WAIT_SECONDS = 60.0


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return when it holds; fail when it does not come about."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not await holds():
        assert time.monotonic() < deadline, "it never came about"
        await asyncio.sleep(0.02)
