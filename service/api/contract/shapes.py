"""The schemas of the contract: those of the types that read and write, and what the types cannot say.

JSON Schema 2020-12; `schemas/` is stricter about texts, these are for generators of types that read well.
"""

import re
from collections.abc import Iterable
from typing import Any, Final, get_args

import msgspec

from service.api.callers.principal import SCOPES
from service.api.campaigns import CampaignSummary, RefusedLine
from service.api.checks import AnswerBody, AskedBody
from service.api.configuration import PublishedBody, SenderBody
from service.api.events import ReceiptBody
from service.api.exports import Export, ExportToken, NewExport
from service.api.imports import ImportAnswer, ImportRequest
from service.api.keys import IssuedKeyBody, KeyBody, NewKeyBody
from service.api.problem_types import PROBLEM_TYPES
from service.api.problems import Problem
from service.api.rulebooks import DryRunBody, DryRunResult
from service.api.subjects import Erased, EraseRequest, LookupRequest, PersonFile
from service.api.subscriptions import (
    NothingBody,
    ReplayBody,
    ReplayView,
    RotationBody,
    SecretView,
    SubscriptionBody,
    SubscriptionView,
    TestView,
    UrlBody,
)
from service.api.unsubscribe.links import LinkBody, LinkRequest
from service.api.unsubscribe.routes import WayOutBody
from service.core.bundle import FORMAT, Bundle
from service.core.events import Form, SubmittedEvent
from service.core.events.parsing import CONFIGURING
from service.core.events.values import CampaignId
from service.core.events.vocabulary import AddressChanged
from service.core.law.codes import ALLOW_CODES, DENY_CODES
from service.core.law.question import Question
from service.core.law.reasons_en import REASONS
from service.core.law.rulebook import RulebookDocument
from service.ledger.answering.checks import UNEXPLAINED
from service.ledger.catalogue import Sender
from service.ledger.delivering.cloud_events import ERASED

Schema = dict[str, Any]

REF: Final = "#/components/schemas/{name}"
COUNT: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
HEX: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_TYPES: Final = (
    *(AnswerBody, AskedBody, Bundle, CampaignSummary, DryRunBody, DryRunResult, Form, IssuedKeyBody, KeyBody),
    *(LinkBody, LinkRequest, NewKeyBody, Problem, PublishedBody, Question, ReceiptBody, RefusedLine),
    *(RulebookDocument, Sender, SenderBody, SubmittedEvent, WayOutBody),
    *(NothingBody, ReplayBody, ReplayView, RotationBody, SecretView, SubscriptionBody, SubscriptionView),
    *(TestView, UrlBody, ImportAnswer, ImportRequest, EraseRequest, Erased, LookupRequest, PersonFile),
    *(NewExport, Export, ExportToken),
)
_RENAMED: Final = {
    "AddressBody": "AddressInput",
    "AnswerBody": "Answer",
    "AskedBody": "Asked",
    "SenderBody": "NewSender",
    "NewKeyBody": "NewKey",
    "RulebookDocument": "Rulebook",
    "DryRunBody": "DryRunRequest",
    "NothingBody": "Nothing",
    "ReplayBody": "NewReplay",
    "UrlBody": "NewUrl",
    "ReplayView": "Replay",
    "SecretView": "WebhookSecret",
    "SubscriptionBody": "NewSubscription",
    "SubscriptionView": "Subscription",
    "TestView": "TestEvent",
    # Two types of one name are told apart by their modules.
    "service.core.law.rulebook.Sender": "RulebookSender",
    "service.ledger.catalogue.Sender": "Sender",
}
_ZONED: Final = r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)$"


def ref(name: str) -> Schema:
    """A reference to a schema of the contract."""
    return {"$ref": REF.format(name=name)}


def schemas() -> dict[str, Schema]:
    """Every schema by its name."""
    _, made = msgspec.json.schema_components(list(_TYPES), ref_template=REF)
    names = {name: _RENAMED.get(name, re.sub("(?<=[a-z])Body$", "", name)) for name in made}
    found: dict[str, Schema] = {names[name]: _tidied(schema, names) for name, schema in made.items()}
    for kind in CONFIGURING:
        del found[kind.__name__]
    found |= _events(found) | _questions(found) | _batches() | _lists()
    found |= {"Answer": _answer(found["Answer"]), "ReasonCode": _reason_code(), "CloudEvent": cloud_event()}
    found["Problem"] = _problem(found["Problem"])
    source = {"type": "string", "pattern": r"^source:[!#-\[\]-~]{1,200}$"}
    named = {"type": "string", "enum": list(SCOPES)}
    found["NewKey"]["properties"]["scopes"]["items"] = {"anyOf": [named, source]}
    bundle = found["Bundle"]
    bundle["required"] = sorted([*bundle["required"], "format", "signature"])
    bundle["properties"]["format"] = {"type": "string", "const": FORMAT}
    return dict(sorted(found.items()))


