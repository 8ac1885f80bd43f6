"""Whatever goes wrong, nobody is allowed: dead, slow, refusing, lying and forged services."""

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.client import AsyncLedger, AwayError, Ledger, NoAnswerError, QuotaError, Retries, UntrustedError
from service.client.errors import failure_of
from service.client.retrying import retry_after
from tests.support.http_service import question
from tests.support.scripted_service import KID, Said, Scripted, a_service_that_says

QUESTION = question()
AT_ONCE = Retries(first=0.01, chance=lambda: 0.0)
MAY_PASS, NEVER = (429, 500, 502, 503, 504), (301, 400, 401, 403, 404, 409, 422)
RECEIPT = {"index": 1, "recorded_at": "", "leaf_hash": "", "position": 43, "checkpoint": ""}
RECORDED: Said = (201, json.dumps(RECEIPT).encode(), {})


def ask(told: Scripted, **options: Any) -> bool:  # noqa: ANN401 - those of the client
    """Ask as a sender does who does not look at the reasons."""
    with Ledger(told.url, "k", retries=AT_ONCE, **options) as ledger:
        return ledger.is_allowed(QUESTION, patience=0.5)


def reason(told: Scripted, **options: Any) -> NoAnswerError:  # noqa: ANN401 - those of the client
    with Ledger(told.url, "k", retries=AT_ONCE, **options) as ledger:
        with pytest.raises(NoAnswerError) as failed:
            ledger.check(QUESTION, patience=0.1)
        return failed.value


def test_a_good_answer_is_believed_and_its_keys_are_read_once() -> None:
    with a_service_that_says() as told, Ledger(told.url, "k") as ledger:
        told.answers = [told.answer(QUESTION)]
        assert all(ledger.check(QUESTION).allowed for _ in range(5))
        assert told.keys_read == 1
        told.keys_away = True
        assert ledger.check(QUESTION).allowed


@pytest.mark.parametrize("status", [*MAY_PASS, *NEVER])
def test_no_other_status_is_an_allow(status: int) -> None:
    with a_service_that_says() as told:
        # What it says matters as little as that: a proxy may keep an old body.
        told.answers = [(status, told.answer(QUESTION)[1], {"location": told.url})]
        assert not ask(told)
        assert (len(told.asked) > 1) == (status in MAY_PASS)
        assert (reason(told).retry_after is not None) == (status in MAY_PASS)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"decision": ', b'{"decision": "maybe"}', b"{}", b"\xff"])
def test_what_cannot_be_read_is_no_allow(body: bytes) -> None:
    with a_service_that_says((200, body, {})) as told:
        assert not ask(told)
        assert isinstance(reason(told), AwayError)


def test_a_service_that_is_away_or_silent_allows_nothing() -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        nobody = Scripted([], url=f"http://127.0.0.1:{door.getsockname()[1]}")
        assert not ask(nobody)
        assert "cannot be reached" in str(reason(nobody))
        door.listen()
        with (
            Ledger(nobody.url, "k") as ledger,
            pytest.raises(AwayError, match="in time"),
        ):
            ledger.check(QUESTION, patience=0, seconds=0.2)


def test_a_check_that_failed_once_is_asked_again() -> None:
    with a_service_that_says((503, b"", {})) as told:
        told.answers.append(told.answer(QUESTION))
        assert ask(told)
        assert len(told.asked) == 2


def test_the_service_is_left_alone_for_as_long_as_it_asks() -> None:
    with a_service_that_says((429, b"", {"retry-after": "1"}), RECORDED) as told:
        with Ledger(told.url, "k", retries=AT_ONCE) as ledger:
            assert ledger.record({"source_event_id": "1"}).position == 43
        first, second = told.asked
        assert second.at - first.at >= 1


def test_who_cannot_wait_that_long_is_told_at_once_when_to_come_back() -> None:
    with a_service_that_says((429, b"", {"retry-after": "3600"})) as told:
        failed = reason(told)
        assert isinstance(failed, QuotaError)
        assert (failed.retry_after, len(told.asked)) == (3600, 1)


def test_an_event_is_sent_until_there_is_a_receipt_always_the_same() -> None:
    with a_service_that_says((503, b"", {}), (502, b"<html>", {}), (200, b"no", {}), RECORDED) as told:
        with Ledger(told.url, "k", retries=AT_ONCE) as ledger:
            # An answer that cannot be read leaves open whether the event is in: that is asked again as well.
            assert ledger.record({"source_event_id": "1"}).position == 43
        assert [asked.body for asked in told.asked] == [told.asked[0].body] * 4
        assert "idempotency-key" not in told.asked[0].headers


def test_what_has_no_id_of_its_own_is_repeated_under_one_key() -> None:
    published: Said = (201, json.dumps({"id": "f", "receipt": RECEIPT}).encode(), {})
    with a_service_that_says((503, b"", {}), published, published) as told:
        with Ledger(told.url, "k", retries=AT_ONCE) as ledger:
            ledger.publish_form({})
            ledger.publish_form({})
        first, again, other = (asked.headers["idempotency-key"] for asked in told.asked)
        assert first == again != other


def test_a_key_is_not_taken_elsewhere() -> None:
    with a_service_that_says((200, b"{}", {})) as other:
        with a_service_that_says((307, b"", {"location": other.url})) as told:
            assert not ask(told)
        assert not other.asked


def flipped(told: Scripted) -> Said:
    answer = json.loads(told.answer(QUESTION)[1])
    head, claims, signature = answer["token"].split(".")
    answer["token"] = f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    return 200, json.dumps(answer).encode(), {}


