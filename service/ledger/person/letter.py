"""The letter that answers "why did you mail me?": as plain text, and as one HTML page without anything else.

A privacy officer can send either as it is. Every word of the ledger is escaped; nothing is loaded.
"""

from collections.abc import Iterator
from html import escape
from typing import Final

import msgspec
from msgspec import Struct

from service.core.law.explanation import Language, explain
from service.ledger.person.dutch import DUTCH
from service.ledger.person.english import ENGLISH
from service.ledger.person.file import Answered, HeldEvent, PersonFile
from service.ledger.person.letter_words import FRAMES, Frame
from service.ledger.person.phrases import Teller

WORDS: Final = {"en": ENGLISH, "nl": DUTCH}

_STYLE: Final = (
    "body{font:1.05rem/1.55 Georgia,serif;max-width:42rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;"
    "background:#fff}h1{font-size:1.5rem;line-height:1.25}h2{font-size:1.15rem;margin-top:2rem}h3{font-size:1rem}"
    "ol{list-style:none;padding:0;border-left:2px solid #c9c9c9;margin-left:.3rem}li{padding:0 0 1rem 1rem}"
    "time{font-weight:bold;display:block}.entry{color:#5a5a5a;font-size:.85em}blockquote{margin:.5rem 0 1rem;"
    "padding:.6rem 1rem;background:#f4f2ec;border-left:3px solid #b9b19a;white-space:pre-wrap}"
    "@media print{body{margin:0;max-width:none}li,blockquote{break-inside:avoid}}"
)


class Letter(Struct, frozen=True):
    """The answer in words."""

    language: Language
    text: str
    html: str


class Section(Struct, frozen=True):
    """A part of the letter. `lines` are paragraphs, `dated` events (day, entry, sentence), `quotes` texts."""

    title: str
    lines: tuple[str, ...] = ()
    dated: tuple[tuple[str, str, str], ...] = ()
    quotes: tuple[tuple[str, str], ...] = ()


def letter(file: PersonFile, language: Language) -> Letter:
    """Write the letter."""
    frame = FRAMES[language]
    teller = Teller(WORDS[language], file.forms, file.senders)
    sections = list(_sections(file, frame, teller))
    title = frame.title.format(address=file.address.value)
    return Letter(language, _text(title, sections), _html(title, sections, language))


def sentences(file: PersonFile, language: Language) -> dict[int, str]:
    """Every event in words, by index."""
    teller = Teller(WORDS[language], file.forms, file.senders)
    return {held.index: teller.sentence(held) for held in file.events}


def _sections(file: PersonFile, frame: Frame, teller: Teller) -> Iterator[Section]:
    words = teller.words
    as_of = words.day(file.as_of_ms)
    if not file.events and file.erased is None:
        yield Section(frame.answer, (frame.nothing.format(day=as_of), frame.rights))
        return
    opening = [frame.opening.format(day=as_of)]
    if file.erased is not None:
        day = words.day(file.erased.at_ms)
        opening.append(frame.erased.format(day=day, events=file.erased.events))
    if file.linked:
        opening.append(frame.linked.format(addresses=words.listing(one.value for one in file.linked)))
    yield Section(frame.answer, (*opening, *_why(file, frame, teller)))
    if file.events:
        yield Section(frame.history, dated=tuple(_dated(held, teller, frame) for held in file.events))
    if file.forms:
        quotes = tuple((form.title, _form_text(form.text, form, frame)) for form in file.forms.values())
        yield Section(frame.forms, (frame.forms_lead,), quotes=quotes)
    if file.answers:
        yield Section(frame.now, tuple(_now(each, frame, teller) for each in file.answers))
    if file.campaigns or file.unsearched:
        yield Section(frame.mailings, tuple(_mailings(file, frame, teller)))
    evidence = [held for held in file.events if held.evidence is not None]
    if evidence:
        yield Section(frame.evidence, quotes=tuple(_evidence(held, frame) for held in evidence))
    yield Section(frame.rights_title, (frame.rights, frame.proof.format(position=file.position)))


def _why(file: PersonFile, frame: Frame, teller: Teller) -> Iterator[str]:
    """Each kind of message that was sent: when last, and on what ground by today's knowledge."""
    for each in file.answers:
        if each.sent_at_ms is None or each.then is None:
            continue
        yield frame.sent.format(
            sender=teller.sender(each.sender),
            what=each.category,
            day=teller.words.day(each.sent_at_ms),
            why=explain(each.then, frame.language).text,
        )


def _now(each: Answered, frame: Frame, teller: Teller) -> str:
    return frame.may.format(
        sender=teller.sender(each.sender),
        what=each.category,
        channel=teller.words.terms.value("channel", each.channel),
        why=explain(each.now, frame.language).text,
    )


def _mailings(file: PersonFile, frame: Frame, teller: Teller) -> Iterator[str]:
    yield frame.mailings_found
    for line in file.campaigns:
        yield frame.mailing.format(
            day=teller.words.day(line.decision.evaluated_at_ms),
            sender=teller.sender(line.question.sender),
            what=line.question.category,
            channel=teller.words.terms.value("channel", line.question.channel),
            why=explain(line.decision, frame.language).text,
        )
    if file.unsearched:
        yield frame.mailings_unsearched.format(count=file.unsearched)


def _dated(held: HeldEvent, teller: Teller, frame: Frame) -> tuple[str, str, str]:
    entry = frame.entry.format(index=held.index, day=teller.words.day(held.recorded_at_ms))
    return teller.words.day(held.recorded.occurred_ms), entry, teller.sentence(held)


def _form_text(text: str, form: object, frame: Frame) -> str:
    boxes = [
        f"{frame.ticked if box.default == 'ticked' else frame.unticked} {box.label}"
        for box in getattr(form, "boxes", ())
    ]
    return "\n".join([text, *boxes])


def _evidence(held: HeldEvent, frame: Frame) -> tuple[str, str]:
    shown = msgspec.json.format(msgspec.json.encode(held.evidence), indent=2).decode()
    return frame.evidence_of.format(index=held.index), shown


def _text(title: str, sections: list[Section]) -> str:
    lines = [title, "=" * len(title)]
    for section in sections:
        lines += ["", section.title, "-" * len(section.title)]
        for line in section.lines:
            lines += ["", line]
        for day, entry, sentence in section.dated:
            lines += ["", f"{day}  ({entry})", f"    {sentence}"]
        for name, quote in section.quotes:
            lines += ["", name, *(f"    | {line}" for line in quote.splitlines())]
    return "\n".join(lines) + "\n"


def _html(title: str, sections: list[Section], language: Language) -> str:
    parts = [
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1>",
    ]
    for section in sections:
        parts.append(f"<section><h2>{escape(section.title)}</h2>")
        parts += [f"<p>{escape(line)}</p>" for line in section.lines]
        if section.dated:
            parts.append("<ol>")
            parts += [
                f'<li><time>{escape(day)}</time>{escape(sentence)} <span class="entry">{escape(entry)}</span>'
                for day, entry, sentence in section.dated
            ]
            parts.append("</ol>")
        for name, quote in section.quotes:
            parts.append(f"<h3>{escape(name)}</h3><blockquote>{escape(quote)}</blockquote>")
        parts.append("</section>")
    return "".join([*parts, "</main></body></html>\n"])
