"""What a house has settled, laid out for deciding."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Setting:
    """A figure and the days (inside) between which it holds."""

    valid_from: date
    valid_to: date
    value: int


@dataclass(frozen=True, slots=True)
class HouseSettings:
    """The rulebook's own part: figures, category tree, products, similarity, senders, holidays.

    `parameters` ends each list with the pack's default, which holds on every day no other value does.
    `senders` gives
    country, kind and whether registered as a charity.
    """

    parameters: dict[str, tuple[Setting, ...]]
    ancestors: dict[str, frozenset[str]]
    products: dict[str, str | None]
    similar: frozenset[tuple[str, str]]
    senders: dict[str, tuple[str, str, bool | None]]
    holidays: dict[str, frozenset[date]]
    default_jurisdiction: str

    def value(self, name: str, day: date) -> int:
        """Return the figure in force on a day."""
        for setting in self.parameters[name]:
            if setting.valid_from <= day <= setting.valid_to:
                return setting.value
        raise AssertionError(name)  # the default holds on every day
