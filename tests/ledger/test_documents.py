"""Which documents a bundle shows: what its answer takes, and nothing that could change it is left out."""

import hashlib
from itertools import combinations
from typing import Any

import pytest

from service.core.bundle import parse_bundle
from service.core.errors import RulebookError
from service.core.law.compiled import PackNotShownError
from service.core.law.decision import Decision, decide, decision_body
from service.core.law.question import parse_question
from service.core.law.rulebook import load_rulebook, parse_rulebook, rulebook_bytes, rulebook_hash
from service.core.verifier import verify_bundle
from service.ledger.packs import shipped_packs
from service.ledger.proving.material import RulebookInForce
from service.ledger.scenarios import MemoryLedger, run_case
from tests.core.law.world import AGREED, JANE, World
from tests.support import cases
from tests.support.small_ledger import a_small_ledger

PACKS = shipped_packs()
CASES = cases.worked()


def in_force(**document: object) -> RulebookInForce:
    """A rulebook of every pack that ships."""
    rulebook = parse_rulebook({"schema": 1} | document, PACKS)
    digest = rulebook_hash(rulebook)
    bodies = PACKS | {digest.hex(): rulebook_bytes(rulebook)}
    return RulebookInForce(digest, rulebook, {name: body.decode() for name, body in bodies.items()})


def answered(known: RulebookInForce, shown: dict[str, str], *asked: Any) -> Decision:  # noqa: ANN401 - of decide
    """The answer from these documents alone."""
    bodies = {name: text.encode() for name, text in shown.items()}
    return decide(load_rulebook(bodies[known.digest.hex()], bodies, partial=True), *asked)


class Shown(MemoryLedger):
    """Answers every question a second time from the documents a bundle would show."""

    async def ask(
        self, question: dict[str, Any], address: dict[str, str], at_ms: int, known_at_ms: int | None = None
    ) -> Decision:
        """The answer, after it was found to be the same, and refused without any one of the packs."""
        whole = await super().ask(question, address, at_ms, known_at_ms)
        asked = parse_question(question)
        standings, rulebook = self.standings(address, asked.sender), self._rulebook
        assert rulebook is not None
        digest = rulebook_hash(rulebook)
        bodies = PACKS | {digest.hex(): rulebook_bytes(rulebook)}
        known = RulebookInForce(digest, rulebook, {name: body.decode() for name, body in bodies.items()})
        shown = known.needed_for(standings, asked, at_ms)
        assert decision_body(answered(known, shown, standings, asked, at_ms)) == decision_body(whole)
        for name in shown.keys() - {digest.hex()}:
            fewer = {other: text for other, text in shown.items() if other != name}
            with pytest.raises((PackNotShownError, RulebookError)):
                answered(known, fewer, standings, asked, at_ms)
        return whole


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
async def test_every_worked_case_has_the_same_answer_from_the_packs_it_takes(case: dict[str, Any]) -> None:
    await run_case(case, Shown(PACKS))


@pytest.mark.parametrize("country", ["NL", "DE", "AT", "GB", "US", "JP", "EU", None])
def test_whichever_packs_are_left_out_the_answer_is_the_same_or_refused(country: str | None) -> None:
    world = World().tell("consent_granted", "2026-01-01", **AGREED)
    known = in_force()
    names = known.rulebook.document.packs
    recipient = {"kind": "consumer"} | ({"country": country} if country else {})
    question = {"sender": "acme", "category": "newsletter", "channel": "email", "kind": "commercial"}
    asked = parse_question(question | {"recipient": recipient})
    at_ms = 1_780_000_000_000
    standings = world.ledger.standings(JANE, "acme")
    whole = decide(known.rulebook, standings, asked, at_ms)
    seen = 0
    for kept in combinations(sorted(names.keys() - {"common"}), 2):
        shown = {names[name]: known.texts[names[name]] for name in (*kept, "common")}
        shown |= {known.digest.hex(): known.texts[known.digest.hex()]}
        try:
            partly = answered(known, shown, standings, asked, at_ms)
        except PackNotShownError:
            continue
        seen += 1
        assert decision_body(partly) == decision_body(whole)
    assert seen or country == "JP"


def test_a_setting_of_a_pack_that_is_left_out_still_parts_the_calendar() -> None:
    figures = [{"name": "fr.prospect.retention_months", "value": 30, "valid_from": "2026-08-01"}]
    known = in_force(parameters=figures)
    world = World(parameters=figures).tell("consent_granted", "2026-01-01", **AGREED)
    question = {"sender": "acme", "category": "newsletter", "channel": "email", "kind": "commercial"}
    asked = parse_question(question | {"recipient": {"country": "NL", "kind": "consumer"}})
    standings, at_ms = world.ledger.standings(JANE, "acme"), 1_780_000_000_000
    shown = known.needed_for(standings, asked, at_ms)
    assert len(shown) == 3
    whole = decide(known.rulebook, standings, asked, at_ms)
    assert decision_body(answered(known, shown, standings, asked, at_ms)) == decision_body(whole)


PACK = 'jurisdiction = "{name}"\nname = "x"\nas_of = 2026-01-01\n'
FIGURE = (
    '[[parameter]]\nname = "nl.phone.max_age_months"\ndefault = 1\nnature = "policy"\ncitation = "none"\n'
    "verified = false\n"
)
RULE = (
    '[[rule]]\nid = "xx.rule"\ndoes = "customer"\ncitation = "none"\nnature = "policy"\nverified = false\n'
    'months_parameter = "nl.phone.max_age_months"\n'
)
BAD = {
    "a country that has a pack": ('countries = ["NL"]\n', "overlap"),
    "a country that another pack covers": ('countries = ["AT"]\n', "overlap"),
    "a figure of another pack": (FIGURE, "overlap"),
    "a rule with another pack's figure": (RULE, "unknown_parameter"),
}


@pytest.mark.parametrize(("more", "code"), BAD.values(), ids=BAD)
def test_packs_that_cannot_be_told_apart_are_refused_together(more: str, code: str) -> None:
    other = (PACK.format(name="XX") + more).encode()
    with pytest.raises(RulebookError) as refusal:
        parse_rulebook({"schema": 1}, PACKS | {hashlib.sha256(other).hexdigest(): other})
    assert refusal.value.code == code


async def test_a_bundle_that_names_its_documents_by_hash_verifies_for_who_holds_them() -> None:
    ledger = await a_small_ledger()
    asked = ledger.ask("jane@example.org")
    full = await ledger.proofs.bundle(asked, disclose=True)
    small = await ledger.proofs.bundle(asked, disclose=True, documents="by_hash")
    held = ledger.store.documents.items(ledger.store.version)
    texts = [row.body for _, row in held]
    assert len(small) < len(full) / 1.5
    assert verify_bundle(small, documents=texts).verified
    assert not verify_bundle(small).verified
    assert not verify_bundle(small, documents=texts[:1]).verified
    assert verify_bundle(full, documents=[b"another text", *texts]).verified


async def test_a_bundle_that_names_its_packs_by_hash_verifies_for_who_holds_what_ships() -> None:
    ledger = await a_small_ledger()
    asked = ledger.ask("jane@example.org")
    own = await ledger.proofs.bundle(asked, disclose=True, documents="packs_by_hash")
    assert verify_bundle(own, documents=[*shipped_packs().values()]).verified
    assert not verify_bundle(own).verified
    shown = parse_bundle(own).documents.values()
    assert len(shown) == 2
    assert all(text.startswith("{") for text in shown)
