"""Crash tests: die at a durable step, as a power failure would make us."""

import os
import signal

from service.ledger.ports import Failpoint
from service.settings import SettingsError

STEPS = ("queued", "locked", "read", "computed", "written", "committed", "marked", "answered")


def failpoint(crash_at: str | None) -> Failpoint:
    """What to call at each step: kills this process at `step`, or at its N-th time for `step:N`.

    Raises `SettingsError` for a step that does not exist: such a test would prove nothing.
    """
    if crash_at is None:
        return _go_on
    step, _, count = crash_at.partition(":")
    if step not in STEPS or not (count or "1").isdecimal() or int(count or "1") < 1:
        raise SettingsError(f"crash_at is one of {', '.join(STEPS)}, or step:N for its N-th time")
    left = int(count or "1")

    def reached(name: str) -> None:
        nonlocal left
        if name == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return reached


def _go_on(_name: str) -> None:
    """Nothing happens outside a crash test."""
