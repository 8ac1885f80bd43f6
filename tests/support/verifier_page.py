"""The verifier as one HTML file, of its sources: `python -m tests.support.verifier_page` writes it anew.

Modules are joined in the order in which they need each other; what they import is then there already.
"""

import hashlib
import json
import re
from base64 import b64encode
from pathlib import Path
from typing import Any

from service.core.law.missing_facts import DUTCH as DUTCH_FACTS
from service.core.law.missing_facts import ENGLISH as ENGLISH_FACTS
from service.core.law.reasons_en import REASONS as ENGLISH
from service.core.law.reasons_nl import REASONS as DUTCH
from service.ledger.packs import shipped_packs

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "service" / "core" / "web"
PAGE = WEB / "verifier.html"
MODULES = (
    "bytes",
    "canonical",
    "shapes",
    "hashing",
    "notes",
    "entries",
    "successions",
    "trees",
    "law-calendar",
    "law-toml",
    "law-packs",
    "law-rulebook",
    "law-events",
    "histories",
    "law-question",
    "law-keeping",
    "law-grants",
    "law-folding",
    "law-context",
    "law-consent",
    "law-exits",
    "law-gates",
    "law-relations",
    "law-sources",
    "law-evaluator",
    "law-decision",
    "answers",
    "parts",
    "verify",
    "texts",
    "page",
)
_IMPORT = re.compile(r"^import (?:\{[^}]*\}|\S+) from \"\./(?P<name>[\w-]+)\.mjs\";\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=async function|function|const|class)", re.MULTILINE)


def script() -> str:
    """All modules as one. Raises `ValueError` when one would be needed before it is there."""
    joined = []
    for place, name in enumerate(MODULES):
        source = (WEB / f"{name}.mjs").read_text(encoding="utf-8")
        for needed in _IMPORT.finditer(source):
            if needed["name"] not in MODULES[:place]:
                raise ValueError(f"{name}.mjs imports {needed['name']}.mjs, which comes after it")
        joined.append(_EXPORT.sub("", _IMPORT.sub("", source)).strip())
    text = "\n\n".join(joined) + "\n"
    if re.search(r"^(import|export)\b|</script", text, re.MULTILINE):
        raise ValueError("a line that cannot stand in one script")
    return text


def policy(style: str, code: str) -> str:
    """What the page may do: run this script and use this style, by their hashes, and nothing else."""
    script_hash, style_hash = (
        b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in (code, style)
    )
    return (
        f"default-src 'none'; script-src 'sha256-{script_hash}'; style-src 'sha256-{style_hash}';"
        " base-uri 'none'; form-action 'none'"
    )


def data(value: object) -> str:
    """JSON that may stand in a script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")


def published_schemas() -> dict[str, Any]:
    """The schemas that the page reads bundles, events, forms and rulebooks by, without what is for people."""
    return {
        name: _bare(json.loads((ROOT / "schemas" / f"{name}.v1.json").read_text(encoding="utf-8")))
        for name in ("bundle", "event", "form", "rulebook")
    }


def _bare(schema: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(schema, list):
        return [_bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    told = ("description", "title", "examples", "format", "$id", "$schema", "discriminator")
    # Below "properties" and "$defs" these are names of fields.
    return {
        key: {name: _bare(each) for name, each in value.items()} if key in _NAMING else _bare(value)
        for key, value in schema.items()
        if key not in told
    }


_NAMING = ("properties", "$defs")


def words() -> dict[str, Any]:
    """What reason codes and missing facts are called, as an answer that is explained has it."""
    return {
        "en": {"reasons": dict(ENGLISH), "facts": dict(ENGLISH_FACTS)},
        "nl": {"reasons": dict(DUTCH), "facts": dict(DUTCH_FACTS)},
    }


def page() -> str:
    """The whole file."""
    style = (WEB / "style.css").read_text(encoding="utf-8")
    code = script()
    parts = {
        "policy": policy(style, code),
        "style": style,
        "schemas": data(published_schemas()),
        "words": data(words()),
        "packs": data([pack.decode() for pack in shipped_packs().values()]),
        "script": code,
    }
    frame = (WEB / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{(policy|style|schemas|packs|words|script)\}", lambda part: parts[part[1]], frame)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
