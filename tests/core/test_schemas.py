"""The published JSON Schemas: as the code makes them, and of one mind with the service's own readers."""

import json
from typing import Any, get_args

import msgspec
import pytest
from jsonschema import Draft202012Validator

from service.core.errors import InputError
from service.core.events import SubmittedEvent, parse_event
from service.core.law.decision import Decision
from service.core.law.rulebook import as_json, default_rulebook
from service.core.token import decode_base64url
from service.ledger.packs import shipped_packs, worked_cases
from service.ledger.scenarios import MemoryLedger, read_cases, run_case
from tests.support.examples import (
    CHECK,
    FORM,
    GRANT,
    MOVED,
    READERS,
    RULEBOOK,
    WRONG,
    readme_calls,
)
from tests.support.forgery import opened, world
from tests.support.json_schemas import FOLDER, schemas, written

SCHEMAS = schemas()
VALIDATORS = {name.removesuffix(".v1.json"): Draft202012Validator(schema) for name, schema in SCHEMAS.items()}


def complaints(name: str, document: object) -> list[str]:
    return [f"{error.json_path}: {error.message}"[:300] for error in VALIDATORS[name].iter_errors(document)]


class Overheard(MemoryLedger):
    """A ledger in memory that remembers every event and question it was given."""

    def __init__(self) -> None:
        super().__init__(shipped_packs())
        self.events: list[dict[str, Any]] = []
        self.checks: list[dict[str, Any]] = []

    async def submit(self, event: dict[str, Any], recorded_at_ms: int) -> None:
        """Append and remember."""
        self.events.append(event)
        await super().submit(event, recorded_at_ms)

    async def ask(
        self, question: dict[str, Any], address: dict[str, str], at_ms: int, known_at_ms: int | None = None
    ) -> Decision:
        """Answer and remember."""
        self.checks.append(question | {"address": address})
        return await super().ask(question, address, at_ms, known_at_ms)


def test_the_files_are_the_ones_that_are_made() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == SCHEMAS.keys()
    for name, schema in SCHEMAS.items():
        kept = (FOLDER / name).read_text(encoding="utf-8")
        assert written(schema) == kept, f"{name}: python -m tests.support.json_schemas"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_every_type_of_the_vocabulary_has_its_schema() -> None:
    tags = {str(kind.__struct_config__.tag) for kind in get_args(SubmittedEvent)}
    assert SCHEMAS["event.v1.json"]["discriminator"]["mapping"].keys() == tags


async def test_the_events_and_questions_of_the_worked_cases_keep_them() -> None:
    ledger = Overheard()
    for case in read_cases(worked_cases()):
        await run_case(case, ledger)
    assert len({event["type"] for event in ledger.events}) > 20
    assert [found for event in ledger.events for found in complaints("event", event)] == []
    assert [found for asked in ledger.checks for found in complaints("question", asked)] == []


def test_the_calls_of_the_readme_keep_them() -> None:
    recorded, asked, proved = readme_calls()
    for name, body in (("event", recorded), ("question", asked), ("question", proved)):
        assert complaints(name, body) == []
        READERS[name](body)


@pytest.mark.parametrize(
    ("name", "document"),
    [("event", GRANT), ("event", MOVED), ("question", CHECK), ("form", FORM), ("rulebook", RULEBOOK)],
)
def test_what_the_wrong_examples_are_made_of_is_right(name: str, document: dict[str, Any]) -> None:
    assert complaints(name, document) == []
    READERS[name](document)


@pytest.mark.parametrize(("name", "document"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_refused_by_the_schema_and_by_the_service(name: str, document: object) -> None:
    assert complaints(name, document) != []
    with pytest.raises(InputError):
        READERS[name](document)


def test_the_rulebook_of_a_new_house_keeps_its_schema() -> None:
    assert complaints("rulebook", as_json(default_rulebook(shipped_packs()))) == []


@pytest.mark.parametrize("name", ["agreed", "left", "renamed", "erased", "earlier", "grown", "history"])
def test_real_bundles_and_their_documents_keep_them(name: str) -> None:
    bundle = opened(getattr(world(), name))
    assert complaints("bundle", bundle) == []
    for text in bundle["documents"].values():
        document = json.loads(text) if text.startswith("{") else {}
        kind = "form" if "boxes" in document else "rulebook"
        assert not document or complaints(kind, document) == []


@pytest.mark.parametrize("address", ["jane@example.org", "left@example.org", "nobody@example.org"])
async def test_real_tokens_keep_them(address: str) -> None:
    answer = await world().ledger.checks.check(world().ledger.ask(address))
    assert answer.token is not None
    payload = msgspec.json.decode(decode_base64url(answer.token.split(".")[1]))
    assert complaints("token", payload) == []
    assert complaints("token", payload | {"email": "jane@example.org"}) != []
    assert complaints("token", payload | {"subject": "jane@example.org"}) != []


def test_what_the_schema_takes_of_each_type_the_service_takes_too() -> None:
    """The smallest document of each type by its schema, with one value for each field that is required."""
    definitions, codes = SCHEMAS["event.v1.json"]["$defs"], set()
    for kind in get_args(SubmittedEvent):
        schema = definitions[kind.__name__]
        smallest = {name: _any(schema["properties"][name], name) for name in schema["required"]}
        assert complaints("event", smallest) == []
        try:
            parse_event(smallest)
        except InputError as refusal:
            codes.add(refusal.code)
    # What a type asks beyond its shape: a consent of something, for instance.
    assert codes == {"missing"}


def _any(schema: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - some JSON value
    if "$ref" in schema:
        return {"kind": "email", "value": f"{name}@example.org"}
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") == "date-time":
        return GRANT["occurred_at"]
    pattern = schema.get("pattern", "")
    fallback = next(("0" * size for size in (64, 32) if f"{{{size}}}" in pattern), name[:8].replace("_", "-"))
    values = {"boolean": True, "integer": 1, "string": "NL" if name == "country" else fallback}
    return values[schema["type"]]
