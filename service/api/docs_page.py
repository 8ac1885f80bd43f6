"""The contract as a page for people: from the document, without a script, with nothing from elsewhere."""

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from typing import Any, Final

from service.api.problem_types import ProblemType

Json = Mapping[str, Any]

_STYLE: Final = files(__package__).joinpath("docs.css").read_text(encoding="utf-8")
_STYLE_HASH: Final = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "cache-control": "public, max-age=300",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""Of every page."""

_METHODS: Final = ("get", "post", "put", "delete")


def docs_page(document: Json) -> str:
    """The whole document: by tag, each operation with what it takes, answers and refuses."""
    by_tag: dict[str, list[tuple[str, str, Json]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                by_tag[operations[method]["tags"][0]].append((method, path, operations[method]))
    about = "".join(map(_section, ((tag, by_tag[tag["name"]]) for tag in document["tags"])))
    codes = document["components"]["schemas"]["ReasonCode"]["description"]
    event = document["webhooks"]["event"]["post"]
    main = (
        f"<h1>{escape(document['info']['title'])}</h1>{_text(document['info']['description'])}"
        f'<p>For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI {document["openapi"]}).</p>'
        f"{about}"
        f'<section><h2 id="webhooks">Webhooks</h2><article><h3>{escape(event["summary"])}</h3>'
        f"<p>{escape(event['description'])}</p>{_contents(event['requestBody']['content'])}</article></section>"
        f'<section><h2 id="reason-codes">Reason codes</h2><article>{_text(codes)}</article></section>'
    )
    return _page("Consent ledger: the interface", main, nav=_nav(by_tag))


def problem_page(kind: ProblemType) -> str:
    """What a type of problem means, and what to do about it."""
    statuses = ", ".join(map(str, kind.statuses))
    main = (
        f"<h1>{escape(kind.title)}</h1>"
        f'<p class="quiet">Status {statuses}, type <code>{escape(kind.type)}</code></p>'
        f"<article><h3>When it comes</h3><p>{_inline(kind.meaning)}</p>"
        f"<h3>What to do</h3><p>{_inline(kind.remedy)}</p></article>"
        '<p><a href="/docs">The interface</a></p>'
    )
    return _page(kind.title, main)


def _page(title: str, main: str, nav: str = "") -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f'<body><div class="frame">{nav}<main>{main}</main></div></body></html>'
    )


def _nav(by_tag: Mapping[str, Iterable[tuple[str, str, Json]]]) -> str:
    parts = [
        f"<h2>{escape(tag)}</h2><ul>"
        + "".join(
            f'<li><a href="#{each["operationId"]}">{escape(each["summary"])}</a></li>' for _, _, each in found
        )
        + "</ul>"
        for tag, found in by_tag.items()
    ]
    more = (
        '<ul><li><a href="#webhooks">Webhooks</a></li><li><a href="#reason-codes">Reason codes</a></li></ul>'
    )
    return f'<nav aria-label="Operations">{"".join(parts)}<h2>And</h2>{more}</nav>'


def _section(part: tuple[Json, Iterable[tuple[str, str, Json]]]) -> str:
    tag, found = part
    articles = "".join(_article(*each) for each in found)
    about = f'<p class="quiet">{escape(tag["description"])}</p>'
    return f"<section><h2>{escape(tag['name'])}</h2>{about}{articles}</section>"


def _article(method: str, path: str, operation: Json) -> str:
    scopes = [scope for way in operation["security"][:1] for scope in way["key"]]
    wanted = f"the scope <code>{escape(scopes[0])}</code>" if scopes else "any live credential"
    needs = (
        f'<p class="quiet">Needs {wanted}.</p>' if operation["security"] else '<p class="quiet">Public.</p>'
    )
    body = operation.get("requestBody", {}).get("content", {})
    answers = {code: each for code, each in operation["responses"].items() if code < "400"}
    refusals = {code: each for code, each in operation["responses"].items() if code >= "400"}
    said = "".join(
        f"<h4>Answer {code}</h4><p>{escape(each['description'])}</p>{_contents(each.get('content', {}))}"
        for code, each in answers.items()
    )
    return (
        f'<article id="{operation["operationId"]}"><h3>{escape(operation["summary"])}</h3>'
        f'<p class="call {method}"><b>{method.upper()}</b><code>{escape(path)}</code></p>'
        f"<p>{_inline(operation['description'])}</p>{needs}{_parameters(operation['parameters'])}"
        f"{'<h4>Request</h4>' + _contents(body) if body else ''}"
        f"<details><summary>Answers and problems</summary>{said}{_problems(refusals)}</details></article>"
    )


def _parameters(parameters: Iterable[Json]) -> str:
    rows = "".join(
        f'<dt><code>{escape(each["name"])}</code> <span class="quiet">{each["in"]}</span></dt>'
        f"<dd>{_inline(each['description'])}</dd>"
        for each in parameters
    )
    return f"<details><summary>Parameters</summary><dl>{rows}</dl></details>"


def _problems(responses: Json) -> str:
    rows = "".join(
        f'<dt>{code} <a href="/problems/{slug}">{slug}</a></dt>'
        f"<dd>{escape(each['description'].split('; ')[at])}</dd>"
        for code, each in responses.items()
        for at, slug in enumerate(each["content"].get("application/problem+json", {}).get("examples", {}))
    )
    return f"<h4>Problems</h4><dl>{rows}</dl>"


def _contents(contents: Json) -> str:
    return "".join(
        f'<p class="quiet"><code>{escape(kind)}</code></p>'
        f'<pre tabindex="0"><code>{escape(_shown(each.get("example")))}</code></pre>'
        for kind, each in contents.items()
    )


def _shown(example: object) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)


def _text(text: str) -> str:
    """Paragraphs and lists of the little Markdown that descriptions use."""
    found = []
    for block in text.strip().split("\n\n"):
        first, *rest = re.split(r"(?:^|\n)- ", block)
        paragraph = f"<p>{_inline(first)}</p>" if first.strip() else ""
        items = "".join(f"<li>{_inline(each)}</li>" for each in rest)
        found.append(paragraph + (f"<ul>{items}</ul>" if items else ""))
    return "".join(found)


def _inline(text: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
