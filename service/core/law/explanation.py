"""Why: one paragraph that can be read out, then every step with its facts, log entries and citation."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from service.core.law.calendar import DAY_MS, date_of
from service.core.law.compiled import RuleRef
from service.core.law.decision import Decision, DecisionStep
from service.core.law.missing_facts import DUTCH as DUTCH_FACTS
from service.core.law.missing_facts import ENGLISH as ENGLISH_FACTS
from service.core.law.reasons_en import REASONS as ENGLISH
from service.core.law.reasons_nl import REASONS as DUTCH

Language = Literal["en", "nl"]

_CASES: Final = frozenset({"recipient.country", "recipient.kind"})
"""Facts without which every law and kind of recipient that may apply is tried."""


class CitedRule(Struct, frozen=True):
    """The rule a step rests on: its id in the pack, where it is written, and when it is in force."""

    id: str
    citation: str
    valid_from: str | None
    valid_to: str | None


class ExplainedStep(Struct, frozen=True):
    """One step: what was looked at, how it came out (yes, no, unknown), and on what that rests."""

    step: str
    title: str
    outcome: str
    sentence: str
    events: tuple[int, ...]
    missing_facts: tuple[str, ...]
    rule: CitedRule | None


class Explanation(Struct, frozen=True):
    """A decision in words. `text` is to be read out to the person, `steps` are for who must check it."""

    language: Language
    text: str
    steps: tuple[ExplainedStep, ...]


class _Words(Struct, frozen=True):
    """The words around the reasons, in one language."""

    reasons: Mapping[str, str]
    yes: str
    no: str
    facts: Mapping[str, str]
    months: tuple[str, ...]
    joined: str
    rule: str
    unverified: str
    entry: str
    entries: str
    missing: str
    human: str
    until: str
    titles: Mapping[str, str]
    nothing: str
    assumed: str
    outweighed: str


_WORDS: Final[dict[Language, _Words]] = {
    "en": _Words(
        reasons=ENGLISH,
        yes="Yes, this message may be sent.",
        no="No, this message may not be sent.",
        facts=ENGLISH_FACTS,
        months=(
            *("January", "February", "March", "April", "May", "June"),
            *("July", "August", "September", "October", "November", "December"),
        ),
        joined="and",
        rule="This follows from: {citation}.",
        unverified="Our reading of this rule has not been checked against the official text yet.",
        entry="It rests on entry {entries} of the ledger.",
        entries="It rests on entries {entries} of the ledger.",
        missing="It is not known {facts}.",
        human="A colleague should look at this before it is called final.",
        until="If nothing new happens, the answer may change on {day}.",
        titles={
            "exit": "No marketing, or exempt",
            "erasure": "Erasure",
            "refusal": "The person's own no",
            "address": "Is the address still theirs",
            "basis": "A ground for the message",
            "form": "What the message must show",
            "hours": "Time of day",
        },
        nothing="This does not apply.",
        assumed="In one of the cases that are possible: {sentence}",
        outweighed="This alone would have allowed it; something stronger speaks against it.",
    ),
    "nl": _Words(
        reasons=DUTCH,
        yes="Ja, dit bericht mag worden verzonden.",
        no="Nee, dit bericht mag niet worden verzonden.",
        facts=DUTCH_FACTS,
        months=(
            *("januari", "februari", "maart", "april", "mei", "juni"),
            *("juli", "augustus", "september", "oktober", "november", "december"),
        ),
        joined="en",
        rule="Dit volgt uit: {citation}.",
        unverified="Onze lezing van deze regel is nog niet met de officiële tekst vergeleken.",
        entry="Het berust op nummer {entries} in het register.",
        entries="Het berust op de nummers {entries} in het register.",
        missing="Niet bekend is {facts}.",
        human="Een medewerker moet hiernaar kijken voordat dit definitief is.",
        until="Als er niets verandert, kan het antwoord op {day} anders worden.",
        titles={
            "exit": "Geen reclame, of uitgezonderd",
            "erasure": "Verwijdering",
            "refusal": "Het eigen nee van de persoon",
            "address": "Is het adres nog van deze persoon",
            "basis": "Een grond voor het bericht",
            "form": "Wat het bericht moet tonen",
            "hours": "Tijdstip",
        },
        nothing="Dit is niet van toepassing.",
        assumed="In een van de mogelijke gevallen: {sentence}",
        outweighed="Op zichzelf zou dit het toestaan; iets sterkers spreekt ertegen.",
    ),
}


def explain(decision: Decision, language: Language) -> Explanation:
    """Put a decision into words, in English ("en") or Dutch ("nl")."""
    words = _WORDS[language]
    steps = [_step(step, words, denied=decision.decision == "deny") for step in decision.steps]
    if decision.reason_code == "FACT_MISSING" and not _CASES.isdisjoint(decision.missing_facts):
        # Answered for each law and kind of recipient that may apply: these are the steps of one that denies.
        steps = [_assumed(step, words) for step in steps]
    return Explanation(language, _paragraph(decision, words), tuple(steps))


def _assumed(step: ExplainedStep, words: _Words) -> ExplainedStep:
    if step.outcome != "no":
        return step
    return replace(step, sentence=words.assumed.format(sentence=step.sentence))


def _paragraph(decision: Decision, words: _Words) -> str:
    sentences = [
        words.yes if decision.decision == "allow" else words.no,
        words.reasons[decision.reason_code],
    ]
    if decision.missing_facts:
        sentences.append(_missing(decision.missing_facts, words))
    if decision.rule is not None:
        sentences.append(_rule_sentence(decision.rule, words))
    if decision.events:
        form = words.entry if len(decision.events) == 1 else words.entries
        sentences.append(form.format(entries=_listed(map(str, decision.events), words)))
    if decision.needs_human:
        sentences.append(words.human)
    if decision.expires_at_ms is not None:
        day = date_of(decision.expires_at_ms // DAY_MS)
        written = f"{day.day} {words.months[day.month - 1]} {day.year}"
        sentences.append(words.until.format(day=written))
    return " ".join(sentences)


def _missing(names: tuple[str, ...], words: _Words) -> str:
    known = dict.fromkeys(words.facts.get(name, name) for name in names)
    return words.missing.format(facts=_listed(known, words))


def _listed(items: Iterable[str], words: _Words) -> str:
    """One, two and three."""
    *first, last = items
    return f"{', '.join(first)} {words.joined} {last}" if first else last


def _rule_sentence(rule: RuleRef, words: _Words) -> str:
    sentence = words.rule.format(citation=rule.citation)
    return sentence if rule.verified else f"{sentence} {words.unverified}"


def _step(step: DecisionStep, words: _Words, *, denied: bool) -> ExplainedStep:
    text = words.reasons.get(step.code, words.nothing)
    if step.result == "unknown":
        text = _missing(step.missing_facts, words) if step.missing_facts else words.nothing
    elif step.result == "yes" and denied:
        text = words.outweighed
    rule = step.rule
    return ExplainedStep(
        step=step.name,
        title=words.titles[step.name],
        outcome=step.result,
        sentence=text,
        events=step.events,
        missing_facts=step.missing_facts,
        rule=CitedRule(rule.id, rule.citation, rule.valid_from, rule.valid_to) if rule is not None else None,
    )
