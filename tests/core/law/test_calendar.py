"""Windows in calendar months, business days and the end of the following year."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.law.calendar import (
    after_next_year,
    business_days_after,
    date_of,
    day_number,
    months_before,
    window_end,
)

WINDOWS = {
    "the same-numbered day": ("2026-11-23", 24, "2024-11-23"),
    "the last day of a shorter month": ("2026-08-31", 6, "2026-02-28"),
    "a leap day": ("2026-02-28", 24, "2024-02-28"),
    "back to a leap day": ("2024-08-31", 6, "2024-02-29"),
}


def number(text: str) -> int:
    """The day number of an ISO date."""
    return day_number(date.fromisoformat(text))


@pytest.mark.parametrize(("day", "months", "first"), WINDOWS.values(), ids=WINDOWS)
def test_a_window_begins_on_the_same_day_or_the_last_of_the_month(day: str, months: int, first: str) -> None:
    assert date_of(months_before(number(day), months)) == date.fromisoformat(first)


DAYS = st.dates(date(1990, 1, 1), date(2100, 1, 1)).map(day_number)


@given(DAYS, st.integers(1, 60))
def test_a_day_lies_in_the_window_until_the_window_ends_and_never_after(day: int, months: int) -> None:
    end = window_end(day, months)
    assert months_before(end - 1, months) <= day < months_before(end, months)


@given(DAYS, st.integers(1, 20))
def test_business_days_are_neither_weekend_nor_holiday(day: int, count: int) -> None:
    holiday = business_days_after(day, 1, frozenset())
    end = business_days_after(day, count, frozenset({holiday}))
    between = [date_of(day) + timedelta(days=n) for n in range(1, end - day + 1)]
    assert len([d for d in between if d.weekday() < 5 and day_number(d) != holiday]) == count


def test_the_end_of_the_following_calendar_year() -> None:
    assert date_of(after_next_year(number("2025-05-01"))) == date(2027, 1, 1)


def test_a_window_that_no_date_can_end_ends_after_the_last_one() -> None:
    assert window_end(number("9997-12-31"), 24) == number("9999-12-31") + 1
    assert window_end(number("9998-06-30"), 24) == number("9999-12-31") + 1
