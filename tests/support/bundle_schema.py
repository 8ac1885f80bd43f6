"""The bundle's JSON Schema, made from the structs that read it: `python -m tests.support.bundle_schema`."""

import json
from pathlib import Path
from typing import Any

import msgspec

from service.core.bundle import FORMAT, Bundle

PATH = Path(__file__).resolve().parents[2] / "schemas" / "bundle.v1.json"


def bundle_schema() -> dict[str, Any]:
    """The schema (JSON Schema 2020-12). What canonical form and proofs require is not in it."""
    (_,), definitions = msgspec.json.schema_components([Bundle], ref_template="#/$defs/{name}")
    own = definitions.pop("Bundle")
    # The structs read an unsigned bundle too, to sign it; whoever receives one needs both.
    own["required"] = sorted([*own["required"], "format", "signature"])
    own["properties"]["format"] = {"const": FORMAT}
    for each in (own, *definitions.values()):
        each["description"] = " ".join(each["description"].split())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:consent-ledger:bundle:1",
        **own,
        "$defs": definitions,
    }


def schema_text() -> str:
    """The file's content."""
    return json.dumps(bundle_schema(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    PATH.write_text(schema_text(), encoding="utf-8")
