"""The client against the service itself: asked, told, and heard."""

import asyncio
import inspect
import sqlite3
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest

from service.client import (
    AccessError,
    AsyncLedger,
    AwayError,
    Ledger,
    NoAnswerError,
    ProblemError,
    ReusedIdError,
)
from service.client.streams import WAITING_ITEMS_MAX
from service.core.verifier import verify_bundle
from tests.support.cutting_proxy import HttpProxy
from tests.support.http_service import JANE, grant, question, withdrawal
from tests.support.served import Served

DEFAULTS = {name: value for name, value in question().items() if name != "address"}


def mail(name: str) -> dict[str, str]:
    return {"kind": "email", "value": f"{name}@example.org"}


@pytest.fixture
def ledger(live: Served) -> Iterator[Ledger]:
    with Ledger(live.url, live.key) as opened:
        yield opened


@pytest.fixture
async def asynchronous(live: Served) -> AsyncIterator[AsyncLedger]:
    async with AsyncLedger(live.url, live.key) as opened:
        yield opened


def test_an_allow_is_signed_and_carries_the_way_out_into_the_message(ledger: Ledger) -> None:
    answer = ledger.check(question())
    assert (answer.allowed, answer.reason_code, bool(answer.token)) == (True, "CONSENT", True)
    message = EmailMessage(policy=SMTP.clone(max_line_length=998))
    answer.put_into(message)
    answer.put_into(message)
    assert message.get_all("List-Unsubscribe") == [f"<{answer.unsubscribe_url}>"]
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_deny_is_an_answer_for_which_there_is_no_message(ledger: Ledger) -> None:
    answer = ledger.check(question(address=mail("nobody")))
    assert (answer.allowed, answer.reason_code) == (False, "NO_BASIS")
    assert not ledger.is_allowed(question(address=mail("nobody")))
    with pytest.raises(ValueError, match="deny"):
        answer.put_into(EmailMessage())


def test_an_event_is_recorded_once_and_what_comes_after_knows_it(ledger: Ledger) -> None:
    event = grant("client-1", address=mail("client-1"))
    first, second = ledger.record(event), ledger.record(event)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.index == second.index
    assert ledger.check(question(address=mail("client-1"), min_position=first.position)).allowed
    with pytest.raises(ReusedIdError) as refused:
        ledger.record({**event, "categories": ["offers"]})
    assert (refused.value.problem.slug, refused.value.retry_after) == ("source-event-id-reused", None)


def test_a_refusal_says_which_field_and_never_the_value(ledger: Ledger) -> None:
    with pytest.raises(ProblemError) as refused:
        ledger.record(grant("client-2", address={"kind": "email", "value": "secret at example"}))
    assert "/address/value" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_key_without_the_scope_is_told_so(ledger: Ledger) -> None:
    with pytest.raises(AccessError) as refused:
        ledger.publish_form({"language": "en"})
    assert refused.value.problem.slug == "insufficient-scope"


def test_a_sender_is_registered_and_a_link_made_and_the_keys_read(ledger: Ledger) -> None:
    sender = {"id": "beta", "legal_name": "Beta B.V.", "country": "NL"}
    assert ledger.register_sender(sender).id == ledger.register_sender(sender).id
    link = ledger.unsubscribe_link(
        {"sender": "acme", "category": "newsletter", "channel": "email", "address": JANE}
    )
    assert link.headers["List-Unsubscribe"] == f"<{link.url}>"
    assert ledger.is_ready()
    assert b"Ed25519" in ledger.read_keys()


def test_a_proof_verifies_without_the_service(ledger: Ledger) -> None:
    assert verify_bundle(ledger.prove({**question(), "disclose": True})).answer is not None


