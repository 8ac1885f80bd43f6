"""Waiting for what will happen: until it has, and no longer. A busy machine fails nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

PATIENCE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.02


async def until(happened: Callable[[], bool | Awaitable[bool]], seconds: float = PATIENCE_SECONDS) -> None:
    """Look again and again until `happened` says so.

    Raises:
        TimeoutError: It had not happened after so many seconds.
    """
    async with asyncio.timeout(seconds):
        while True:
            said = happened()
            if said if isinstance(said, bool) else await said:
                return
            await asyncio.sleep(_LOOK_SECONDS)
