"""Calendar arithmetic on day numbers (days since 1970-01-01, UTC), as LAW.md states it.

A window of N months before a day begins on the same-numbered day N months earlier, or on the last day of that
month where it is shorter; that day is inside (Canada: Interpretation Act s. 28, and used throughout).
"""

from calendar import monthrange
from datetime import date
from functools import lru_cache
from typing import Final

DAY_MS: Final = 86_400_000
MAILING_GAP_MONTHS: Final = 12
"""A series of mailings is broken by a gap longer than this (IE: SI 336/2011 reg. 13(11))."""

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_LAST_ORDINAL: Final = date(9999, 12, 31).toordinal()
LAST_DAY: Final = _LAST_ORDINAL - _EPOCH_ORDINAL
"""The last day a date can hold."""
_CACHED: Final = 4096


def day_of(ms: int) -> int:
    """Return the day in which the instant lies."""
    return ms // DAY_MS


def day_number(day: date) -> int:
    """Return the number of a calendar date."""
    return day.toordinal() - _EPOCH_ORDINAL


def date_of(day: int) -> date:
    """Return the calendar date of a day number; days beyond the year 9999 count as its last."""
    return date.fromordinal(min(day + _EPOCH_ORDINAL, _LAST_ORDINAL))


def parse_day(text: str) -> int | None:
    """Return the day number of "YYYY-MM-DD", or None where there is no such day."""
    try:
        return day_number(date.fromisoformat(text))
    except ValueError:
        return None


@lru_cache(maxsize=_CACHED)
def months_before(day: int, months: int) -> int:
    """Return the first day of the window of `months` that ends with `day`."""
    then = date_of(day)
    count = then.year * 12 + then.month - 1 - months
    year, month = divmod(count, 12)
    if year < 1:
        return day_number(date(1, 1, 1))
    return day_number(date(year, month + 1, min(then.day, monthrange(year, month + 1)[1])))


@lru_cache(maxsize=_CACHED)
def window_end(day: int, months: int) -> int:
    """Return the first day on which `day` no longer lies in the window of `months`."""
    then = date_of(day)
    count = then.year * 12 + then.month - 1 + months
    year, month = divmod(count, 12)
    if year > 9999:  # noqa: PLR2004 - the last year a date can hold
        return day_number(date(9999, 12, 31)) + 1
    end = day_number(date(year, month + 1, min(then.day, monthrange(year, month + 1)[1]))) + 1
    while end <= LAST_DAY and months_before(end, months) <= day:
        end += 1
    return end


def after_next_year(day: int) -> int:
    """Return the first day after the calendar year that follows the one of `day`."""
    return day_number(date(min(date_of(day).year + 2, 9999), 1, 1))


def business_days_after(day: int, count: int, holidays: frozenset[int]) -> int:
    """Return the `count`th day after `day` that is neither Saturday, Sunday nor a holiday."""
    while count > 0:
        day += 1
        if is_business_day(day, holidays):
            count -= 1
    return day


def is_business_day(day: int, holidays: frozenset[int]) -> bool:
    """Tell whether offices are open: Monday to Friday and no public holiday."""
    return (day + 3) % 7 < 5 and day not in holidays  # noqa: PLR2004 - day 0 was a Thursday; five working days
