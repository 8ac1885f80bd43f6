"""What becomes of a delivery and of its endpoint after each attempt: pure, values in, next state out.

A delivery has a schedule of its own and is given up after its last try (75 hours and 42 minutes). An endpoint
has a breaker: after ten failures in a row only probes go out, which cost the deliveries none of their tries,
and everything else waits in the log. Nothing is given up because an endpoint is disabled.
"""

import random
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final, Literal

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

SCHEDULE_MS: Final = (
    5 * SECOND_MS,
    30 * SECOND_MS,
    2 * MINUTE_MS,
    10 * MINUTE_MS,
    30 * MINUTE_MS,
    2 * HOUR_MS,
    5 * HOUR_MS,
    10 * HOUR_MS,
    14 * HOUR_MS,
    20 * HOUR_MS,
    24 * HOUR_MS,
)
"""From one try to the next: twelve tries."""
JITTER: Final = 0.2
ONLY_LATER: Final = 2
"""X are lengthened by jitter, never shortened: a receiver that restarts is not hit early."""

RETRY_AFTER_MAX_MS: Final = DAY_MS
BREAKER_FAILURES: Final = 10
PROBE_MS: Final = 5 * MINUTE_MS
THROTTLE_MS: Final = 5 * SECOND_MS
DISABLE_SILENCE_MS: Final = 5 * DAY_MS
DISABLE_ATTEMPTS: Final = 20
DISABLE_SPAN_MS: Final = 12 * HOUR_MS
IN_FLIGHT: Final = 5
"""Deliveries under way to one endpoint, over all workers, unless the settings say otherwise."""
AHEAD: Final = 50
"""Deliveries claimed of an endpoint that takes them; of one that failed last, only those in flight."""
CLAIMED_MAX: Final = 1_000
"""Deliveries that one turn claims, shared among its endpoints."""
LEASE_MS: Final = 30 * SECOND_MS
"""After this a worker that took a delivery is believed dead: twice what an attempt may take."""
SEND_BEFORE_MS: Final = 20 * SECOND_MS
"""What must be left of its lease when a delivery is sent, so that it ends within it."""
RENEW_BELOW_MS: Final = 25 * SECOND_MS
"""The leases that are renewed; those of deliveries that wait behind a slow answer."""

GONE: Final = 410
_THROTTLING: Final = frozenset({429, 502, 503, 504})

Lane = Literal["live", "replay", "control"]


class Outcome(StrEnum):
    """How an attempt ended."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    REDIRECTED = "redirected"
    GONE = "gone"
    THROTTLED = "throttled"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    FORBIDDEN_ADDRESS = "forbidden_address"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `status` None: nothing did. `body`: its first KiB. `control`: `webhook-delivery`."""

    outcome: Outcome
    status: int | None = None
    retry_after_ms: int | None = None
    control: str | None = None
    body: bytes = b""

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return self.outcome is Outcome.DELIVERED


@dataclass(frozen=True, slots=True)
class Waits:
    """To be tried again, not before `at_ms`; `tries` of its schedule are used up."""

    at_ms: int
    tries: int


@dataclass(frozen=True, slots=True)
class Ended:
    """Taken by the receiver, or given up."""

    state: Literal["done", "dead"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is remembered of an endpoint. Times in milliseconds; `failing_since_ms` of the streak's first."""

    enabled_at_ms: int
    failures: int = 0
    failing_since_ms: int | None = None
    last_success_ms: int | None = None
    last_failure_ms: int | None = None
    open_until_ms: int = 0
    """No attempt before this."""

    @property
    def probing(self) -> bool:
        """Whether only a single attempt may go out, to see whether it is back."""
        return self.failures >= BREAKER_FAILURES


def outcome_of(status: int) -> Outcome:
    """What a status means: 2xx and nothing else is success, a redirect is a failure."""
    if 200 <= status < 300:  # noqa: PLR2004 - the class of success
        return Outcome.DELIVERED
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirection
        return Outcome.REDIRECTED
    if status == GONE:
        return Outcome.GONE
    return Outcome.THROTTLED if status in _THROTTLING else Outcome.REFUSED


def retry_after(value: str | None, now_ms: int) -> int | None:
    """`Retry-After` (RFC 9110, 10.2.3) in milliseconds from now, at most a day; None when it says nothing."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdecimal():
        return min(int(text[:9]) * SECOND_MS, RETRY_AFTER_MAX_MS)
    try:
        at_ms = int(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, OverflowError, TypeError):
        return None
    return min(max(at_ms - now_ms, 0), RETRY_AFTER_MAX_MS)


def after_attempt(
    tries: int, answer: Answer, now_ms: int, *, due: bool, jitter: random.Random
) -> Waits | Ended:
    """The delivery's next state. `tries`: those before this one. `due`: False for a probe ahead of its time.

    A probe, an answer "gone" and a forbidden address use up no try: the delivery waits for the endpoint.
    """
    if answer.delivered:
        return Ended("done")
    if answer.control == "abort-message":
        return Ended("dead")
    if not due or answer.outcome is Outcome.GONE or answer.control == "disable":
        return Waits(now_ms + wait_ms(tries, answer, jitter), tries)
    if tries >= len(SCHEDULE_MS):
        return Ended("dead")
    return Waits(now_ms + wait_ms(tries, answer, jitter), tries + 1)


def wait_ms(tries: int, answer: Answer, jitter: random.Random) -> int:
    """How long until the next try: the schedule with its jitter, or `Retry-After` where that is longer."""
    base = SCHEDULE_MS[min(tries, len(SCHEDULE_MS) - 1)]
    low = 0.0 if tries < ONLY_LATER else -JITTER
    return max(round(base * (1 + jitter.uniform(low, JITTER))), answer.retry_after_ms or 0)


def endpoint_after(endpoint: Endpoint, answer: Answer, now_ms: int) -> Endpoint:
    """What is remembered after one more attempt: one success ends every streak and closes the breaker."""
    if answer.delivered:
        return Endpoint(
            endpoint.enabled_at_ms, last_success_ms=now_ms, last_failure_ms=endpoint.last_failure_ms
        )
    failures = endpoint.failures + 1
    pause = 0
    if answer.outcome is Outcome.THROTTLED:
        pause = max(answer.retry_after_ms or 0, THROTTLE_MS)
    if failures >= BREAKER_FAILURES:
        pause = max(pause, PROBE_MS)
    return replace(
        endpoint,
        failures=failures,
        failing_since_ms=now_ms if endpoint.failing_since_ms is None else endpoint.failing_since_ms,
        last_failure_ms=now_ms,
        open_until_ms=max(endpoint.open_until_ms, now_ms + pause),
    )


def reason_to_disable(endpoint: Endpoint, answer: Answer) -> str | None:
    """Why the endpoint is to be disabled after this attempt, which `endpoint` includes; None: it is not."""
    if answer.outcome is Outcome.GONE:
        return "gone"
    if answer.control == "disable":
        return "asked_by_receiver"
    last, first = endpoint.last_failure_ms, endpoint.failing_since_ms
    if last is None or first is None or endpoint.failures < DISABLE_ATTEMPTS:
        return None
    silent_since = max(endpoint.last_success_ms or 0, endpoint.enabled_at_ms)
    silent = last - silent_since >= DISABLE_SILENCE_MS and last - first >= DISABLE_SPAN_MS
    return "failing" if silent else None