def test_many_events_are_answered_in_their_order_and_a_bad_one_takes_no_other_with_it(ledger: Ledger) -> None:
    events = [grant(f"many-{number}", address=mail(f"many-{number}")) for number in range(1_000)]
    events[500] = {**events[500], "sender": "nobody-knows"}
    outcomes = list(ledger.record_many(events))
    assert [outcome.event for outcome in outcomes] == events
    refused = [outcome for outcome in outcomes if outcome.receipt is None]
    assert [outcome.event["source_event_id"] for outcome in refused] == ["many-500"]
    assert all(outcome.receipt and outcome.receipt.replayed for outcome in ledger.record_many(events[:10]))


def test_a_campaign_answers_each_check_beside_it(ledger: Ledger) -> None:
    checks: list[dict[str, Any]] = [{"address": JANE}, {"address": mail("stranger")}] * 700
    checks[1_000] = {"address": {"kind": "email", "value": "none"}}
    campaign = ledger.campaign({**DEFAULTS, "unsubscribe": True}, checks)
    lines = list(campaign)
    assert [line.check for line in lines] == checks
    assert [line.allowed for line in lines] == [check["address"] == JANE for check in checks]
    assert lines[1_000].problem is not None
    assert all(line.answer and line.answer.unsubscribe for line in lines if line.allowed)
    assert (campaign.summary.count, campaign.summary.refused, campaign.summary.allowed) == (1_400, 1, 699)


async def test_a_check_that_waits_for_the_answer_before_it_gets_it(asynchronous: AsyncLedger) -> None:
    answered = asyncio.Event()

    async def checks() -> AsyncIterator[dict[str, Any]]:
        for _ in range(3):
            answered.clear()
            yield {"address": JANE}
            await asyncio.wait_for(answered.wait(), 30)

    campaign = asynchronous.campaign(DEFAULTS, checks())
    async for line in campaign:
        assert line.allowed
        answered.set()
    assert campaign.summary.count == 3


async def test_no_more_is_taken_than_fits_under_way(asynchronous: AsyncLedger) -> None:
    taken = 0

    def checks() -> Iterator[dict[str, Any]]:
        nonlocal taken
        for taken in range(1, 20_001):  # noqa: B007 - counted
            yield {"address": JANE}

    most = 0
    async for line in asynchronous.campaign(DEFAULTS, checks()):
        most = max(most, taken - line.line)
    assert most <= WAITING_ITEMS_MAX


def test_items_are_taken_in_the_thread_of_the_caller(ledger: Ledger) -> None:
    database = sqlite3.connect(":memory:")  # refuses every other thread
    database.execute("CREATE TABLE people (address TEXT)")
    database.executemany(
        "INSERT INTO people VALUES (?)", [(f"p{number}@example.org",) for number in range(600)]
    )
    people = database.execute("SELECT address FROM people")
    checks = ({"address": {"kind": "email", "value": value}} for (value,) in people)
    assert len(list(ledger.campaign(DEFAULTS, checks))) == 600
    database.close()


def test_what_goes_wrong_in_the_callers_own_items_is_the_callers_to_see(ledger: Ledger) -> None:
    def checks() -> Iterator[dict[str, Any]]:
        yield {"address": JANE}
        raise LookupError("the caller's own")

    with pytest.raises(LookupError, match="the caller's own"):
        list(ledger.campaign(DEFAULTS, checks()))


async def test_the_same_of_an_asynchronous_one(asynchronous: AsyncLedger) -> None:
    async def events() -> AsyncIterator[dict[str, Any]]:
        yield grant("own-1", address=mail("own-1"))
        raise LookupError("the caller's own")

    with pytest.raises(LookupError, match="the caller's own"):
        async for _ in asynchronous.record_many(events()):
            pass


def test_a_campaign_that_nobody_finished_has_no_summary(ledger: Ledger) -> None:
    campaign = ledger.campaign(DEFAULTS, [{"address": JANE}] * 10)
    for _ in campaign:
        break
    with pytest.raises(AwayError, match="not complete"):
        _ = campaign.summary


