"""Names for what an event says: its fields, and the values of its closed sets."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from msgspec import Struct

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Terms(Struct, frozen=True, kw_only=True):
    """The names in one language.

    `fields` has every field of the events about an address, `values` by field every value of its closed set.
    """

    months: tuple[str, ...]
    fields: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]

    def day(self, at: datetime) -> str:
        """A day in words."""
        return f"{at.day} {self.months[at.month - 1]} {at.year}"

    def field(self, name: str) -> str:
        """What a field is called; the name itself of one that is not known."""
        return self.fields.get(name, name.replace("_", " "))

    def value(self, field: str, value: str) -> str:
        """What a value is called. An id of the house and a text stand for themselves."""
        return self.values.get(field, {}).get(value, value)


def moment(milliseconds: int) -> datetime:
    """A time of the log, in UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)