def by_another_key(_told: Scripted) -> Said:
    other = Scripted([], keys={KID: Ed25519PrivateKey.generate()})
    return other.answer(QUESTION)


def by_a_key_nobody_published(_told: Scripted) -> Said:
    other = Scripted([], keys={"ffffffff": Ed25519PrivateKey.generate()})
    return other.answer(QUESTION, kid="ffffffff")


LIES: dict[str, Callable[[Scripted], Said]] = {
    "one byte of the signature": flipped,
    "another key": by_another_key,
    "a key that nobody published": by_a_key_nobody_published,
    "no token": lambda told: told.answer(QUESTION, token=None),
    "no token at all": lambda told: told.answer(QUESTION, token="x"),  # noqa: S106 - no password
    "a token of a deny": lambda told: told.answer(QUESTION, claims={"decision": {"decision": "deny"}}),
    "a token without an answer": lambda told: told.answer(QUESTION, claims={"decision": None}),
    "another question": lambda told: told.answer({**QUESTION, "category": "service"}),
    "an old answer": lambda told: told.answer(QUESTION, claims={"iat": int(time.time()) - 3600}),
    "an answer from the future": lambda told: told.answer(QUESTION, claims={"iat": int(time.time()) + 3600}),
    "no time": lambda told: told.answer(QUESTION, claims={"iat": True}),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_what_the_ledger_did_not_sign_is_no_allow(lie: Callable[[Scripted], Said]) -> None:
    with a_service_that_says() as told:
        told.answers = [lie(told)]
        assert not ask(told)
        assert isinstance(reason(told), UntrustedError)


def test_only_pinned_keys_are_believed_and_only_the_named_log() -> None:
    with a_service_that_says() as told:
        told.answers = [told.answer(QUESTION)]
        pinned = {kid: key.public_key() for kid, key in told.keys.items()}
        assert ask(told, keys=pinned, origin="ledger.test/main/1")
        assert not ask(told, keys=pinned, origin="ledger.test/other/1")
        assert not ask(told, keys={KID: Ed25519PrivateKey.generate().public_key()})
        assert told.keys_read == 0


def test_a_new_key_is_learnt_when_it_is_needed_but_not_at_the_pace_of_forgeries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.client.trust.REFETCH_SECONDS", 0.0)
    with a_service_that_says() as told, Ledger(told.url, "k", retries=AT_ONCE) as ledger:
        told.answers = [told.answer(QUESTION)]
        assert ledger.check(QUESTION).allowed
        told.keys["11111111"] = Ed25519PrivateKey.generate()
        told.answers.append(told.answer(QUESTION, kid="11111111"))
        assert ledger.check(QUESTION).allowed
        monkeypatch.setattr("service.client.trust.REFETCH_SECONDS", 3_600.0)
        read = told.keys_read
        told.answers.append(by_another_key(told))
        for _ in range(5):
            assert not ledger.is_allowed(QUESTION)
        assert told.keys_read == read


def test_without_keys_nothing_is_believed() -> None:
    with a_service_that_says() as told:
        told.answers = [told.answer(QUESTION)]
        told.keys_away = True
        with Ledger(told.url, "k", retries=Retries(first=10.0)) as ledger:
            assert not ledger.is_allowed(QUESTION)


async def test_the_asynchronous_client_refuses_the_same() -> None:
    with a_service_that_says() as told:
        told.answers = [by_another_key(told)]
        async with AsyncLedger(told.url, "k", retries=AT_ONCE) as ledger:
            assert not await ledger.is_allowed(QUESTION)


CAMPAIGNS = {
    "nothing": b"",
    "no JSON": b"<html>\n",
    "no summary": b'{"line":1,"status":200,"decision":"allow","reason_code":"CONSENT"}\n',
    "a line that was not asked": b'{"line":2,"status":200,"decision":"allow","reason_code":"CONSENT"}\n',
    "a line that is no answer": b'{"line":1,"status":200}\n',
    "a line without anything": b'{"line":1,"status":422}\n',
    "a quota that ended": b'{"line":1,"status":429,"problem":{"title":"Quota"}}\n',
    "an outage": b'{"line":1,"status":503,"problem":{"title":"Away"}}\n',
}


@pytest.mark.parametrize("body", CAMPAIGNS.values(), ids=CAMPAIGNS)
def test_a_campaign_that_does_not_end_well_says_so(body: bytes) -> None:
    with a_service_that_says((200, body, {})) as told, Ledger(told.url, "k", verify=False) as ledger:
        campaign = ledger.campaign({}, [{"address": QUESTION["address"]}])
        with pytest.raises(NoAnswerError):
            list(campaign)
        with pytest.raises(NoAnswerError):
            _ = campaign.summary


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Wed, 25 Nov 2026 00:00:10 GMT", 10.0),
        ("soon", None),
        ("", None),
        ("-1", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(said: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": said}, 1_795_564_800.0) == seconds


def test_waits_grow_with_chance_and_never_undercut_the_service() -> None:
    least, most = Retries(chance=lambda: 0.0), Retries(chance=lambda: 1.0)
    away = failure_of(503, b"", None)
    assert [least.wait(attempt, away) for attempt in (1, 2, 3)] == [0.1, 0.2, 0.4]
    assert most.wait(3, away) == pytest.approx(0.5)
    assert least.wait(10_000, away) == 30.0
    assert least.wait(1, failure_of(503, b"", 120.0)) == 120.0
    assert least.wait(1, failure_of(422, b"", 1.0)) is None
