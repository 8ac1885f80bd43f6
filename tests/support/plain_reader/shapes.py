"""As much of JSON Schema as the published schemas of forms and bundles use."""

import json
import re
from pathlib import Path
from typing import Any

from tests.support.plain_reader.texts import Json, RefusedError, require, unbase64

FOLDER = Path(__file__).resolve().parents[3] / "schemas"
_TYPES: dict[str, type] = {"string": str, "array": list, "object": dict, "boolean": bool, "integer": int}


def schema_of(name: str) -> Json:
    """A published schema."""
    schema: Json = json.loads((FOLDER / f"{name}.v1.json").read_text(encoding="utf-8"))
    return schema


def check(value: Any, schema: Json, whole: Json) -> None:  # noqa: ANN401 - a JSON value
    """Raise `RefusedError` where the value is not what the schema says."""
    schema = resolved(schema, whole)
    if "anyOf" in schema:
        require(any(_fits(value, branch, whole) for branch in schema["anyOf"]), "none of these")
        return
    if "enum" in schema or "const" in schema:
        require(value in schema.get("enum", [schema.get("const")]), "not one of these")
        return
    if schema.get("type") == "null":
        require(value is None, "not null")
        return
    kind = _TYPES[schema["type"]] if "type" in schema else object
    require(isinstance(value, kind) and (kind is bool) == isinstance(value, bool), "another type")
    if isinstance(value, dict):
        _check_object(value, schema, whole)
    elif isinstance(value, list):
        require(schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)), "too many")
        for item in value:
            check(item, schema.get("items", {}), whole)
    elif isinstance(value, str):
        _check_text(value, schema)
    elif isinstance(value, int):
        require(value >= schema.get("minimum", value), "too small")


def _fits(value: object, schema: Json, whole: Json) -> bool:
    try:
        check(value, schema, whole)
    except RefusedError:
        return False
    return True


def _check_object(value: Json, schema: Json, whole: Json) -> None:
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    require(set(schema.get("required", ())) <= value.keys(), "a field is missing")
    require(len(value) <= schema.get("maxProperties", len(value)), "too many")
    for name, item in value.items():
        require(name in known or others is not False, "an unknown field")
        if name in known:
            check(item, known[name], whole)
        elif isinstance(others, dict):
            check(item, others, whole)
            check(name, schema.get("propertyNames", {"type": "string"}), whole)


def _check_text(value: str, schema: Json) -> None:
    require(re.search(schema.get("pattern", ""), value), "another pattern")
    size = len(value)
    if schema.get("contentEncoding") == "base64":
        unbase64(value)
    require(schema.get("minLength", 0) <= size <= schema.get("maxLength", size), "another length")


def resolved(schema: Json, whole: Json) -> Json:
    """What a reference refers to."""
    while "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def without_defaults(value: Any, schema: Json, whole: Json) -> Any:  # noqa: ANN401 - JSON values
    """The document without the fields that have their default."""
    schema = resolved(schema, whole)
    if isinstance(value, list):
        return [without_defaults(item, schema.get("items", {}), whole) for item in value]
    if not isinstance(value, dict):
        return value
    known = schema["properties"]
    return {
        name: without_defaults(item, known[name], whole)
        for name, item in value.items()
        if "default" not in known[name] or known[name]["default"] != item
    }
