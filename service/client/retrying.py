"""When to try again: exponential with chance, never before the service asked for, and not for ever."""

import email.utils
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.client.errors import NoAnswerError


@dataclass(frozen=True, slots=True)
class Retries:
    """How patiently a call is repeated when its failure may pass.

    The wait before attempt n (from 1) is `first` times 2^(n-1) seconds, at most `most`, or what the service
    asked for if that is longer; and up to `spread` of it more by chance, so that callers who failed together
    do not come back together.
    """

    first: float = 0.1
    most: float = 30.0
    spread: float = 0.25
    chance: Callable[[], float] = random.random

    def wait(self, attempt: int, failure: NoAnswerError) -> float | None:
        """Seconds before attempt `attempt`; None: it would fail again."""
        if failure.retry_after is None:
            return None
        asked = failure.retry_after if failure.told else 0.0
        backoff: float = min(self.first * 2.0 ** min(attempt - 1, 32), self.most)
        return max(asked, backoff) * (1 + self.spread * self.chance())


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a `Retry-After` asks to wait (RFC 9110 section 10.2.3: seconds or a date); None: none."""
    said = headers.get("Retry-After", "").strip()
    if said.isdecimal():
        return float(said)
    try:
        when = email.utils.parsedate_to_datetime(said)
    except (TypeError, ValueError):
        return None
    return max(when.timestamp() - now, 0.0)
