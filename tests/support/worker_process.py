"""A delivery worker in a process of its own that may be killed, with a clock that runs many times as fast.

`python -m tests.support.worker_process <base_ms> <speed>`: at `base_ms` (milliseconds since 1970) the clock
is right, and then a minute's lease or wait passes in a few seconds. Settings come from the environment.
"""

import asyncio
import os
import signal
import sys

from service.settings import read_settings
from service.telemetry.metrics import Metrics
from service.wiring.clock import now_ms
from service.wiring.delivering import delivering


async def work(base_ms: int, speed: int) -> None:
    """Deliver until SIGTERM."""
    settings = read_settings(os.environ)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)

    def clock() -> int:
        return base_ms + (now_ms() - base_ms) * speed

    async with delivering(settings, settings.database_url or "", Metrics(), clock=clock):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await stopping.wait()


if __name__ == "__main__":
    asyncio.run(work(int(sys.argv[1]), int(sys.argv[2])))