def test_a_campaign_that_is_refused_as_a_whole_says_why(ledger: Ledger) -> None:
    with pytest.raises(ProblemError, match="/sender"):
        list(ledger.campaign({**DEFAULTS, "sender": "nobody-knows"}, [{"address": JANE}]))


def test_a_reader_goes_on_from_its_position(ledger: Ledger) -> None:
    position = ledger.record(grant("feed-1", address=mail("feed"))).position
    ledger.record(grant("feed-2", address=mail("feed")))
    ledger.record(withdrawal("feed-3", address=mail("feed")))
    following = ledger.follow(position, types=["consent_withdrawn"], senders=["acme"])
    event = next(following)
    assert event["type"].endswith("consent_withdrawn")
    assert event["data"]["position"] > position
    following.close()
    page = ledger.events(position, limit=1)
    assert (len(page.items), page.next > position) == (1, True)


async def test_a_reader_hears_what_happens_while_it_waits(asynchronous: AsyncLedger) -> None:
    position = (await asynchronous.record(grant("wait-1", address=mail("wait")))).position
    following = asynchronous.follow(position)
    waiting = asyncio.ensure_future(anext(following))
    await asyncio.sleep(0)
    receipt = await asynchronous.record(grant("wait-2", address=mail("wait"), categories=["offers"]))
    event = await asyncio.wait_for(waiting, 30)
    assert event["data"]["position"] == receipt.index
    await following.aclose()


def test_events_are_recorded_once_however_often_the_connection_breaks(live: Served) -> None:
    events = [grant(f"cut-{number}", address=mail(f"cut-{number}")) for number in range(3_000)]
    with HttpProxy(live.port) as proxy, Ledger(f"http://127.0.0.1:{proxy.port}", live.key) as ledger:
        outcomes = []
        for outcome in ledger.record_many(events):
            outcomes.append(outcome)
            if len(outcomes) in (1, 700, 1_500):
                proxy.arm()
        assert proxy.cuts >= 2
    assert [outcome.event for outcome in outcomes] == events
    assert len({outcome.receipt.index for outcome in outcomes if outcome.receipt}) == 3_000


def test_a_campaign_that_is_cut_off_gives_no_answer_to_the_rest(live: Served) -> None:
    with HttpProxy(live.port) as proxy, Ledger(f"http://127.0.0.1:{proxy.port}", live.key) as ledger:
        campaign = ledger.campaign(DEFAULTS, [{"address": JANE}] * 50_000)
        lines = iter(campaign)
        assert next(lines).allowed
        proxy.arm()
        with pytest.raises(AwayError):
            assert len(list(lines)) < 50_000
        with pytest.raises(AwayError):
            _ = campaign.summary


@pytest.mark.parametrize("url", ["", "ftp://ledger.example", "ledger.example"])
def test_a_url_that_is_none_is_refused_at_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSENT_LEDGER_URL", "nowhere")
    with pytest.raises(ValueError, match="http"):
        AsyncLedger(url, "k")
    with pytest.raises(ValueError, match="http"):
        Ledger(url, "k")


def test_without_a_key_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONSENT_LEDGER_KEY", raising=False)
    with pytest.raises(ValueError, match="CONSENT_LEDGER_KEY"):
        Ledger("http://127.0.0.1:1")


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    def public(kind: type) -> dict[str, set[str]]:
        return {
            name: {p for p in inspect.signature(method).parameters if p not in ("wait", "limit", "patience")}
            for name, method in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_") and name not in ("run", "record_groups", "events", "follow")
        }

    assert public(Ledger) == public(AsyncLedger)
    assert {"events", "follow"} <= {*dir(Ledger)} & {*dir(AsyncLedger)}


def test_after_closing_there_is_no_answer(live: Served) -> None:
    ledger = Ledger(live.url, live.key)
    ledger.close()
    ledger.close()
    with pytest.raises(NoAnswerError, match="closed"):
        ledger.check(question())