def _tidied(schema: Any, names: dict[str, str]) -> Any:  # noqa: ANN401 - whatever stands in a schema
    """The schema with references by their new names, one-line descriptions and times that have an offset."""
    if isinstance(schema, list):
        return [_tidied(each, names) for each in schema]
    if not isinstance(schema, dict):
        return schema
    tidied = {
        name: _tidied(value, names)
        for name, value in schema.items()
        if name != "title" or isinstance(value, dict)
    }
    if isinstance(schema.get("$ref"), str):
        name = schema["$ref"].rpartition("/")[2]
        tidied["$ref"] = REF.format(name=names.get(name, name))
    if schema.get("type") == "object" and not {"properties", "additionalProperties"} & schema.keys():
        tidied["additionalProperties"] = True  # free JSON, to generators that take silence for "nothing"
    if schema.get("format") == "date-time":
        tidied["pattern"] = _ZONED
    if isinstance(schema.get("pattern"), str) and "format" not in schema:
        # Python's `$` would let a trailing newline through, JavaScript's and that of JSON Schema does not.
        tidied["pattern"] = schema["pattern"].replace(r"(?!\n)$", "$")
    if tidied.get("items") is False:  # pairs of one type, for generators that do not know `prefixItems`
        tidied["items"] = tidied.pop("prefixItems")[0]
    if isinstance(schema.get("description"), str):
        tidied["description"] = " ".join(schema["description"].split())
    return tidied


def _events(found: dict[str, Schema]) -> dict[str, Schema]:
    kinds = [kind for kind in get_args(SubmittedEvent) if kind not in CONFIGURING]
    for kind in kinds:
        own = found[kind.__name__]
        # Whom an event concerns is demanded by its reader; the record of one may be without.
        whom = ("from", "to") if kind is AddressChanged else ("address",)
        own["properties"] |= dict.fromkeys(whom, ref("AddressInput"))
        own["required"] = [*own["required"], *whom]
    tags = {kind.__struct_config__.tag: REF.format(name=kind.__name__) for kind in kinds}
    return {
        "Event": {
            "description": "What happened, of one of the types of the vocabulary.",
            "oneOf": [ref(kind.__name__) for kind in kinds],
            "discriminator": {"propertyName": "type", "mapping": tags},
        }
    }


def _questions(found: dict[str, Schema]) -> dict[str, Schema]:
    """A check is one object: what is asked and what stands beside it. A proof is asked for in three ways."""
    question, asked = found.pop("Question"), found.pop("Asked")
    beside = asked["properties"] | {"proof": {"enum": [None, "none", "token"], "default": None}}
    facts = question["properties"]
    closed = {"type": "object", "additionalProperties": False}
    lines = {
        "campaign": {"type": "string", "pattern": _pattern_of(CampaignId)},
        "line": COUNT | {"minimum": 1},
    }
    own = {name: beside[name] for name in ("address", "disclose", "held_size")}
    return {
        "Check": closed
        | {
            "description": "May this message be sent? What is left out is not known.",
            "properties": facts | beside,
            "required": [*question["required"], "address"],
        },
        "HistoryProofRequest": closed
        | {
            "description": "The whole history of an address, without a question.",
            "properties": own | {"documents": beside["documents"]},
            "required": ["address"],
        },
        "LineProofRequest": closed
        | {
            "description": "One line of a campaign, with its address and what it asked beside the defaults.",
            "properties": facts | own | lines,
            "required": ["address", "campaign", "line"],
        },
        "CampaignDefaults": {
            "type": "object",
            "description": "What all lines have in common; its `sender` may stand in the first line instead.",
            "properties": facts | {"min_position": beside["min_position"]},
            "required": ["sender"],
        },
    }


def _pattern_of(kind: Any) -> str:  # noqa: ANN401 - an annotated type
    ((schema,), _) = msgspec.json.schema_components([kind], ref_template=REF)
    return str(schema["pattern"]).replace(r"(?!\n)$", "$")


def _batches() -> dict[str, Schema]:
    line = {
        "type": "object",
        "description": "An address, and whatever this line asks otherwise than the defaults.",
        "properties": {
            "address": ref("AddressInput"),
            "id": {"type": "string", "minLength": 1, "maxLength": 200},
        },
        "required": ["address"],
    }
    answered = {"status": {"type": "integer"}, "problem": ref("Problem")}
    return {
        "EventBatch": _object({"events": _list("Event", "minItems", "maxItems")}, closed=True),
        "EventOutcome": _object(answered | {"receipt": ref("Receipt")}, required=("status",)),
        "EventBatchAnswer": _object({"items": _list("EventOutcome")}),
        "CampaignLine": line,
        "Campaign": _object(
            {"checks": _list("CampaignLine", "minItems", "maxItems"), "defaults": ref("CampaignDefaults")},
            required=("checks", "defaults"),
            closed=True,
        ),
        "LineAnswer": {
            "type": "object",
            "description": "The answer of a line; or the problem for which it has none: do not send.",
            "properties": answered
            | {
                "line": COUNT,
                "id": {"type": "string"},
                "decision": {"type": "string", "enum": ["allow", "deny"]},
                "reason_code": ref("ReasonCode"),
                "position": COUNT,
            },
            "required": ["line", "status"],
        },
        "CampaignAnswer": _object({"items": _list("LineAnswer"), "summary": ref("CampaignSummary")}),
    }


