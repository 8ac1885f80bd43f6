"""Public holidays: what the packs state, against a library that knows them from elsewhere."""

from datetime import date
from typing import Any

import holidays
import pytest

from service.core.law.calendar import date_of, day_number
from service.core.law.holidays import LAST_YEAR, easter_sunday, holiday_numbers
from service.core.law.pack import parse_pack
from service.ledger.packs import shipped_packs

PACKS = {pack.jurisdiction: pack for pack in map(parse_pack, shipped_packs().values())}
YEARS = range(2022, LAST_YEAR)
MOURNING = date(2022, 9, 22)
SATURDAY = 5


@pytest.mark.parametrize(
    ("law", "kind"), [("FR", "public"), ("US", "public"), ("CA", "government"), ("AU", "public")]
)
def test_a_pack_states_the_public_holidays_of_its_country(law: str, kind: str) -> None:
    rules = PACKS[law].public_holidays
    assert rules is not None
    stated = {date_of(number) for number in holiday_numbers(rules)}
    known: dict[date, Any] = holidays.country_holidays(law, years=YEARS, categories=(kind,))
    wanted = {day for day in known if day.weekday() < SATURDAY and day.year in YEARS} - {MOURNING}
    assert {day for day in stated if day.weekday() < SATURDAY and day.year in YEARS} == wanted


@pytest.mark.parametrize(
    "sunday", [date(1961, 4, 2), date(2000, 4, 23), date(2024, 3, 31), date(2038, 4, 25), date(2285, 3, 22)]
)
def test_easter_falls_where_the_calendar_says(sunday: date) -> None:
    assert easter_sunday(sunday.year) == sunday
    assert day_number(sunday) % 7 == day_number(date(2024, 3, 31)) % 7
