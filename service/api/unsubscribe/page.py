"""The unsubscribe page as HTML: one file, no script, nothing from anywhere else, readable by everybody.

What it may do is said again in its Content-Security-Policy: its own style by hash, its own forms, no more.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from typing import Final, Literal

from service.api.unsubscribe.texts import TEXTS, Texts
from service.ledger.unsubscribe import Extent, WayOut

Alert = Literal["nothing_chosen", "try_again"]

FIELD: Final = "stop"
"""The form's only field; its values are the extents `category` and `sender`."""

_STYLE: Final = files(__package__).joinpath("unsubscribe.css").read_text(encoding="utf-8")
_STYLE_HASH: Final = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "vary": "Accept, Accept-Language",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
}
"""Of every answer of the way out, page or not."""

_LETTER: Final = (
    '<path d="M7 15h34v22H7z M7 15l17 13 17-13" fill="none" stroke="currentColor" stroke-width="2.5"'
    ' stroke-linejoin="round"/>'
)
_TICK: Final = (
    '<circle cx="24" cy="24" r="20" fill="none" stroke="currentColor" stroke-width="2.5"/>'
    '<path d="M15 25l6.5 6.5L34 18" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round"'
    ' stroke-linejoin="round"/>'
)
_BROKEN: Final = (
    '<circle cx="24" cy="24" r="20" fill="none" stroke="currentColor" stroke-width="2.5"/>'
    '<path d="M24 14v13 M24 33v.5" fill="none" stroke="currentColor" stroke-width="3.5"'
    ' stroke-linecap="round"/>'
)


def ask_page(view: WayOut, language: str, alert: Alert | None = None) -> str:
    """What the link stops, with a button for each choice that is left; what is stopped already is said."""
    texts = TEXTS[language]
    if view.stopped and alert is None:
        return stopped_page(view, language)
    warning = f'<p class="told warn" role="alert">{escape(getattr(texts, alert))}</p>' if alert else ""
    body = [
        _mark(_LETTER),
        f"<h1>{escape(texts.ask_title)}</h1>",
        f'<p class="lead">{_named(texts.ask_lead, view)}</p>',
        warning,
        *_forms(view, texts),
        f'<p class="small">{escape(texts.needed)}</p>',
    ]
    return _document(language, _title(texts.ask_title, view), body)


def stopped_page(view: WayOut, language: str) -> str:
    """What has been stopped; never a way back."""
    texts = TEXTS[language]
    said = texts.sender_done if "sender" in view.stopped else texts.category_done
    body = [
        _mark(_TICK),
        f"<h1>{escape(texts.done_title)}</h1>",
        f'<p class="told" role="status">{_named(said, view)}</p>',
        f'<p class="small">{escape(texts.needed)} {escape(texts.close)}</p>',
        *_forms(view, texts),
    ]
    return _document(language, _title(texts.done_title, view), body)


def broken_page(language: str) -> str:
    """For a link that is none of ours: what to do, and nothing about anybody."""
    texts = TEXTS[language]
    body = [
        _mark(_BROKEN, "mark warn"),
        f"<h1>{escape(texts.bad_link_title)}</h1>",
        f'<p class="lead">{escape(texts.bad_link)}</p>',
    ]
    return _document(language, escape(texts.bad_link_title), body)


def _forms(view: WayOut, texts: Texts) -> Iterable[str]:
    if "sender" in view.stopped:
        return
    if "category" not in view.stopped:
        yield _form("category", texts.category_button, texts.category_means, view, first=True)
    yield _form("sender", texts.sender_button, texts.sender_means, view, first=False)


def _form(extent: Extent, button: str, means: str, view: WayOut, *, first: bool) -> str:
    kind = "" if first else ' class="second"'
    return (
        f'<form method="post"><button{kind} name="{FIELD}" value="{extent}"'
        f' aria-describedby="means-{extent}">{_named(button, view)}</button>'
        f'<p id="means-{extent}">{_named(means, view)}</p></form>'
    )


def _named(text: str, view: WayOut) -> str:
    return escape(text).format(sender=escape(view.sender), category=escape(view.category))


def _title(text: str, view: WayOut) -> str:
    return f"{escape(text)} · {escape(view.sender)}"


def _mark(drawing: str, kind: str = "mark") -> str:
    return f'<svg class="{kind}" viewBox="0 0 48 48" aria-hidden="true" focusable="false">{drawing}</svg>'


def _languages(language: str) -> str:
    here = {language: ' aria-current="true"'}
    links = "".join(
        f'<li><a href="?lang={code}" lang="{code}" hreflang="{code}"{here.get(code, "")}>'
        f"{texts.name}</a></li>"
        for code, texts in TEXTS.items()
    )
    return f'<nav aria-label="{escape(TEXTS[language].switch)}"><ul>{links}</ul></nav>'


def _document(language: str, title: str, body: Iterable[str]) -> str:
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex, nofollow">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in body if part)
        + f"\n</main>\n{_languages(language)}\n</body>\n</html>\n"
    )
