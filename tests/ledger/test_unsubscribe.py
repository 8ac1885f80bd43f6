"""A click on the way out is a no: durable, once, and whatever the sender did or failed to do."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.errors import FormatError, UnavailableError
from service.core.unsubscribe import UnsubscribeLink
from service.core.verifier import verify_bundle
from service.ledger.appending import appender as append
from service.ledger.audit import Audit
from service.ledger.unsubscribe import PATIENCE_SECONDS, Extent, WayOut
from tests.support.small_ledger import DAY, GRANT, SECOND, SmallLedger, moment

JANE = "jane@example.org"


async def a_ledger() -> SmallLedger:
    ledger = await SmallLedger().begin("acme", "beta")
    await ledger.record("consent_granted", JANE, **GRANT)
    return ledger


def link_for(ledger: SmallLedger, address: str = JANE, **changes: str) -> UnsubscribeLink:
    names = {"sender": "acme", "category": "newsletter", "channel": "email"} | changes
    return ledger.unsubscribe.open(ledger.unsubscribe.token(ledger.address(address), **names))


async def click(ledger: SmallLedger, extent: Extent = "category", **changes: str) -> None:
    ledger.now_ms += SECOND
    await ledger.unsubscribe.stop(link_for(ledger, **changes), extent, "one_click")


async def answer(ledger: SmallLedger, address: str = JANE, **changes: str) -> tuple[str, str]:
    ledger.now_ms += SECOND
    given = await ledger.checks.check(ledger.ask(address, **changes))
    return given.body["decision"], given.body["reason_code"]


async def events_of(ledger: SmallLedger, address: str = JANE) -> int:
    key = ledger.admission.subject_of(ledger.address(address))
    async with ledger.store.snapshot() as snapshot:
        rows = await snapshot.subjects([key])
    return rows[key][0].event_count if key in rows else 0


async def look(ledger: SmallLedger, **changes: str) -> WayOut:
    return await ledger.unsubscribe.look(link_for(ledger, **changes))


async def test_a_click_withdraws_and_the_proof_of_it_verifies() -> None:
    ledger = await a_ledger()
    assert await answer(ledger) == ("allow", "CONSENT")
    await click(ledger)
    assert await answer(ledger) == ("deny", "WITHDRAWN")
    verdict = verify_bundle(await ledger.proofs.bundle(ledger.ask(JANE), disclose=True))
    assert verdict.verified, verdict


async def test_the_full_replay_finds_clicks_as_sound_as_anything_else() -> None:
    ledger = await a_ledger()
    await click(ledger)
    await click(ledger, "sender", address="new@example.org")
    audit = Audit(ledger.store, ledger.keys, ledger.opener, ledger.mark)
    assert (await audit.run(lambda _done, _all: None)).findings == []


async def test_stopping_a_category_leaves_the_others_and_the_other_senders_alone() -> None:
    ledger = await a_ledger()
    offers = GRANT | {"categories": ["offers"]}
    await ledger.record("consent_granted", JANE, **offers)
    await ledger.record("consent_granted", JANE, **(GRANT | {"sender": "beta", "senders": ["beta"]}))
    await click(ledger)
    assert await answer(ledger, category="offers") == ("allow", "CONSENT")
    assert await answer(ledger, sender="beta") == ("allow", "CONSENT")


async def test_stopping_everything_stops_every_category_of_this_sender() -> None:
    ledger = await a_ledger()
    await ledger.record("consent_granted", JANE, **(GRANT | {"categories": ["offers"]}))
    await click(ledger, "sender")
    assert await answer(ledger) == ("deny", "OBJECTED")
    assert await answer(ledger, category="offers") == ("deny", "OBJECTED")


async def test_the_same_click_again_records_nothing() -> None:
    ledger = await a_ledger()
    await click(ledger)
    for _ in range(3):
        await click(ledger)
    assert await events_of(ledger) == 2


async def test_many_clicks_at_once_are_one_event() -> None:
    ledger = await a_ledger()
    await asyncio.gather(*(click(ledger) for _ in range(20)))
    assert await events_of(ledger) == 2


async def test_after_a_new_consent_the_same_link_withdraws_again() -> None:
    ledger = await a_ledger()
    for _ in range(3):
        await click(ledger)
        assert await answer(ledger) == ("deny", "WITHDRAWN")
        await ledger.record("consent_granted", JANE, **GRANT)
        assert await answer(ledger) == ("allow", "CONSENT")
    await click(ledger)
    assert await answer(ledger) == ("deny", "WITHDRAWN")


async def test_a_consent_given_between_two_clicks_and_reported_after_them_lifts_nothing() -> None:
    ledger = await a_ledger()
    await click(ledger)
    between = moment(ledger.now_ms + DAY)
    ledger.now_ms += 3 * DAY
    await click(ledger)
    await ledger.record("consent_granted", JANE, **GRANT, occurred_at=between)
    assert await answer(ledger) == ("deny", "WITHDRAWN")


async def test_the_link_outlives_the_erasure_of_the_person() -> None:
    ledger = await a_ledger()
    await ledger.erase(JANE)
    await click(ledger)
    assert await answer(ledger) == ("deny", "SUPPRESSED_AFTER_ERASURE")
    await ledger.record("consent_granted", JANE, **GRANT)
    assert (await answer(ledger))[0] == "allow"
    await click(ledger)
    assert await answer(ledger) == ("deny", "WITHDRAWN")


async def test_an_address_nobody_recorded_can_leave_and_the_proof_of_it_verifies() -> None:
    ledger = await a_ledger()
    await click(ledger, address="new@example.org")
    assert await events_of(ledger, "new@example.org") == 1
    assert await answer(ledger, "new@example.org") == ("deny", "WITHDRAWN")
    assert verify_bundle(await ledger.proofs.bundle(ledger.ask("new@example.org"), disclose=True)).verified


@pytest.mark.parametrize("kind", ["purchase", "contract_started", "membership_started"])
async def test_a_relation_can_neither_stop_a_withdrawal_nor_lift_it(kind: str) -> None:
    ledger = await a_ledger()
    await ledger.record(kind, JANE, seller="acme", notice_given=True, optout_offered=True)
    await click(ledger)
    await ledger.record(kind, JANE, seller="acme", notice_given=True, optout_offered=True)
    assert await answer(ledger) == ("deny", "WITHDRAWN")


async def test_a_link_of_an_unregistered_sender_and_an_unknown_category_works() -> None:
    ledger = await a_ledger()
    await click(ledger, sender="gone", category="no-longer-there")
    seen = await look(ledger, sender="gone", category="no-longer-there")
    assert (seen.sender, seen.category) == ("gone", "No longer there")
    assert seen.stopped == {"category"}


async def test_an_event_of_a_caller_cannot_take_a_clicks_place() -> None:
    ledger = await a_ledger()
    token = ledger.unsubscribe.token(ledger.address(JANE), "acme", "newsletter", "email")
    for guess in (token, f"{token}:category", "unsubscribe-link"):
        await ledger.record(
            "message_sent",
            JANE,
            source="unsubscribe-link",
            source_event_id=guess,
            category="x",
            channel="email",
        )
    await click(ledger)
    assert await answer(ledger) == ("deny", "WITHDRAWN")


async def test_a_full_queue_only_makes_the_click_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = await a_ledger()
    monkeypatch.setattr(append, "QUEUE_EVENTS_MAX", 0)
    started = ledger.now_ms

    async def sleep(_seconds: float) -> None:
        if ledger.now_ms > started + 3 * SECOND:
            monkeypatch.setattr(append, "QUEUE_EVENTS_MAX", 100)
        ledger.now_ms += SECOND

    monkeypatch.setattr(ledger.unsubscribe, "_sleep", sleep)
    await click(ledger)
    assert await answer(ledger) == ("deny", "WITHDRAWN")


async def test_a_no_that_cannot_be_recorded_is_never_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = await a_ledger()
    monkeypatch.setattr(append, "QUEUE_EVENTS_MAX", 0)
    started = ledger.now_ms
    with pytest.raises(UnavailableError):
        await click(ledger)
    assert ledger.now_ms - started >= PATIENCE_SECONDS * SECOND
    monkeypatch.undo()
    assert await answer(ledger) == ("allow", "CONSENT")


async def test_what_is_kept_of_a_click_is_what_was_done_and_not_from_where() -> None:
    ledger = await a_ledger()
    await click(ledger, message="<42@acme.example>")
    key = ledger.admission.subject_of(ledger.address(JANE))
    async with ledger.store.snapshot() as snapshot:
        history = (await ledger.opener.histories(snapshot, [key]))[key]
    record = history.events[-1].record
    assert b'"type":"consent_withdrawn"' in record
    assert b'"via":"unsubscribe_link"' in record
    assert json.loads(history.events[-1].evidence or b"") == {
        "unsubscribe_link": {
            "method": "one_click",
            "category": "newsletter",
            "channel": "email",
            "message": "<42@acme.example>",
        }
    }


async def test_the_page_says_what_is_stopped_and_for_whom() -> None:
    ledger = await a_ledger()
    assert (await look(ledger)).stopped == set()
    await click(ledger)
    seen = await look(ledger)
    assert (seen.sender, seen.category) == ("Acme BV", "Newsletter")
    assert seen.stopped == {"category"}
    await ledger.record("consent_granted", JANE, **(GRANT | {"categories": ["offers"]}))
    assert (await look(ledger)).stopped == {"category"}
    await click(ledger, "sender")
    assert (await look(ledger)).stopped == {"category", "sender"}
    await ledger.record("consent_granted", JANE, **GRANT)
    assert (await look(ledger)).stopped == set()


async def test_a_token_of_another_ledger_is_refused() -> None:
    ledger = await a_ledger()
    token = ledger.unsubscribe.token(ledger.address(JANE), "acme", "newsletter", "email")
    with pytest.raises(FormatError):
        ledger.unsubscribe.open(token[:-1] + ("A" if token[-1] != "A" else "B"))


ACTS = ("consent", "late consent", "imported consent", "purchase", "click", "click everything", "three days")


async def play(ledger: SmallLedger, act: str) -> None:
    if act.startswith("click"):
        await click(ledger, "sender" if act == "click everything" else "category")
    elif act == "three days":
        ledger.now_ms += 3 * DAY
    elif act == "purchase":
        await ledger.record("purchase", JANE, seller="acme", notice_given=True, optout_offered=True)
    else:
        declared = {"late consent": {"occurred_at": moment(ledger.now_ms - 2 * DAY)}}.get(act, {})
        source = {"source": "import-2019"} if act == "imported consent" else {}
        await ledger.record("consent_granted", JANE, **GRANT, **declared, **source)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(ACTS), max_size=8), st.sampled_from(ACTS[1:4]))
def test_whatever_came_before_a_click_ends_it_and_no_old_yes_begins_it_again(
    acts: list[str], after: str
) -> None:
    async def story() -> None:
        ledger = await a_ledger()
        for act in acts:
            await play(ledger, act)
        await play(ledger, "click")
        assert (await answer(ledger))[0] == "deny"
        assert "category" in (await look(ledger)).stopped
        await play(ledger, after)
        assert (await answer(ledger))[0] == "deny"

    asyncio.run(story())