def _lists() -> dict[str, Schema]:
    published = {"id": HEX, "label": {"type": "string"}, "index": COUNT, "published_at": MOMENT}
    return {
        "EventPage": _object({"items": _list("CloudEvent"), "next": COUNT, "caught_up": {"type": "boolean"}}),
        "PublishedForm": _object({"id": HEX, "form": ref("Form")}),
        "FormList": _object({"items": _list("PublishedForm")}),
        "PublishedRulebook": _object({"id": HEX, "rulebook": ref("Rulebook")}),
        "Publication": _object(published | {"in_force": {"type": "boolean"}}),
        "RulebookList": _object({"items": _list("Publication")}),
        "SenderList": _object({"items": _list("Sender")}),
        "KeyList": _object({"items": _list("Key")}),
        "Jwks": _object({"keys": {"type": "array", "items": ref("Jwk")}}),
        "Jwk": _object(
            {
                "kty": {"type": "string"},
                "kid": {"type": "string"},
                "iat": COUNT | {"description": "From when on it signed, in seconds; absent: from the first."},
                "exp": COUNT | {"description": "Until when it signed; what it signed before stays valid."},
            },
            required=("kty", "kid"),
        ),
        "Liveness": _object({"status": {"type": "string", "const": "alive"}}),
        "Readiness": _object(
            {
                "status": {"type": "string", "enum": ["ready", "not_ready"]},
                "failing": {"type": "array", "items": {"type": "string"}},
            }
        ),
    }


def _object(fields: Schema, *, required: Iterable[str] | None = None, closed: bool = False) -> Schema:
    schema = {
        "type": "object",
        "properties": fields,
        "required": list(fields if required is None else required),
    }
    return schema | ({"additionalProperties": False} if closed else {})


def _list(name: str, *bounds: str) -> Schema:
    limits = {"minItems": 1, "maxItems": 1_000}
    return {"type": "array", "items": ref(name), **{bound: limits[bound] for bound in bounds}}


def _answer(schema: Schema) -> Schema:
    schema["properties"] |= {
        "decision": {"type": "string", "enum": ["allow", "deny"]},
        "reason_code": ref("ReasonCode"),
        "further_codes": {"type": "array", "items": ref("ReasonCode")},
        "evaluated_at": MOMENT,
        "expires_at": {"anyOf": [MOMENT, {"type": "null"}]},
    }
    return schema


def _reason_code() -> Schema:
    codes = sorted({*ALLOW_CODES, *DENY_CODES})
    unexplained = str(UNEXPLAINED["reason_code"])
    lines = [f"- `{code}` ({'allow' if code in ALLOW_CODES else 'deny'}): {REASONS[code]}" for code in codes]
    lines.append(f"- `{unexplained}` (deny): the credential lacks `check:detail`, so it is not told why.")
    return {
        "type": "string",
        "description": "Why it is an allow or a deny:\n\n" + "\n".join(lines),
        "enum": [*codes, unexplained],
    }


def _problem(schema: Schema) -> Schema:
    schema["properties"] |= {
        "type": {"type": "string", "format": "uri", "enum": [kind.type for kind in PROBLEM_TYPES.values()]},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
    }
    return schema


def cloud_event() -> Schema:
    """An event as others hear of it: CloudEvents 1.0, in the feed, its streams, and webhooks."""
    kinds = [str(kind.__struct_config__.tag) for kind in get_args(SubmittedEvent)]
    text, texts = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    data: Schema = {"position": COUNT, "subject": HEX, "leaf_hash": HEX, "occurred_at": MOMENT}
    data |= dict.fromkeys(("sender", "seller", "scope", "via", "role", "counterpart", "external_id"), text)
    data |= dict.fromkeys(("senders", "categories", "channels"), texts)
    data |= {
        "imported": {"type": "boolean"},
        "address": {
            "type": "object",
            "description": "Only with the scope `subject:resolve`, and where it was asked for.",
            "properties": {"kind": text, "value": text},
            "required": ["kind", "value"],
        },
    }
    attributes = {
        "specversion": {"type": "string", "const": "1.0"},
        "id": {"type": "string", "pattern": "^evt_[0-9a-f]{64}$"},
        "source": {"type": "string", "format": "uri"},
        "type": {"type": "string", "enum": [*kinds, ERASED]},
        "subject": HEX,
        "time": MOMENT,
        "datacontenttype": {"type": "string", "const": "application/json"},
        "sequence": {"type": "string", "pattern": "^[0-9]{20}$"},
        "partitionkey": HEX,
        "data": {
            "type": "object",
            "properties": data,
            "required": ["position", "subject", "leaf_hash"],
        },
    }
    return _object(attributes) | {
        "description": "One entry of the log (CloudEvents 1.0, JSON). `subject` and `partitionkey` are the "
        "pseudonym of whom it concerns, by which order is kept; `sequence` is the position as text."
    }
