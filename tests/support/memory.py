"""Where the servers of the tests keep their data: in memory, where there is room for them.

A file system on a disk, even one that nobody syncs, takes ten times as long to copy a database, and much of
that is time of the processor. What a process has written survives its kill in either.
"""

import os
import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path

_FOLDER = Path("/dev/shm")  # noqa: S108 - whoever makes a folder there makes one of its own
_ROOM_BYTES = 4 * 2**30
"""Some ten times what the servers of two processes hold at once."""


@cache
def roomy_memory() -> Path | None:
    """The folder to make folders in, all of which have to be removed; None where there is too little memory.

    None is also what `tempfile` takes for the usual place.
    """
    if not os.access(_FOLDER, os.W_OK | os.X_OK):
        return None
    room = min(shutil.disk_usage(_FOLDER).free, _available_bytes(), _allowed_bytes())
    return _FOLDER if room >= _ROOM_BYTES else None


def _available_bytes() -> int:
    """What this machine can still give, as Linux says it; 0 where it does not."""
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 0


def _allowed_bytes() -> int:
    """What this container may still take, as its control group says it; without a limit: any number."""
    group = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):  # `max` is no number
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        return limit - int((group / "memory.current").read_text(encoding="ascii"))
    return _ROOM_BYTES
