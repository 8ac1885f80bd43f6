"""One address in the report: its answer, and everything that happened on a line of time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import UNSET

from service.core.bundle import Bundle, ShownEvent, ShownSubject
from service.core.events import Form
from service.core.export.contents import line_name
from service.core.law.reasons_en import REASONS as ENGLISH_REASONS
from service.core.law.reasons_nl import REASONS as DUTCH_REASONS
from service.ledger.exporting.ports import ExportLanguage
from service.ledger.exporting.report.markup import Markup, join, tag
from service.ledger.exporting.report.words import Words
from service.ledger.wording.terms import moment

_REASONS: Final[dict[ExportLanguage, Mapping[str, str]]] = {"en": ENGLISH_REASONS, "nl": DUTCH_REASONS}
_NO: Final = ("consent_refused", "consent_withdrawn", "objection", "objection_attempted", "erasure_requested")
_YES: Final = ("consent_granted", "consent_confirmed")
_SAID_APART: Final = ("type", "occurred_at", "form", "role", "counterpart")
_SENDERS: Final = ("sender", "seller", "senders", "to", "from", "received_by", "collected_by")


class Teller:
    """Tells of one address after the other, in one language."""

    def __init__(
        self, words: Words, forms: Mapping[str, Form], senders: Mapping[str, str], language: ExportLanguage
    ) -> None:
        self._words = words
        self._forms = forms
        self._senders = senders
        self._reasons = _REASONS[language]

    def address_of(self, bundle: Bundle) -> str | None:
        """The address a bundle is about, where it is known."""
        for subject in bundle.subjects:
            if subject.role == "address" and subject.address is not None:
                return subject.address.value
        return None

    def section(self, bundle: Bundle, number: int, campaigns: Sequence[Bundle], unsearched: int) -> Markup:
        """Everything about one address. `campaigns`: lines about it; `unsearched`: campaigns not searched."""
        words = self._words
        own = [subject for subject in bundle.subjects if subject.role != "sender"]
        linked = [
            subject.address.value
            for subject in own
            if subject.role == "linked" and subject.address is not None
        ]
        events = sorted(
            ((event, subject) for subject in own for event in subject.events), key=lambda pair: pair[0].index
        )
        lines = [self._event(event, subject) for event, subject in events]
        name = f"person-{number}"
        return tag(
            "section",
            tag("h2", self.address_of(bundle) or words.erased, id=name),
            tag("p", f"{words.linked}: {', '.join(linked)}") if linked else None,
            self._answer(bundle) if bundle.decision is not None else None,
            tag("h3", words.timeline),
            tag("ol", *lines, class_="timeline") if lines else tag("p", words.nothing),
            self._campaigns(campaigns, number, unsearched),
            aria_labelledby=name,
            class_="person",
        )

    def _answer(self, bundle: Bundle) -> Markup:
        return tag("div", tag("h3", self._words.answer), self._answered(bundle), class_="answer")

    def _answered(self, bundle: Bundle) -> Markup:
        """What was asked, and the answer with its rule."""
        words, decision, question = self._words, bundle.decision, bundle.question
        if decision is None or question is None:
            return join()
        body = question.body
        allowed = decision["decision"] == "allow"
        asked = words.asked.format(
            sender=self._sender(str(body["sender"])),
            category=str(body["category"]),
            channel=words.terms.value("channel", str(body["channel"])),
        )
        rule, events = decision["rule"], decision["events"]
        rests = ", ".join(words.entry.format(index=index) for index in events)
        return join(
            tag("p", asked, " · ", words.asked_at.format(moment=self.moment(question.at_ms))),
            tag("p", words.allow if allowed else words.deny, class_="yes" if allowed else "no"),
            tag("p", self._reasons.get(decision["reason_code"], decision["reason_code"])),
            tag("p", words.rule, ": ", str(rule["citation"])) if rule is not None else None,
            tag("p", words.rests_on, ": ", rests) if events else None,
        )

    def _campaigns(self, lines: Sequence[Bundle], number: int, unsearched: int) -> Markup:
        """What campaigns asked about this address, and what cannot be found of them."""
        words = self._words
        asked = [
            tag(
                "li",
                self._answered(line),
                tag("p", self._campaign(line), " · ", tag("code", line_name(number, place)), class_="small"),
                class_="answer",
            )
            for place, line in enumerate(lines, 1)
        ]
        return join(
            tag("h3", words.campaigns),
            tag("ol", *asked, class_="asked") if asked else tag("p", words.no_campaigns),
            tag("p", words.campaigns_found, class_="small"),
            tag("p", words.campaigns_unsearched.format(count=unsearched), class_="small")
            if unsearched
            else None,
        )

    def _campaign(self, line: Bundle) -> str:
        shown = line.campaign
        if shown is UNSET:
            return ""
        event: Any = shown.event.record["event"]
        return self._words.campaign_line.format(
            line=f"{shown.line:,}", count=f"{event['count']:,}", campaign=event["campaign"]
        )

    def _event(self, event: ShownEvent, subject: ShownSubject) -> Markup:
        words = self._words
        at_entry = tag("span", words.entry.format(index=event.index), class_="entry")
        recorded = tag(
            "p", f"{words.recorded}: {self.moment(event.recorded_at_ms)}", " · ", at_entry, class_="when"
        )
        if event.event is UNSET:
            return tag("li", tag("p", words.erased), recorded, class_="gone")
        said: dict[str, Any] = event.event
        kind = str(said["type"])
        form_id = said.get("form")
        form = self._forms.get(form_id) if isinstance(form_id, str) else None
        whose = subject.address.value if subject.role == "linked" and subject.address is not None else None
        evidence = event.evidence if event.evidence is not UNSET else None
        return tag(
            "li",
            tag("p", self.moment_text(str(said["occurred_at"])), class_="moment"),
            tag("h4", words.events.get(kind, kind.replace("_", " ")), f" ({whose})" if whose else None),
            self._fields(said),
            self.form(form, str(form_id), said.get("box")) if form is not None else None,
            self._pairs(words.evidence, evidence) if evidence else None,
            recorded,
            class_="no" if kind in _NO else "yes" if kind in _YES else None,
        )

    def _fields(self, said: Mapping[str, Any]) -> Markup | None:
        terms = self._words.terms
        order = {name: place for place, name in enumerate(terms.fields)}
        rows = [
            (terms.field(name), self._value(value, name))
            for name, value in sorted(said.items(), key=lambda item: order.get(item[0], len(order)))
            if name not in _SAID_APART
        ]
        return self._rows(rows) if rows else None

    def _pairs(self, title: str, pairs: Mapping[str, Any]) -> Markup:
        return join(
            tag("p", title, class_="small"),
            self._rows([(name, self._value(value)) for name, value in pairs.items()]),
        )

    @staticmethod
    def _rows(rows: Sequence[tuple[str, str]]) -> Markup:
        return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in rows))

    def form(self, form: Form, digest: str, used: object) -> Markup:
        """A form with its exact text, and each box as it stood before the person came."""
        words = self._words
        boxes = [
            tag(
                "li",
                tag("span", "☑ " if box.default == "ticked" else "☐ ", aria_hidden="true"),
                words.box.format(label=box.label, default=words.defaults[box.default]),
                tag("strong", f" ← {words.used}") if box.name == used else None,
            )
            for box in form.boxes
        ]
        return tag(
            "figure",
            tag("figcaption", words.form),
            tag("p", form.title, class_="form-title"),
            tag("blockquote", form.text, lang=form.language),
            tag("ul", *boxes) if boxes else None,
            tag("p", f"{words.privacy_notice}: {form.privacy_notice_url}")
            if form.privacy_notice_url
            else None,
            tag("p", "SHA-256 ", digest, class_="hash"),
        )

    def moment(self, milliseconds: int) -> str:
        """A time as people write it, in UTC."""
        return self._written(moment(milliseconds))

    def moment_text(self, text: str) -> str:
        """The same of an RFC 3339 time."""
        return self._written(datetime.fromisoformat(text))

    def _written(self, at: datetime) -> str:
        return f"{self._words.terms.day(at)}, {at:%H:%M:%S} UTC"

    def _sender(self, name: str) -> str:
        legal = self._senders.get(name)
        return f"{legal} ({name})" if legal is not None else name

    def _value(self, value: object, name: str = "") -> str:
        if isinstance(value, bool):
            return self._words.yes if value else self._words.no
        if isinstance(value, list):
            return ", ".join(self._value(each, name) for each in value)
        text = str(value)
        return self._sender(text) if name in _SENDERS else self._words.terms.value(name, text)
