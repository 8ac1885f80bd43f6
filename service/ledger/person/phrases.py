"""One event as one sentence to the person concerned: the machinery, for any language."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from service.core.events import Form
from service.core.events.vocabulary import Refusal
from service.ledger.catalogue import Sender
from service.ledger.person.file import HeldEvent
from service.ledger.wording.terms import Terms, moment


class Words(Struct, frozen=True, kw_only=True):
    """A language: a sentence for every type of event, and the parts that it is put together from."""

    terms: Terms
    joined: str
    anyone: str
    all_senders: str
    everything: str
    sentences: Mapping[str, str]
    unknown: str
    how: str
    you: str
    other_person: str
    form: str
    box: str
    defaults: Mapping[str, str]
    by_a_box: str
    product: str
    told_yes: str
    told_offered: str
    by_recipient: str
    by_third: str
    old: str
    new: str
    listed: Mapping[bool, str]
    yourself: str
    imported: str
    corrected: str
    elsewhere: str
    until: str

    def day(self, milliseconds: int) -> str:
        """A day in words, in UTC."""
        return self.terms.day(moment(milliseconds))

    def listing(self, items: Iterable[str]) -> str:
        """One, two and three; of nothing nothing."""
        every = list(items)
        if not every:
            return ""
        *first, last = every
        return f"{', '.join(first)} {self.joined} {last}" if first else last


class Teller:
    """Tells events of one file in one language."""

    def __init__(self, words: Words, forms: Mapping[str, Form], senders: Mapping[str, Sender]) -> None:
        self.words = words
        self._forms = forms
        self._senders = senders

    def sender(self, sender: str | None) -> str:
        """A sender by its legal name."""
        if sender is None:
            return self.words.anyone
        known = self._senders.get(sender)
        return known.legal_name if known is not None else sender

    def sentence(self, held: HeldEvent) -> str:
        """What happened, in a sentence or two."""
        words = self.words
        event = held.recorded.event
        template = words.sentences.get(held.recorded.type, words.unknown)
        told = template.format_map(self._parts(held, event))
        if held.address is not None:
            told += words.elsewhere.format(address=held.address.value)
        if held.recorded.imported:
            told += words.imported
        if held.corrected_by is not None:
            told += words.corrected.format(index=held.corrected_by)
        return told[:1].upper() + told[1:]

    def _parts(self, held: HeldEvent, event: Any) -> dict[str, str]:  # noqa: ANN401 - any type of event
        words = self.words
        form = self._forms.get(getattr(event, "form", None) or "")
        box = form.box(event.box) if form is not None and getattr(event, "box", None) else None
        senders = getattr(event, "senders", ()) or (box.senders if box is not None else ())
        party = getattr(event, "seller", None) or getattr(event, "to", None) or event.sender
        collector = getattr(event, "collected_by", None)
        return {
            "type": held.recorded.type,
            "sender": words.all_senders
            if event.sender is None and isinstance(event, Refusal)
            else self.sender(event.sender),
            "senders": words.listing(map(self.sender, senders or (event.sender,))),
            "party": self.sender(party or collector),
            "what": self._what(event, box.categories if box is not None else ()),
            "how": self._how(event, box.channels if box is not None else ()),
            "via": self._via(event),
            "giver": words.other_person if getattr(event, "given_by", "") == "third_party" else words.you,
            "by_form": self._by_form(form, box, event),
            "remark": self._remark(event),
            "product": self._optional(words.product, product=getattr(event, "product_category", None)),
            "told": self._told(event, form),
            "by": {"recipient": words.by_recipient, "third_party": words.by_third}.get(
                str(getattr(event, "by", "")), ""
            ),
            "origin": words.terms.value("origin", str(getattr(event, "origin", ""))),
            "move": words.old if held.recorded.role == "old" else words.new,
            "register": str(getattr(event, "register", "")),
            "listed": words.listed[bool(getattr(event, "listed", True))],
            "flag": words.terms.value("new_value", str(getattr(event, "new_value", ""))),
            "by_whom": self._actor(str(getattr(event, "by", ""))),
            "corrects": str(getattr(event, "corrects", "")),
            "reason": self._optional(" {reason}", reason=getattr(event, "reason", None)),
        }

    def _what(self, event: Any, of_box: tuple[str, ...]) -> str:  # noqa: ANN401 - as above
        one = getattr(event, "category", None)
        named = (one,) if one else getattr(event, "categories", ()) or of_box
        return self.words.listing(f"“{name}”" for name in named) or self.words.everything

    def _how(self, event: Any, of_box: tuple[str, ...]) -> str:  # noqa: ANN401 - as above
        one = getattr(event, "channel", None)
        channels = (one,) if one else getattr(event, "channels", ()) or of_box
        named = self.words.listing(self.words.terms.value("channel", channel) for channel in channels)
        return self.words.how.format(channels=named) if named else ""

    def _via(self, event: Any) -> str:  # noqa: ANN401 - as above
        via = getattr(event, "via", None)
        return f", {self.words.terms.value('via', via)}" if via is not None else ""

    def _actor(self, by: str) -> str:
        return self.words.yourself if by == "recipient" else self.words.terms.value("by", by)

    def _by_form(self, form: Form | None, box: Any, event: Any) -> str:  # noqa: ANN401 - as above
        words = self.words
        told = words.form.format(title=form.title) if form is not None else ""
        if box is not None:
            return told + words.box.format(label=box.label, default=words.defaults[box.default])
        default = getattr(event, "checkbox_default", None)
        return told + (f" ({words.by_a_box} {words.defaults[default]})" if default is not None else "")

    def _remark(self, event: Any) -> str:  # noqa: ANN401 - as above
        expires = getattr(event, "expires", "none")
        return self.words.until.format(day=expires) if expires[:1].isdigit() else ""

    def _told(self, event: Any, form: Form | None) -> str:  # noqa: ANN401 - as above
        source = form if form is not None else event
        if not getattr(source, "notice_given", None):
            return ""
        offered = self.words.told_offered if getattr(source, "optout_offered", None) else ""
        return self.words.told_yes.format(offered=offered)

    @staticmethod
    def _optional(template: str, **values: str | None) -> str:
        return template.format(**values) if all(values.values()) else ""
