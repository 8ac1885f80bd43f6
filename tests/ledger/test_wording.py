"""What events say, in the languages that people read: all of it has a name, and no name is left over."""

from collections.abc import Iterator, Mapping
from typing import Final

import pytest
from msgspec import inspect

from service.core.events.parsing import CONFIGURING, SubmittedEvent
from service.ledger.wording.dutch import DUTCH
from service.ledger.wording.english import ENGLISH
from service.ledger.wording.terms import Terms

NOT_TOLD: Final = {"source_event_id", "source", "address", "other_addresses", "evidence", "external_id"}
TOLD_OTHERWISE: Final = {"occurred_at", "form"}
OF_THE_RECORD: Final = {"imported"}
"""What a record says besides the event that was sent."""


def fields() -> Iterator[inspect.Field]:
    """Every field of every event about an address, the same ones of several events each time."""
    for kind in SubmittedEvent.__args__:
        told = inspect.type_info(kind)
        assert isinstance(told, inspect.StructType)
        if kind not in CONFIGURING:
            yield from told.fields


def options(of: inspect.Type) -> set[str]:
    """The values of a closed set; none of anything else."""
    match of:
        case inspect.LiteralType(values=values):
            return {str(value) for value in values}
        case inspect.UnionType(types=types):
            return {value for each in types for value in options(each)}
        case inspect.VarTupleType(item_type=item):
            return options(item)
        case inspect.Metadata(type=inner):
            return options(inner)
        case _:
            return set()


def closed_sets() -> Mapping[str, set[str]]:
    beside_days = {"none", "end_of_calendar_year_following_contract_end"}
    found: dict[str, set[str]] = {"expires": beside_days}
    for field in fields():
        found.setdefault(field.encode_name, set()).update(options(field.type))
    return {name: values for name, values in found.items() if values and name not in NOT_TOLD}


@pytest.mark.parametrize("terms", [ENGLISH, DUTCH], ids=["English", "Dutch"])
def test_every_field_of_an_event_has_a_name(terms: Terms) -> None:
    names = {field.encode_name for field in fields()}
    assert terms.fields.keys() == names - NOT_TOLD - TOLD_OTHERWISE | OF_THE_RECORD


@pytest.mark.parametrize("terms", [ENGLISH, DUTCH], ids=["English", "Dutch"])
def test_every_value_of_a_closed_set_has_a_name(terms: Terms) -> None:
    assert {name: set(values) for name, values in terms.values.items()} == closed_sets()


def test_an_id_of_the_house_and_a_text_stand_for_themselves() -> None:
    assert DUTCH.value("category", "winter_sale") == "winter_sale"
    assert DUTCH.value("wording", "none") == "none"
