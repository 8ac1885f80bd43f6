"""What becomes of deliveries and endpoints, for every history of answers."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ledger.delivering.deliveries import (
    BREAKER_FAILURES,
    DAY_MS,
    DISABLE_ATTEMPTS,
    DISABLE_SILENCE_MS,
    HOUR_MS,
    MINUTE_MS,
    PROBE_MS,
    SCHEDULE_MS,
    Answer,
    Ended,
    Endpoint,
    Outcome,
    Waits,
    after_attempt,
    endpoint_after,
    outcome_of,
    reason_to_disable,
    retry_after,
)

FAILED = Answer(Outcome.REFUSED, 500)
TAKEN = Answer(Outcome.DELIVERED, 200)
NOW = 1_800_000_000_000

failures = st.sampled_from(
    [
        FAILED,
        Answer(Outcome.TIMED_OUT),
        Answer(Outcome.UNREACHABLE),
        Answer(Outcome.THROTTLED, 503, retry_after_ms=30_000),
        Answer(Outcome.REDIRECTED, 301),
        Answer(Outcome.FORBIDDEN_ADDRESS),
    ]
)


def test_twelve_tries_take_75_hours_and_42_minutes() -> None:
    assert len(SCHEDULE_MS) + 1 == 12
    assert sum(SCHEDULE_MS) == 75 * HOUR_MS + 42 * MINUTE_MS + 35_000


@given(st.integers(0, 10), st.integers())
def test_jitter_is_a_fifth_and_only_later_for_the_first_two(tries: int, seed: int) -> None:
    after = after_attempt(tries, FAILED, NOW, due=True, jitter=random.Random(seed))  # noqa: S311 - a test's
    assert isinstance(after, Waits)
    waits = after.at_ms - NOW
    low = 1.0 if tries < 2 else 0.8
    assert low * SCHEDULE_MS[tries] <= waits <= 1.2 * SCHEDULE_MS[tries]


@given(st.lists(failures, min_size=12, max_size=12), st.integers())
def test_after_twelve_failed_tries_it_is_given_up_and_never_before(answers: list[Answer], seed: int) -> None:
    jitter, tries = random.Random(seed), 0  # noqa: S311 - a test's
    for answer in answers[:-1]:
        after = after_attempt(tries, answer, NOW, due=True, jitter=jitter)
        assert isinstance(after, Waits)
        tries = after.tries
    assert after_attempt(tries, answers[-1], NOW, due=True, jitter=jitter) == Ended("dead")


@given(st.integers(0, 11), st.integers(0, 2 * DAY_MS), st.integers())
def test_retry_after_never_shortens_the_schedule(tries: int, asked_ms: int, seed: int) -> None:
    asked = Answer(Outcome.THROTTLED, 429, retry_after_ms=min(asked_ms, DAY_MS))
    with_it = after_attempt(tries, asked, NOW, due=True, jitter=random.Random(seed))  # noqa: S311 - a test's
    without = after_attempt(tries, FAILED, NOW, due=True, jitter=random.Random(seed))  # noqa: S311 - a test's
    if isinstance(without, Waits):
        assert isinstance(with_it, Waits)
        assert with_it.at_ms >= without.at_ms
        assert with_it.at_ms >= NOW + min(asked_ms, DAY_MS)


@given(st.integers(0, 11), failures)
def test_a_probe_ahead_of_its_time_costs_no_try(tries: int, answer: Answer) -> None:
    after = after_attempt(tries, answer, NOW, due=False, jitter=random.Random(1))  # noqa: S311 - a test's
    assert isinstance(after, Waits)
    assert after.tries == tries


@given(st.lists(st.tuples(st.integers(1, 6 * HOUR_MS), st.one_of(st.just(TAKEN), failures)), max_size=80))
def test_an_endpoint_is_disabled_only_after_five_days_without_success_and_twenty_attempts(
    history: list[tuple[int, Answer]],
) -> None:
    endpoint, now, streak, since = Endpoint(NOW), NOW, 0, NOW
    for passed, answer in history:
        now += passed
        endpoint = endpoint_after(endpoint, answer, now)
        streak = 0 if answer.delivered else streak + 1
        since = now if answer.delivered else since
        long_enough = now - since >= DISABLE_SILENCE_MS and streak >= DISABLE_ATTEMPTS
        assert endpoint.failures == streak
        if reason_to_disable(endpoint, answer) is not None:
            assert long_enough
        assert endpoint.probing == (streak >= BREAKER_FAILURES)
        if endpoint.probing:
            assert endpoint.open_until_ms >= now + PROBE_MS


def test_five_days_of_silence_do_disable() -> None:
    endpoint = Endpoint(NOW)
    for hour in range(121):
        endpoint = endpoint_after(endpoint, FAILED, NOW + hour * HOUR_MS)
        reason = reason_to_disable(endpoint, FAILED)
        assert reason == ("failing" if hour == 120 else None)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (202, Outcome.DELIVERED),
        (299, Outcome.DELIVERED),
        (301, Outcome.REDIRECTED),
        (304, Outcome.REDIRECTED),
        (400, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (410, Outcome.GONE),
        (429, Outcome.THROTTLED),
        (500, Outcome.REFUSED),
        (502, Outcome.THROTTLED),
        (503, Outcome.THROTTLED),
        (504, Outcome.THROTTLED),
    ],
)
def test_only_2xx_is_success(status: int, outcome: Outcome) -> None:
    assert outcome_of(status) is outcome


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("120", 120_000),
        ("0", 0),
        ("-5", None),
        ("soon", None),
        ("9" * 400, DAY_MS),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60_000),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("Fri, 15 Jan 2055 07:00:00 GMT", DAY_MS),
        ("Fri, 99 Jan 2027 07:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(value: str | None, expected: int | None) -> None:
    assert retry_after(value, NOW) == expected
