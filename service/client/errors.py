"""What a client raises. All of it means: nobody said yes, so do not send.

```
NoAnswerError
├── AwayError        not reached, too slow, cut off, unreadable, or 5xx: it may go well a moment later
├── UntrustedError   an answer that is not signed by the ledger, or speaks of something else
└── ProblemError     the service refused the request (RFC 9457)
    ├── AccessError      401, 403: the key is wrong, expired or lacks a scope
    ├── ReusedIdError    409: another event has this `source_event_id`
    └── QuotaError       429: come back after `retry_after` seconds
```
"""

from typing import Any, Final

import msgspec

_SOON: Final = 1.0
"""Seconds after which what may pass is worth another attempt, where the service named none."""


class Problem(msgspec.Struct, frozen=True):
    """An RFC 9457 problem, as far as it was told. It never holds an address."""

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""
    request_id: str = ""
    errors: tuple[dict[str, Any], ...] = ()

    @property
    def slug(self) -> str:
        """The last part of the type: the name under which docs/problems.md explains it."""
        return self.type.rpartition(":")[2].rpartition("/")[2]

    def __str__(self) -> str:
        """One line for people."""
        places = "; ".join(
            f"{place.get('pointer', '')}: {place.get('message', '')}" for place in self.errors if place
        )
        said = places or self.detail
        return (
            f"{self.title}: {said}" if said and said != self.title else self.title or f"status {self.status}"
        )


class NoAnswerError(Exception):
    """Nobody said yes. `retry_after`: seconds until asking again makes sense; None: it never does.

    `told`: whether the service itself asked for that wait.
    """

    def __init__(self, why: str, *, retry_after: float | None = None, told: bool = False) -> None:
        super().__init__(why)
        self.retry_after = retry_after
        self.told = told


class AwayError(NoAnswerError):
    """The service was not reached, was too slow, broke off, or failed. What was sent may have arrived."""

    def __init__(self, why: str, *, retry_after: float | None = None) -> None:
        super().__init__(
            why, retry_after=_SOON if retry_after is None else retry_after, told=retry_after is not None
        )


class UntrustedError(NoAnswerError):
    """The answer is not signed by the ledger's key, or is about another question, answer or time."""


class ProblemError(NoAnswerError):
    """The service refused the request; `problem` says why."""

    def __init__(self, problem: Problem, *, retry_after: float | None = None, told: bool = False) -> None:
        super().__init__(str(problem), retry_after=retry_after, told=told)
        self.problem = problem


class AccessError(ProblemError):
    """The key is wrong, expired, revoked, or lacks a scope."""


class ReusedIdError(ProblemError):
    """Another event was recorded under this `source_event_id`."""


class QuotaError(ProblemError):
    """More was asked than the key may ask for; `retry_after` says when there is room again."""


_KINDS: Final[dict[int, type[ProblemError]]] = {401: AccessError, 403: AccessError, 429: QuotaError}
_SERVER_ERROR: Final = 500
_PASSING: Final = frozenset({408, 425, 429})
"""Refusals of the moment (RFC 9110, RFC 8470, RFC 6585), beside those of an idempotent request under way."""


def failure_of(status: int, body: bytes, retry_after: float | None) -> NoAnswerError:
    """The exception for an answer that is none. `retry_after`: the seconds that the service asked for."""
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        problem = Problem()
    return failure(msgspec.structs.replace(problem, status=status), retry_after)


def failure(problem: Problem, retry_after: float | None = None) -> NoAnswerError:
    """The exception for a problem."""
    status = problem.status
    if status >= _SERVER_ERROR:
        return AwayError(str(problem), retry_after=retry_after)
    if problem.slug == "source-event-id-reused":
        return ReusedIdError(problem)
    kind = _KINDS.get(status, ProblemError)
    if status in _PASSING or problem.slug == "idempotency-in-flight":
        told = retry_after is not None
        return kind(problem, retry_after=_SOON if retry_after is None else retry_after, told=told)
    return kind(problem)
