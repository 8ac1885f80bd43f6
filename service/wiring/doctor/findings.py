"""What an examination finds."""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "notice", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `advice`: what to do; empty when it is well.

    `fault`: the service does not start, or loses, leaks or delays something. `notice`: it works, and somebody
    should know. Neither ever names an address or a secret.
    """

    check: str
    verdict: Verdict
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    """It is as it should be."""
    return Finding(check, "ok", found)


def notice(check: str, found: str, advice: str) -> Finding:
    """It works, and somebody should know."""
    return Finding(check, "notice", found, advice)


def fault(check: str, found: str, advice: str = "") -> Finding:
    """It does not work; a message that already says what to do needs no advice."""
    return Finding(check, "fault", found, advice)
