"""Bundles as the ledger builds them: of one state, saying what the check says, and never of altered rows."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, structs

from service.core.bundle import Bundle, parse_bundle
from service.core.errors import QuestionError
from service.core.events.parsing import EVIDENCE_DEPTH_MAX
from service.core.law.standing import EMPTY, encode_standing
from service.core.token import decode_base64url
from service.core.verdict import Verdict
from service.core.verifier import verify_bundle
from service.ledger.answering.checks import LINKED_SUBJECTS_MAX, Asked
from service.ledger.ports import SealedRow
from tests.support.forgery import run
from tests.support.memory_store import MemoryReader
from tests.support.small_ledger import DAY, GRANT, SECOND, START_MS, SmallLedger, a_small_ledger, email

JANE, LEFT, NOBODY = "jane@example.org", "left@example.org", "nobody@example.org"
PEOPLE = ["a@example.org", "b@example.org", "c@example.org"]
NO: dict[str, object] = {"sender": "acme", "scope": "all_marketing"}
FACTS: list[tuple[str, dict[str, object]]] = [
    ("consent_granted", GRANT),
    ("consent_withdrawn", NO),
    ("purchase", {"sender": "acme", "seller": "acme"}),
    ("contact_by_recipient", {"sender": "acme"}),
    ("address_bounced", {}),
    ("erasure_requested", {}),
]


async def proved(ledger: SmallLedger, asked: Asked, **kinds: Any) -> Verdict:  # noqa: ANN401 - passed on
    """Build a bundle and verify it as somebody who pinned the key."""
    raw = await ledger.proofs.bundle(asked, disclose=True, **kinds)
    return verify_bundle(raw, verifiers=[ledger.keys.signer.verifier])


async def shown(ledger: SmallLedger, asked: Asked) -> Bundle:
    return parse_bundle(await ledger.proofs.bundle(asked, disclose=False))


def moved(before: str, after: str) -> tuple[str, None, dict[str, object]]:
    change = {"by": "recipient", "verified": True, "from": email(before), "to": email(after)}
    return "address_changed", None, change


@pytest.mark.parametrize("address", [JANE, LEFT, NOBODY])
async def test_a_bundle_shows_the_answer_that_the_check_gives(address: str) -> None:
    ledger = await a_small_ledger()
    asked = ledger.ask(address)
    answer, bundle = await ledger.checks.check(asked), await shown(ledger, asked)
    assert bundle.decision == answer.body
    assert bundle.token is not None
    assert answer.token is not None
    assert bundle.token.signature == decode_base64url(answer.token.split(".")[2])


STEPS: st.SearchStrategy[list[Any]] = st.lists(
    st.tuples(st.sampled_from(FACTS), st.sampled_from(PEOPLE), st.booleans())
    | st.tuples(st.just(("address_changed", {})), st.permutations(PEOPLE).map(tuple), st.booleans()),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.sampled_from(PEOPLE), st.none() | st.integers(0, 12), st.none() | st.integers(0, 12))
def test_whatever_was_recorded_its_bundle_verifies_and_says_what_the_check_says(
    steps: Sequence[Any], address: str, at: int | None, known_at: int | None
) -> None:
    async def story() -> None:
        ledger = await SmallLedger().begin("acme")
        for (kind, fields), who, together in steps:
            own = moved(who[0], who[1]) if kind == "address_changed" else (kind, who, fields)
            other = [("contact_by_recipient", "d@example.org", {"sender": "acme"})] if together else []
            await ledger.record_all(own, *other)
        times = {"at_ms": at, "known_at_ms": known_at}
        asked = ledger.ask(
            address, **{name: START_MS + n * SECOND for name, n in times.items() if n is not None}
        )
        verdict, answer = await proved(ledger, asked), await ledger.checks.check(asked)
        assert verdict.verified, verdict.checks
        assert verdict.answer is not None
        assert (verdict.answer.decision, verdict.answer.reason_code) == (
            answer.decision.decision,
            answer.decision.reason_code,
        )

    run(story())


async def test_an_address_that_nobody_ever_saw_is_proved_to_be_absent() -> None:
    ledger = await a_small_ledger()
    bundle = await shown(ledger, ledger.ask(NOBODY))
    assert bundle.subjects[0].events == ()
    assert (await proved(ledger, ledger.ask(NOBODY))).verified


async def test_a_history_shows_every_event_with_its_evidence() -> None:
    ledger = await a_small_ledger()
    bundle = parse_bundle(await ledger.proofs.bundle(ledger.address(JANE), disclose=False))
    assert [subject.role for subject in bundle.subjects] == ["address"]
    assert len(bundle.subjects[0].events) == 3
    assert bundle.subjects[0].events[0].evidence == {"ip": "192.0.2.1"}


async def test_without_disclosure_the_secret_and_other_people_stay_hidden() -> None:
    ledger = await a_small_ledger()
    raw = await ledger.proofs.bundle(ledger.ask(JANE), disclose=False)
    assert ledger.keys.subject_key_secret.hex().encode() not in raw
    assert LEFT.encode() not in raw


async def test_a_token_is_there_only_if_it_was_asked_for() -> None:
    ledger = await a_small_ledger()
    assert (await shown(ledger, ledger.ask(JANE, with_token=False))).token is None
    assert (await shown(ledger, ledger.ask(JANE, with_token=True))).token is not None


async def test_the_forms_the_rulebook_and_the_packs_that_decide_are_shown_and_nothing_else() -> None:
    ledger = await a_small_ledger()
    await ledger.publish_form(title="Another form")
    bundle = await shown(ledger, ledger.ask(JANE))
    assert sum('"boxes"' in text for text in bundle.documents.values()) == 1
    packs = [text for text in bundle.documents.values() if "jurisdiction = " in text]
    assert len(packs) == 2
    assert all('"common"' in text or 'jurisdiction = "NL"' in text for text in packs)


async def test_former_addresses_are_followed_to_the_first() -> None:
    ledger = await SmallLedger().begin("acme")
    await ledger.record("consent_granted", PEOPLE[0], **GRANT)
    await ledger.record_all(moved(PEOPLE[0], PEOPLE[1]))
    await ledger.record_all(moved(PEOPLE[1], PEOPLE[2]))
    bundle = await shown(ledger, ledger.ask(PEOPLE[2]))
    values = {subject.address.value for subject in bundle.subjects if subject.address is not None}
    assert values == {*PEOPLE, "acme"}
    assert (await proved(ledger, ledger.ask(PEOPLE[2]))).verified


async def test_links_without_an_end_are_no_persons_history() -> None:
    ledger = await SmallLedger().begin("acme")
    names = [f"p{number}@example.org" for number in range(LINKED_SUBJECTS_MAX + 1)]
    await ledger.record_all(*(moved(before, after) for before, after in pairwise(names)))
    with pytest.raises(QuestionError):
        await ledger.proofs.bundle(ledger.ask(names[-1]), disclose=True)


async def test_an_answer_as_known_before_a_withdrawal_is_still_an_allow() -> None:
    ledger = await SmallLedger().begin("acme")
    known_at_ms = (await ledger.record("consent_granted", JANE, **GRANT)).recorded_at_ms
    await ledger.record("consent_withdrawn", JANE, **NO)
    verdict = await proved(ledger, ledger.ask(JANE, known_at_ms=known_at_ms))
    assert verdict.answer is not None
    assert verdict.answer.decision == "allow"


async def test_the_rulebook_of_then_decides_about_then() -> None:
    ledger = await SmallLedger().begin("acme")
    await ledger.record("consent_granted", JANE, **GRANT)
    known_at_ms = ledger.now_ms
    ledger.now_ms += DAY
    published = await ledger.configuration.publish_rulebook({"schema": 1, "label": "another"})
    now, then = ledger.ask(JANE), ledger.ask(JANE, known_at_ms=known_at_ms)
    assert published.digest in (await shown(ledger, now)).documents
    assert published.digest not in (await shown(ledger, then)).documents
    assert (await proved(ledger, now)).verified
    assert (await proved(ledger, then)).verified


async def test_events_of_one_epoch_are_all_known_at_its_time_or_none() -> None:
    ledger = await SmallLedger().begin("acme")
    receipts = await ledger.record_all(("consent_granted", JANE, GRANT), ("consent_withdrawn", JANE, NO))
    await ledger.record("contact_by_recipient", JANE, sender="acme")
    asked = ledger.ask(JANE, known_at_ms=receipts[0].recorded_at_ms)
    verdict = await proved(ledger, asked)
    assert verdict.answer is not None
    assert verdict.answer.decision == "deny"


async def test_growth_is_proved_from_a_size_the_asker_holds() -> None:
    ledger = await SmallLedger().begin("acme")
    held, size = ledger.mark.note, ledger.mark.size
    await ledger.record("consent_granted", JANE, **GRANT)
    raw = await ledger.proofs.bundle(ledger.ask(JANE), disclose=True, held_size=size)
    assert verify_bundle(raw, verifiers=[ledger.keys.signer.verifier], held=held).level == "L2"


@pytest.mark.parametrize("size", [0, -1, 10**6])
async def test_growth_from_a_size_that_never_was_is_refused(size: int) -> None:
    ledger = await a_small_ledger()
    with pytest.raises(QuestionError):
        await ledger.proofs.bundle(ledger.ask(JANE), disclose=True, held_size=size)


async def test_questions_about_unknown_senders_positions_and_times_are_refused() -> None:
    ledger = await a_small_ledger()
    for asked in (
        ledger.ask(JANE, sender="nobody"),
        replace(ledger.ask(JANE), min_position=10**6),
        ledger.ask(JANE, known_at_ms=START_MS - 1),
    ):
        with pytest.raises(QuestionError):
            await ledger.proofs.bundle(asked, disclose=True)


@pytest.mark.parametrize("tombstones", [True, False], ids=["tombstones left", "rows deleted"])
async def test_an_erased_history_is_proved_without_its_contents(tombstones: bool) -> None:  # noqa: FBT001 - a case
    ledger = await a_small_ledger()
    await ledger.erase(JANE, tombstones=tombstones)
    bundle = await shown(ledger, ledger.ask(JANE))
    assert [event.event for event in bundle.subjects[0].events] == [UNSET] * 3
    verdict = await proved(ledger, ledger.ask(JANE))
    assert verdict.answer is not None
    assert verdict.answer.reason_code == "SUPPRESSED_AFTER_ERASURE"


async def test_what_is_recorded_after_an_erasure_is_shown_and_erased_in_its_turn() -> None:
    ledger = await a_small_ledger()
    await ledger.erase(JANE)
    await ledger.record("consent_granted", JANE, **GRANT)
    assert (await proved(ledger, ledger.ask(JANE))).verified
    await ledger.erase(JANE)
    bundle = await shown(ledger, ledger.ask(JANE))
    assert [event.event for event in bundle.subjects[0].events] == [UNSET] * 4
    assert (await proved(ledger, ledger.ask(JANE))).verified


async def test_a_bundle_is_of_one_state_however_much_is_recorded_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger = await a_small_ledger()
    read = MemoryReader.records_of

    async def interrupted(reader: MemoryReader, subject_key: bytes) -> list[SealedRow]:
        await ledger.record("consent_withdrawn", JANE, **NO)
        return await read(reader, subject_key)

    monkeypatch.setattr(MemoryReader, "records_of", interrupted)
    verdict = await proved(ledger, ledger.ask(JANE))
    assert verdict.answer is not None
    assert verdict.answer.decision == "allow"
    assert (verdict.size or 0) < ledger.mark.size


async def test_a_standing_changed_behind_the_back_changes_no_proof() -> None:
    ledger = await a_small_ledger()
    key = ledger.admission.subject_of(ledger.address(LEFT))
    row = ledger.store.subjects.get(key, ledger.store.version)
    assert row is not None
    ledger.store.subjects.put(
        key, structs.replace(row, standing=encode_standing(EMPTY)), ledger.store.version
    )
    verdict = await proved(ledger, ledger.ask(LEFT))
    assert verdict.answer is not None
    assert verdict.answer.reason_code == "WITHDRAWN"


async def test_evidence_as_deep_as_is_recorded_is_shown_by_a_bundle() -> None:
    ledger, evidence = await SmallLedger().begin("acme"), dict[str, object]()
    for _ in range(EVIDENCE_DEPTH_MAX - 1):
        evidence = {"a": evidence}
    await ledger.record("consent_granted", "jane@example.org", **GRANT | {"evidence": evidence})
    raw = await ledger.proofs.bundle(ledger.address("jane@example.org"), disclose=True)
    assert verify_bundle(raw, verifiers=[ledger.keys.signer.verifier]).verified
