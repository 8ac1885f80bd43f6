"""Public holidays, laid down in a pack as rules and not as dates: they neither end nor need a library.

Three kinds: on a fixed day, some days from Easter Sunday, or the first such weekday on or after a day.
Where one falls
on a weekend, some countries keep the Monday after, or the Friday before a Saturday (`kept_on`).
"""

from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from service.core.law.calendar import day_number

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2100

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SATURDAY: Final = 5
_SUNDAY: Final = 6
_MONTH_DAY: Final = r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
MonthDay = Annotated[str, Meta(pattern=f"^{_MONTH_DAY}$")]
WeekdayFrom = Annotated[str, Meta(pattern=f"^(mon|tue|wed|thu|fri|sat|sun) from {_MONTH_DAY}$")]


class PublicHolidays(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """On which days offices are closed, nationwide, beside weekends.

    `fixed`: "MM-DD". `easter`: days after Easter Sunday, negative before. `weekdays`: "mon from 01-15" is
    the first
    Monday on or after 15 January. `kept_on`: where a fixed one falls on a weekend, the working day it is
    kept on.
    """

    citation: Annotated[str, Meta(min_length=3, max_length=300)]
    verified: bool
    fixed: tuple[MonthDay, ...] = ()
    easter: tuple[Annotated[int, Meta(ge=-60, le=90)], ...] = ()
    weekdays: tuple[WeekdayFrom, ...] = ()
    kept_on: Literal["the_day_itself", "next_working_day", "nearest_working_day"] = "the_day_itself"


@lru_cache(maxsize=64)
def holiday_numbers(rules: PublicHolidays) -> frozenset[int]:
    """Return the day numbers of every holiday from FIRST_YEAR to LAST_YEAR."""
    days: set[date] = set()
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        days.update(_of_year(rules, year))
    return frozenset(day_number(day) for day in days)


def _of_year(rules: PublicHolidays, year: int) -> set[date]:
    sunday = easter_sunday(year)
    days = {sunday + timedelta(days=offset) for offset in rules.easter}
    days.update(_weekday_from(year, text) for text in rules.weekdays)
    fixed = sorted(date(year, int(text[:2]), int(text[3:])) for text in rules.fixed)
    for day in fixed:
        kept = day
        if day.weekday() >= _SATURDAY and rules.kept_on != "the_day_itself":
            back = rules.kept_on == "nearest_working_day" and day.weekday() == _SATURDAY
            kept += timedelta(days=-1 if back else 1)
            while kept in days or kept in fixed or kept.weekday() >= _SATURDAY:
                kept += timedelta(days=1)
        days.update((day, kept))
    return days


def _weekday_from(year: int, text: str) -> date:
    start = date(year, int(text[-5:-3]), int(text[-2:]))
    return start + timedelta(days=(_WEEKDAYS.index(text[:3]) - start.weekday()) % 7)


def easter_sunday(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher)."""
    century, rest = divmod(year, 100)
    golden = year % 19
    epact = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    shift = (golden + 11 * epact + 22 * week) // 451
    month, day = divmod(epact + week - 7 * shift + 114, 31)
    return date(year, month, day + 1)
