"""schemas/decision.md, the procedure in words: its examples are the vectors', and it names all there is."""

import json
import re
from datetime import date
from typing import Any, Final, get_args

import pytest
from msgspec.inspect import StructType, type_info

from service.core.law.calendar import date_of, day_number, window_end
from service.core.law.codes import ALLOW_CODES, DENY_CODES
from service.core.law.folding import FOLDS
from service.core.law.pack import Does, Pack, Parameter, Rule
from tests.support.vectors.case import FOLDER
from tests.support.vectors.decisions import DOCUMENTS, decided

Json = dict[str, Any]

TEXT: Final = (FOLDER.parent / "decision.md").read_text(encoding="utf-8")
BLOCK: Final = r"```json\n(.*?)```"
EXAMPLES: Final = re.findall(
    rf"`([\w-]+)`, asked for ([\d-]+):\n\n{BLOCK}\n{BLOCK}.*?{BLOCK}", TEXT, re.DOTALL
)
WINDOWS: Final = re.findall(r"([\d-]{10}), (\d+) months: end ([\d-]{10})", TEXT)
VECTORS: Final[list[Json]] = json.loads((FOLDER / "decision" / "boundary.json").read_text())["cases"]


@pytest.mark.parametrize(("name", "day", "history", "question", "answer"), EXAMPLES)
def test_a_worked_example_is_the_vector_it_names(
    name: str, day: str, history: str, question: str, answer: str
) -> None:
    (vector,) = (case for case in VECTORS if case["name"] == name)
    told = [event for _, _, event in vector["in"]["histories"][0]["events"]]
    assert (json.loads(history), json.loads(question)) == (told, vector["in"]["question"])
    assert json.loads(answer) == vector["out"]
    assert vector["out"]["evaluated_at"].startswith(day)


@pytest.mark.parametrize(("day", "months", "end"), WINDOWS)
def test_a_window_ends_when_the_page_says(day: str, months: str, end: str) -> None:
    assert date_of(window_end(day_number(date.fromisoformat(day)), int(months))) == date.fromisoformat(end)


def test_there_are_examples() -> None:
    assert (len(EXAMPLES), len(WINDOWS)) == (3, 4)


def test_every_code_is_somewhere_on_the_page() -> None:
    assert sorted(code for code in ALLOW_CODES | DENY_CODES if f"`{code}`" not in TEXT) == []


def test_every_type_of_event_that_becomes_something_is_on_the_page() -> None:
    known = [each for each in map(type_info, FOLDS) if isinstance(each, StructType)]
    assert len(known) == len(FOLDS)
    assert [each.tag for each in known if f"`{each.tag}`" not in TEXT] == []


def test_every_move_and_every_field_of_a_pack_is_on_the_page() -> None:
    fields = [name for table in (Pack, Rule, Parameter) for name in table.__struct_fields__]
    fields = [name for name in fields if name not in ("rule", "parameter")]
    assert [name for name in (*get_args(Does), *fields) if f"`{name}`" not in TEXT] == []


def test_whoever_opted_out_at_a_sale_of_nobody_opted_out_of_everybody() -> None:
    """No caller can post such a sale, but a record can hold one."""
    (vector,) = (case["in"] for case in VECTORS if case["name"] == "NL-customer-bad-consent-good-sale")
    index, recorded, sale = vector["histories"][0]["events"][0]
    of_nobody = {name: value for name, value in sale.items() if name != "seller"} | {"optout_used": True}
    history = vector["histories"][0] | {"events": [[index, recorded, sale], [2, recorded, of_nobody]]}
    told = vector | {"histories": [history, *vector["histories"][1:]]}
    assert decided(told, json.loads(DOCUMENTS.read_text()))["reason_code"] == "OBJECTED"
