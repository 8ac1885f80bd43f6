"""Business days: pinned as data, equal to what the library says, and unknown means no."""

from datetime import date
from typing import Any

import holidays
import pytest

from service.core.law.pack import parse_pack
from service.ledger.packs import shipped_packs
from tests.core.law.world import PHONE, World, ms

FRANCE = next(pack for pack in map(parse_pack, shipped_packs().values()) if pack.jurisdiction == "FR")
CALL: dict[str, Any] = {
    "channel": "phone_live",
    "address": PHONE,
    "country": "FR",
    "local_time": "11:00",
}


def test_the_pinned_holidays_of_france_are_those_of_the_library() -> None:
    years = range(2023, max(FRANCE.holidays).year + 1)
    assert FRANCE.holidays == tuple(sorted(holidays.country_holidays("FR", years=years)))


@pytest.mark.parametrize(
    ("day", "code"),
    [
        ("2026-07-10", "OPT_OUT_REGIME"),  # a Friday
        ("2026-07-11", "OUTSIDE_PERMITTED_HOURS"),  # a Saturday
        ("2026-07-14", "OUTSIDE_PERMITTED_HOURS"),  # the national holiday, a Tuesday
        ("2026-05-25", "OUTSIDE_PERMITTED_HOURS"),  # Pentecost Monday
    ],
)
def test_a_call_is_not_made_on_a_public_holiday(day: str, code: str) -> None:
    told = World().tell("register_checked", day, address=PHONE, register="FR_BLOCTEL", listed=False)
    assert told.ask(day, **CALL).reason_code == code


def test_an_answer_ends_with_the_working_week() -> None:
    told = World().tell("register_checked", "2026-07-10", address=PHONE, register="FR_BLOCTEL", listed=False)
    assert told.ask("2026-07-10", **CALL).expires_at_ms == ms("2026-07-11")


def test_a_day_whose_holidays_nobody_pinned_is_no_business_day() -> None:
    told = World(holidays={"FR": ["2025-12-25"]})
    told.tell("register_checked", "2026-07-10", address=PHONE, register="FR_BLOCTEL", listed=False)
    assert told.ask("2026-07-10", **CALL).reason_code == "OUTSIDE_PERMITTED_HOURS"


def test_the_house_may_pin_other_days() -> None:
    told = World(holidays={"FR": ["2026-07-10"]})
    told.tell("register_checked", "2026-07-10", address=PHONE, register="FR_BLOCTEL", listed=False)
    assert told.ask("2026-07-10", **CALL).reason_code == "OUTSIDE_PERMITTED_HOURS"
    assert date(2026, 7, 10) not in FRANCE.holidays
