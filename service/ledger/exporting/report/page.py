"""The report as one HTML page: no script, nothing from anywhere else, made to be printed."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from service.core.bundle import Bundle
from service.core.events import Form
from service.core.export.contents import ExportBody
from service.ledger.exporting.ports import ExportLanguage
from service.ledger.exporting.report.dutch import DUTCH
from service.ledger.exporting.report.english import ENGLISH
from service.ledger.exporting.report.markup import Markup, join, tag
from service.ledger.exporting.report.person import Teller
from service.ledger.exporting.report.words import Words

WORDS: Final[dict[ExportLanguage, Words]] = {"en": ENGLISH, "nl": DUTCH}

_STYLE: Final = files(__package__).joinpath("report.css").read_text(encoding="utf-8")
_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-"
    + b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What the report is made of. `forms` by their hash, `senders` by their id: their legal names.

    `lines`: for the bundle at a place, counted from 1, those of the lines of campaigns about its address.
    """

    body: ExportBody
    vkey: str
    checkpoint: str
    bundles: Sequence[Bundle]
    lines: Mapping[int, Sequence[Bundle]]
    forms: Mapping[str, Form]
    senders: Mapping[str, str]


def report_page(subject: Subject) -> str:
    """The whole page, in the language of the export."""
    language = subject.body.language
    words = WORDS[language]
    teller = Teller(words, subject.forms, subject.senders, language)
    parts = [
        _head(words),
        _about(words, subject, teller),
        _proved(words, subject.body),
        *(
            teller.section(bundle, number, subject.lines.get(number, ()), subject.body.unsearched)
            for number, bundle in enumerate(subject.bundles, 1)
        ),
        _forms(words, subject, teller) if not subject.bundles else None,
        _check(words, subject),
        _glossary(words),
    ]
    footer = words.footer.format(origin=subject.body.origin, size=f"{subject.body.size:,}")
    body = join(tag("main", *parts), tag("footer", footer))
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="content-security-policy" content="{_POLICY}">\n'
        f'<meta name="date" content="{subject.body.recorded_at}">\n'
        '<meta name="robots" content="noindex">\n<meta name="referrer" content="no-referrer">\n'
        f"{tag('title', words.title)}\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _head(words: Words) -> Markup:
    return tag("header", tag("h1", words.title), tag("p", words.lead, class_="lead"))


def _about(words: Words, subject: Subject, teller: Teller) -> Markup:
    body = subject.body
    rows = [
        (words.covers, _covers(words, body, teller)),
        (words.as_of, teller.moment_text(body.recorded_at)),
        (words.log, body.origin),
        (words.entries, f"{body.size:,}"),
    ]
    addresses = [name for bundle in subject.bundles if (name := teller.address_of(bundle)) is not None]
    if addresses:
        rows.insert(0, (words.address if len(addresses) == 1 else words.addresses, ", ".join(addresses[:20])))
    if subject.senders:
        named = [f"{legal} ({name})" for name, legal in subject.senders.items()]
        rows.append((words.senders, ", ".join(named)))
    return tag(
        "section",
        tag("h2", words.about, id="about"),
        facts(rows),
        aria_labelledby="about",
        class_="about",
    )


def _covers(words: Words, body: ExportBody, teller: Teller) -> str:
    since, until = body.since_ms, body.until_ms
    period = ""
    if since is not None or until is not None:
        ends = [teller.moment(each) if each is not None else "…" for each in (since, until)]
        period = f", {ends[0]} / {ends[1]}"
    only = body.scope == "addresses" and len(body.subjects) == 1
    return words.scopes["address" if only else body.scope].format(
        sender=body.sender, campaign=body.campaign, count=len(body.subjects), period=period
    )


def _proved(words: Words, body: ExportBody) -> Markup:
    possible = {"L1": True, "L2": body.log or bool(body.held_sizes), "L3": body.scope == "ledger"}
    levels = [
        tag(
            "li",
            tag("span", name, class_="level"),
            tag("h3", takes),
            tag("p", shows),
            tag(
                "p",
                ("✓ " if possible[name] else "✗ ") + (words.shown if possible[name] else words.not_shown),
                class_="can" if possible[name] else "cannot",
            ),
        )
        for name, takes, shows in words.levels
    ]
    return tag(
        "section",
        tag("h2", words.proved, id="proved"),
        tag("p", words.proved_lead),
        tag("ol", *levels, class_="levels"),
        tag("p", words.partial[body.scope]),
        tag("p", words.disclosed[body.disclosed]),
        aria_labelledby="proved",
    )


def _forms(words: Words, subject: Subject, teller: Teller) -> Markup | None:
    if not subject.forms:
        return None
    shown = [teller.form(form, digest, None) for digest, form in subject.forms.items()]
    return tag("section", tag("h2", words.forms, id="forms"), *shown, aria_labelledby="forms")


def _check(words: Words, subject: Subject) -> Markup:
    return tag(
        "section",
        tag("h2", words.check, id="check"),
        tag("p", words.check_lead),
        tag("ol", *(tag("li", _with_command(step)) for step in words.steps)),
        tag("h3", words.key),
        tag("pre", subject.vkey),
        tag("h3", words.checkpoint),
        tag("pre", subject.checkpoint),
        aria_labelledby="check",
    )


def _with_command(step: str) -> Markup:
    """A step whose part after the colon is what to type."""
    said, colon, command = step.partition(": ")
    if not colon or not command.startswith(("pip ", "consent-ledger ")):
        return join(step)
    return join(said, ":", tag("code", command))


def _glossary(words: Words) -> Markup:
    pairs = [join(tag("dt", term), tag("dd", meaning)) for term, meaning in words.meanings]
    return tag("section", tag("h2", words.glossary, id="words"), tag("dl", *pairs), aria_labelledby="words")


def facts(rows: Sequence[tuple[str, str | Markup]]) -> Markup:
    """Names and what they are, one a line."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in rows), class_="facts")
