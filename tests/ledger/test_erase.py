"""Erasure: everything of a person at once, never before it was audited, and the no stays."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from service.core.bundle import parse_bundle
from service.core.errors import NotAssuredError
from service.core.verifier import verify_bundle
from service.ledger.addresses import CanonicalAddress
from service.ledger.appending.epoch import NOTICE_INDICES_MAX
from service.ledger.erasing.restored import RestoredErasures
from service.ledger.opening import is_tombstone
from service.ledger.ports import SealedRow
from tests.support.forgery import run
from tests.support.small_ledger import GRANT, SECOND, SmallLedger, a_small_ledger, email

JANE, LEFT, NOBODY = "jane@example.org", "left@example.org", "nobody@example.org"
NO: dict[str, object] = {"sender": "acme", "scope": "all_marketing"}
# What others do with an address: none of it is an act of the person.
BROUGHT_BACK: list[tuple[str, dict[str, object]]] = [
    ("address_imported", {"origin": "bought_list", "source": "import:old-crm"}),
    ("consent_granted", GRANT | {"source": "import:old-crm"}),
    ("purchase", {"sender": "acme", "seller": "acme"}),
    ("contract_started", {"sender": "acme", "seller": "acme"}),
    ("preference_flag_changed", {"sender": "acme", "new_value": "opted_in", "by": "system"}),
    ("message_sent", {"sender": "acme", "category": "newsletter", "channel": "email"}),
]


async def answer(ledger: SmallLedger, address: str = JANE) -> tuple[str, str]:
    decision = (await ledger.checks.check(ledger.ask(address))).decision
    return decision.decision, decision.reason_code


async def held_of(ledger: SmallLedger, address: str) -> list[SealedRow]:
    async with ledger.store.snapshot() as snapshot:
        return await snapshot.records_of(ledger.admission.subject_of(ledger.address(address)))


async def proved(ledger: SmallLedger, address: str) -> Any:  # noqa: ANN401 - the bundle and its verdict
    raw = await ledger.proofs.bundle(ledger.ask(address), disclose=True)
    return parse_bundle(raw), verify_bundle(raw, verifiers=[ledger.keys.signer.verifier])


async def test_an_erasure_destroys_every_record_and_the_key() -> None:
    ledger = await a_small_ledger()
    key = ledger.admission.subject_of(ledger.address(JANE))
    before = ledger.store.secrets.get(key, ledger.store.version)
    erased = await ledger.erase_for_good(JANE)
    assert erased.events == 3
    *emptied, told = await held_of(ledger, JANE)
    assert [is_tombstone(row) for row in (*emptied, told)] == [True, True, True, False]
    after = ledger.store.secrets.get(key, ledger.store.version)
    assert before is not None
    assert after is not None
    assert after.wrapped_key != before.wrapped_key
    assert after.sealed_address_is_empty


async def test_what_was_not_audited_is_not_erased() -> None:
    ledger = await a_small_ledger()
    with pytest.raises(NotAssuredError) as none_yet:
        await ledger.erasures.erase(ledger.address(JANE))
    assert none_yet.value.assured_size == 0
    assert (await ledger.audit()).is_sound
    await ledger.record("erasure_requested", JANE)
    size = ledger.mark.size
    with pytest.raises(NotAssuredError) as newer:
        await ledger.erasures.erase(ledger.address(JANE))
    assert newer.value.needed_size == size - 1
    assert ledger.mark.size == size, "nothing was written"
    assert await answer(ledger) == ("deny", "OBJECTED")
    assert (await ledger.erase_for_good(JANE)).events == 4


async def test_an_audit_after_an_erasure_is_sound_and_counts_it() -> None:
    ledger = await a_small_ledger()
    await ledger.erase_for_good(JANE)
    report = await ledger.audit()
    assert report.findings == []
    assert report.counts["erased"] == 3


@pytest.mark.parametrize(("kind", "fields"), BROUGHT_BACK, ids=[kind for kind, _ in BROUGHT_BACK])
async def test_nothing_that_others_record_lifts_the_suppression(kind: str, fields: dict[str, object]) -> None:
    ledger = await a_small_ledger()
    assert await answer(ledger) == ("allow", "CONSENT")
    await ledger.erase_for_good(JANE)
    assert await answer(ledger) == ("deny", "SUPPRESSED_AFTER_ERASURE")
    await ledger.record(kind, JANE, **fields)
    assert await answer(ledger) == ("deny", "SUPPRESSED_AFTER_ERASURE")
    assert (await ledger.audit()).findings == []


async def test_the_persons_own_new_consent_counts_again_and_is_erased_in_its_turn() -> None:
    ledger = await a_small_ledger()
    await ledger.erase_for_good(JANE)
    form = await ledger.publish_form(title="Newsletter, once more")
    tick = {"sender": "acme", "form": form, "box": "newsletter", "method": "ticked"}
    await ledger.record("consent_granted", JANE, **tick)
    assert await answer(ledger) == ("allow", "CONSENT")
    bundle, verdict = await proved(ledger, JANE)
    assert verdict.verified
    assert [event.event is UNSET for event in bundle.subjects[0].events] == [True] * 3 + [False] * 2
    assert (await ledger.erase_for_good(JANE)).events == 2
    assert await answer(ledger) == ("deny", "SUPPRESSED_AFTER_ERASURE")
    assert (await ledger.audit()).counts["erased"] == 5


async def test_whose_address_comes_again_is_known_by_it_again() -> None:
    ledger = await a_small_ledger()
    await ledger.erase_for_good(JANE)
    await ledger.record("address_imported", JANE, origin="bought_list", source="import:old-crm")
    key = ledger.admission.subject_of(ledger.address(JANE))
    async with ledger.store.snapshot() as snapshot:
        found = ledger.opener.address(key, (await snapshot.secrets([key]))[key])
        assert found == CanonicalAddress("email", JANE)
        assert len((await ledger.opener.histories(snapshot, [key]))[key].events) == 2


async def test_every_proof_verifies_after_an_erasure() -> None:
    ledger = await a_small_ledger()
    kept = {
        address: await ledger.proofs.bundle(ledger.ask(address), disclose=True) for address in (JANE, LEFT)
    }
    await ledger.erase_for_good(JANE)
    for raw in kept.values():
        assert verify_bundle(raw, verifiers=[ledger.keys.signer.verifier]).verified
    for address, code in ((JANE, "SUPPRESSED_AFTER_ERASURE"), (LEFT, "WITHDRAWN"), (NOBODY, "NO_BASIS")):
        bundle, verdict = await proved(ledger, address)
        assert verdict.verified
        assert verdict.answer is not None
        assert verdict.answer.reason_code == code
        assert len(bundle.erasures or []) == (1 if address == JANE else 0)


async def test_erasing_again_changes_nothing_and_gives_the_same_receipt() -> None:
    ledger = await a_small_ledger()
    first = await ledger.erase_for_good(JANE)
    size = ledger.mark.size
    again = await ledger.erasures.erase(ledger.address(JANE))
    assert ledger.mark.size == size
    assert again.events == 0
    assert again.receipt is not None
    assert first.receipt is not None
    assert (again.receipt.index, again.receipt.replayed) == (first.receipt.index, True)
    assert len(ledger.erased.erased) == 1


async def test_of_somebody_unknown_nothing_is_erased() -> None:
    ledger = await a_small_ledger()
    erased = await ledger.erase_for_good(NOBODY)
    assert (erased.events, erased.receipt, erased.linked) == (0, None, ())
    assert ledger.erased.erased == []


async def test_other_addresses_of_the_same_person_are_named_and_left_alone() -> None:
    ledger = await a_small_ledger()
    change = {"by": "recipient", "verified": True, "from": email(JANE), "to": email("new@example.org")}
    await ledger.record("address_changed", None, **change)
    erased = await ledger.erase_for_good(JANE)
    assert erased.linked == (CanonicalAddress("email", "new@example.org"),)
    assert [is_tombstone(row) for row in await held_of(ledger, "new@example.org")] == [False]
    assert await answer(ledger, "new@example.org") == ("deny", "SUPPRESSED_AFTER_ERASURE")
    bundle, verdict = await proved(ledger, "new@example.org")
    assert verdict.verified
    assert [subject.address for subject in bundle.subjects if subject.role == "linked"] == [None]
    assert (await ledger.audit()).findings == []


async def test_a_history_longer_than_a_notice_is_erased_by_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.ledger.appending.epoch.NOTICE_INDICES_MAX", 2)
    assert NOTICE_INDICES_MAX > 2
    ledger = await a_small_ledger()
    assert (await ledger.erase_for_good(JANE)).events == 3
    bundle, verdict = await proved(ledger, JANE)
    assert verdict.verified
    assert len(bundle.erasures or ()) == 2
    assert (await ledger.audit()).findings == []


def restored(ledger: SmallLedger) -> RestoredErasures:
    return RestoredErasures(
        ledger.store,
        ledger.admission,
        ledger.opener,
        ledger.erasures,
        rows=ledger.erasure_rows,
        kept=ledger.erased,
    )


async def test_a_restored_database_does_not_bring_an_erased_person_back() -> None:
    ledger = await a_small_ledger()
    backup, mark = copy.deepcopy(vars_of(ledger)), (ledger.mark.size, ledger.mark.note)
    await ledger.erase_for_good(JANE)
    vars(ledger.store).update(backup)
    ledger.mark.size, ledger.mark.note = mark
    brought_back = SmallLedger(ledger.keys, ledger.store, ledger.mark, now_ms=ledger.now_ms + SECOND)
    brought_back.erased.erased = ledger.erased.erased
    assert await answer(brought_back) == ("allow", "CONSENT")
    assert await restored(brought_back).erase_again() == 1
    assert await answer(brought_back) == ("deny", "SUPPRESSED_AFTER_ERASURE")
    assert (await brought_back.audit()).counts["erased"] == 3
    assert await restored(brought_back).erase_again() == 0


def vars_of(ledger: SmallLedger) -> dict[str, Any]:
    return {name: value for name, value in vars(ledger.store).items() if name != "_lock"}


async def test_rows_that_come_back_alone_are_destroyed_without_another_notice() -> None:
    ledger = await a_small_ledger()
    rows = await held_of(ledger, JANE)
    await ledger.erase_for_good(JANE)
    size = ledger.mark.size
    ledger.store.version += 1
    for row in rows:
        ledger.store.records.put(row.index, row, ledger.store.version)
    assert {finding.code for finding in (await ledger.audit()).findings} >= {"seal_broken"}
    assert await restored(ledger).erase_again() == 1
    assert ledger.mark.size == size
    assert (await ledger.audit()).findings == []


async def test_an_erasure_that_the_list_missed_is_taken_from_the_database() -> None:
    ledger = await a_small_ledger()
    await ledger.erase_for_good(JANE)
    known = ledger.erased.erased
    ledger.erased.erased = []
    assert await restored(ledger).erase_again() == 0
    assert ledger.erased.erased == known


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([JANE, LEFT, "third@example.org"]), st.sampled_from(["say", "no", "erase"])
        ),
        max_size=12,
    )
)
def test_whatever_is_erased_in_whatever_order_the_audit_proves_the_map(steps: list[tuple[str, str]]) -> None:
    async def play() -> None:
        ledger = await SmallLedger().begin("acme")
        for address, step in steps:
            if step == "erase":
                await ledger.erase_for_good(address)
                assert (await answer(ledger, address))[0] == "deny"
            elif step == "no":
                await ledger.record("consent_withdrawn", address, **NO)
            else:
                await ledger.record("consent_granted", address, **GRANT)
        assert (await ledger.audit()).findings == []
        for address in {address for address, _ in steps}:
            _, verdict = await proved(ledger, address)
            assert verdict.verified

    run(play())
