"""The published JSON Schemas, made from the service's types: `python -m tests.support.json_schemas`.

JSON Schema 2020-12. What msgspec cannot know of a type stands here: which events need an address, which
fields stand beside a question, and what the texts of an answer look like.
"""

import json
from pathlib import Path
from typing import Any, Final, get_args

import msgspec

from service.api.checks import AnswerBody, AskedBody
from service.api.contract.shapes import cloud_event
from service.api.events import ReceiptBody
from service.api.problem_types import PROBLEM_TYPES
from service.api.problems import Problem
from service.api.unsubscribe.links import UnsubscribeHeaders
from service.core.events import Form, SubmittedEvent
from service.core.events.parsing import CONFIGURING
from service.core.events.values import AddressInput
from service.core.events.vocabulary import AddressChanged
from service.core.law.codes import ALLOW_CODES, DENY_CODES
from service.core.law.compiled import RuleRef
from service.core.law.question import Question
from service.core.law.rulebook import RulebookDocument
from service.ledger.answering.checks import UNEXPLAINED
from tests.support.bundle_schema import bundle_schema

Schema = dict[str, Any]

FOLDER: Final = Path(__file__).resolve().parents[2] / "schemas"
HEX: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
MOMENT: Final = {"type": "string", "format": "date-time"}
STAMP: Final = MOMENT | {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
COUNT: Final = {"type": "integer", "minimum": 0}
_ZONED: Final = r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)$"
_TEMPLATE: Final = "#/$defs/{name}"


def _made(name: str, title: str, kind: Any) -> tuple[Schema, dict[str, Schema]]:  # noqa: ANN401 - a type
    """The schema of a type, and the definitions that it refers to, as they may be changed."""
    (own,), definitions = msgspec.json.schema_components([kind], ref_template=_TEMPLATE)
    own = definitions.pop(own["$ref"].rpartition("/")[2]) if "$ref" in own else own
    for each in (own, *definitions.values()):
        _complete(each)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:consent-ledger:{name}:1",
        "title": title,
    }
    return head | {key: value for key, value in own.items() if key != "title"}, definitions


def _complete(schema: Any) -> None:  # noqa: ANN401 - whatever stands in a schema
    """Say of times that they have an offset, and of descriptions that they are one line."""
    if isinstance(schema, dict):
        if schema.get("format") == "date-time":
            schema["pattern"] = _ZONED
        if isinstance(schema.get("description"), str):
            schema["description"] = " ".join(schema["description"].split())
        for value in schema.values():
            _complete(value)
    elif isinstance(schema, list):
        for value in schema:
            _complete(value)


