"""Why: one paragraph that can be read out, then every step with its facts, log entries and citation."""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from service.core.law.calendar import DAY_MS, date_of
from service.core.law.compiled import RuleRef
from service.core.law.decision import Decision, DecisionStep
from service.core.law.reasons_en import REASONS as ENGLISH
from service.core.law.reasons_nl import REASONS as DUTCH

Language = Literal["en", "nl"]


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
    rule: str
    unverified: str
    entries: str
    missing: str
    human: str
    until: str
    titles: Mapping[str, str]
    nothing: str
    outweighed: str


_WORDS: Final[dict[Language, _Words]] = {
    "en": _Words(
        reasons=ENGLISH,
        yes="Yes, this message may be sent.",
        no="No, this message may not be sent.",
        rule="The rule is {citation}.",
        unverified="Our reading of this rule has not been checked against the official text yet.",
        entries="This rests on what the ledger holds under {entries}.",
        missing="Not known: {facts}.",
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
        outweighed="This alone would have allowed it; something stronger speaks against it.",
    ),
    "nl": _Words(
        reasons=DUTCH,
        yes="Ja, dit bericht mag worden verzonden.",
        no="Nee, dit bericht mag niet worden verzonden.",
        rule="De regel is {citation}.",
        unverified="Onze lezing van deze regel is nog niet met de officiële tekst vergeleken.",
        entries="Dit berust op wat in het register staat onder {entries}.",
        missing="Niet bekend: {facts}.",
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
        outweighed="Op zichzelf zou dit het toestaan; iets sterkers spreekt ertegen.",
    ),
}


def explain(decision: Decision, language: Language) -> Explanation:
    """Put a decision into words, in English ("en") or Dutch ("nl")."""
    words = _WORDS[language]
    return Explanation(
        language,
        _paragraph(decision, words),
        tuple(_step(step, words, denied=decision.decision == "deny") for step in decision.steps),
    )


def _paragraph(decision: Decision, words: _Words) -> str:
    sentences = [
        words.yes if decision.decision == "allow" else words.no,
        words.reasons[decision.reason_code],
    ]
    if decision.missing_facts:
        sentences.append(words.missing.format(facts=", ".join(decision.missing_facts)))
    if decision.rule is not None:
        sentences.append(_rule_sentence(decision.rule, words))
    if decision.events:
        sentences.append(words.entries.format(entries=", ".join(map(str, decision.events))))
    if decision.needs_human:
        sentences.append(words.human)
    if decision.expires_at_ms is not None:
        day = date_of(decision.expires_at_ms // DAY_MS).isoformat()
        sentences.append(words.until.format(day=day))
    return " ".join(sentences)


def _rule_sentence(rule: RuleRef, words: _Words) -> str:
    sentence = words.rule.format(citation=rule.citation)
    return sentence if rule.verified else f"{sentence} {words.unverified}"


def _step(step: DecisionStep, words: _Words, *, denied: bool) -> ExplainedStep:
    text = words.reasons.get(step.code, words.nothing)
    if step.result == "unknown":
        text = words.missing.format(facts=", ".join(step.missing_facts))
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
