"""The verifier as one HTML file, of its sources: `python -m tests.support.verifier_page` writes it anew.

Modules are joined in the order in which they need each other; what they import is then there already.
"""

import hashlib
import json
import re
from base64 import b64encode
from pathlib import Path

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
    "histories",
    "verify",
    "texts",
    "page",
)

_IMPORT = re.compile(r"^import (?:\{[^}]*\}|\S+) from \"\./(?P<name>\w+)\.mjs\";\n", re.MULTILINE)
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


def page() -> str:
    """The whole file."""
    style = (WEB / "style.css").read_text(encoding="utf-8")
    code = script()
    schema = json.loads((ROOT / "schemas" / "bundle.v1.json").read_text(encoding="utf-8"))
    parts = {
        "policy": policy(style, code),
        "style": style,
        "schema": data(schema),
        "packs": data([pack.decode() for pack in shipped_packs().values()]),
        "script": code,
    }
    frame = (WEB / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{(policy|style|schema|packs|script)\}", lambda part: parts[part[1]], frame)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