def _whole(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    return schema | ({"$defs": dict(sorted(definitions.items()))} if definitions else {})


def event() -> Schema:
    """An event as callers post it."""
    schema, definitions = _made("event", "Event", SubmittedEvent)
    address = {"$ref": _TEMPLATE.format(name=AddressInput.__name__)}
    for kind in get_args(SubmittedEvent):
        own = definitions[kind.__name__]
        if kind is AddressChanged:
            _require(own, {"from": address, "to": address})
        elif kind not in CONFIGURING:
            _require(own, {"address": address})
            continue
        del own["properties"]["address"], own["properties"]["other_addresses"]
    return _whole(schema, definitions)


def _require(schema: Schema, fields: Schema) -> None:
    """Fields that the type's own reader demands, though the record of the event may be without them."""
    schema["properties"] |= fields
    schema["required"] = [*schema["required"], *fields]


def receipt() -> Schema:
    """What a recorded event is answered with."""
    schema, definitions = _made("receipt", "Receipt", ReceiptBody)
    schema["properties"] |= {"index": COUNT, "position": COUNT, "leaf_hash": HEX, "recorded_at": STAMP}
    return _whole(schema, definitions)


def question() -> Schema:
    """A check as callers post it: the question, and what stands beside it."""
    schema, definitions = _made("question", "Check", Question)
    beside, more = _made("question", "Check", AskedBody)
    more.pop("AddressBody")
    own = beside["properties"] | {
        "address": {"$ref": _TEMPLATE.format(name=AddressInput.__name__)},
        "proof": {"enum": [None, "none", "token"], "default": None},
    }
    _, addresses = _made("question", "Check", AddressInput | None)
    schema["properties"] |= own
    schema["required"] = [*schema["required"], "address"]
    schema["description"] = "POST /v1/checks; POST /v1/proofs too, or an address without a question."
    return _whole(schema, definitions | more | addresses)


def _decision() -> tuple[Schema, dict[str, Schema]]:
    """What every decision says, in an answer, a token and a bundle."""
    schema, definitions = _made("answer", "Answer", AnswerBody)
    _, rule = _made("answer", "Answer", RuleRef | None)
    codes = sorted({*ALLOW_CODES, *DENY_CODES})
    unexplained = str(UNEXPLAINED["reason_code"])
    schema["properties"] |= {
        "decision": {"enum": ["allow", "deny"]},
        "reason_code": {"enum": [*codes, unexplained]},
        "further_codes": {"type": "array", "items": {"enum": codes}},
        "rule": {"anyOf": [{"$ref": _TEMPLATE.format(name=RuleRef.__name__)}, {"type": "null"}]},
        "events": {"type": "array", "items": COUNT},
        "evaluated_at": STAMP,
        "expires_at": {"anyOf": [STAMP, {"type": "null"}]},
        "position": COUNT,
    }
    rule[RuleRef.__name__]["additionalProperties"] = False
    schema["additionalProperties"] = False
    # An allow is never for a person to judge, and each code is an allow's or a deny's.
    schema["if"] = {"properties": {"decision": {"const": "allow"}}}
    schema["then"] = {
        "properties": {"reason_code": {"enum": sorted(ALLOW_CODES)}, "needs_human": {"const": False}}
    }
    schema["else"] = {"properties": {"reason_code": {"enum": [*sorted(DENY_CODES), unexplained]}}}
    return schema, definitions | rule


def answer() -> Schema:
    """An answer."""
    schema, definitions = _decision()
    # Whoever may be written to can leave; whoever may not gets no message to leave by.
    schema["then"]["required"] = ["unsubscribe"]
    schema["else"]["properties"]["unsubscribe"] = False
    return _whole(schema, definitions)


def token() -> Schema:
    """The payload of a decision token."""
    asked, definitions = _made("token", "Decision token", Question)
    decision, rules = _decision()
    rules.pop(UnsubscribeHeaders.__name__)
    of_answers = ("position", "token", "explanation", "unsubscribe")
    decision["properties"] = {k: v for k, v in decision["properties"].items() if k not in of_answers}
    decision["required"] = sorted(decision["properties"])
    decision["description"] = decision["description"].partition(" `unsubscribe`")[0]
    inner = {
        name: {k: v for k, v in schema.items() if not k.startswith("$")}
        for name, schema in (("Question", asked), ("Decision", decision))
    }
    claims = {
        "iss": {"type": "string", "description": "origin of the log"},
        "iat": COUNT,
        "subject": HEX,
        "question": {"$ref": _TEMPLATE.format(name="Question")},
        "decision": {"$ref": _TEMPLATE.format(name="Decision")},
        "rulebook": HEX,
        "size": COUNT,
        "root": HEX,
    }
    head = {key: asked[key] for key in ("$schema", "$id", "title")}
    body = {
        "description": "The payload of a token: one answer, and the state of the log it was made from.",
        "type": "object",
        "properties": claims | {"known_at_ms": COUNT},
        "required": sorted(claims),
        "additionalProperties": False,
    }
    return _whole(head | body, definitions | rules | inner)


def problem() -> Schema:
    """A refusal."""
    schema, definitions = _made("problem", "Problem", Problem)
    schema["properties"]["type"] = {"enum": [kind.type for kind in PROBLEM_TYPES.values()]}
    schema["properties"]["status"] = {"type": "integer", "minimum": 400, "maximum": 599}
    return _whole(schema, definitions)


def webhook() -> Schema:
    """An event as others hear of it, in the feed, its streams and webhooks."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:consent-ledger:webhook:1",
        "title": "CloudEvent",
    }
    return head | cloud_event()


def schemas() -> dict[str, Schema]:
    """Every schema by the name of its file."""
    made = {
        "answer": answer(),
        "bundle": bundle_schema(),
        "event": event(),
        "form": _whole(*_made("form", "Form", Form)),
        "problem": problem(),
        "question": question(),
        "receipt": receipt(),
        "rulebook": _whole(*_made("rulebook", "Rulebook", RulebookDocument)),
        "token": token(),
        "webhook": webhook(),
    }
    return {f"{name}.v1.json": schema for name, schema in made.items()}


def written(schema: Schema) -> str:
    """The file's content."""
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    for file, schema in schemas().items():
        (FOLDER / file).write_text(written(schema), encoding="utf-8")
