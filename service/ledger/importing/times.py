"""Reading times as lists write them. A time without a zone needs one that was stated; none is assumed."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from service.core.errors import InputError

_OFFSET: Final = re.compile(r"([+-])(\d{2}):?(\d{2})")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_ISO: Final = re.compile(
    r"(?P<moment>\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)\d*"
    # As Go writes times: the offset, then the name of the zone, which says nothing more.
    r" ?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?(?: (?:[A-Z]{3,5}|[+-]\d{2,4}))?"
)
_A_DAY: Final = timedelta(days=1) - timedelta(milliseconds=1)


class Moment(Struct, frozen=True, gc=False):
    """A time: its first instant, and its last where only a day was told."""

    first: datetime
    last: datetime


def read_zone(text: str) -> tzinfo:
    """A zone as `Europe/Amsterdam`, `UTC` or `+01:00`. Raises `InputError`."""
    offset = _OFFSET.fullmatch(text)
    if offset is not None:
        minutes = int(offset[2]) * 60 + int(offset[3])
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    try:
        return UTC if text in ("UTC", "Z") else ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError("there is no such time zone: say one as Europe/Amsterdam, UTC or +01:00") from None


def read_moment(text: str, zone: tzinfo | None, formats: Sequence[str] = ()) -> Moment:
    """A time in one of `formats` (strptime), or in RFC 3339, with a space for the T, or as Go writes it.

    Raises `InputError` where it is none of these, or has no zone and none was stated.
    """
    for form in formats:
        try:
            found = datetime.strptime(text, form)  # noqa: DTZ007 - its zone is seen to below
        except ValueError:
            continue
        whole_day = not any(mark in form for mark in ("%H", "%I", "%c", "%X"))
        return _moment(found, zone, whole_day=whole_day)
    try:
        return _standard(text, zone)
    except InputError as error:
        if formats and error.code == "time":
            raise InputError("this is not a time in the format that was given", code="time") from None
        raise


def _standard(text: str, zone: tzinfo | None) -> Moment:
    try:
        if _DAY.fullmatch(text):
            return _moment(datetime.fromisoformat(text), zone, whole_day=True)
        found = _ISO.fullmatch(text)
        if found is not None:
            moment, said = datetime.fromisoformat(found["moment"]), found["zone"]
            if said is not None:
                moment = moment.replace(tzinfo=UTC if said in ("Z", "UTC", "GMT") else read_zone(said))
            return _moment(moment, zone, whole_day=False)
    except ValueError:
        pass
    raise InputError("no time as 2023-05-01 10:15:00; for another form say how it is written", code="time")


def _moment(found: datetime, zone: tzinfo | None, *, whole_day: bool) -> Moment:
    if found.tzinfo is None:
        if zone is None:
            raise InputError(
                "a time without a zone: say in which zone the list writes its times", code="zone"
            )
        found = found.replace(tzinfo=zone)
    try:
        first = found.astimezone(UTC)
        return Moment(first, first + _A_DAY if whole_day else first)
    except OverflowError:
        raise InputError("there is no such time", code="time") from None
