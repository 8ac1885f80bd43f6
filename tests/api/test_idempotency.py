"""`Idempotency-Key`: a retry gets the answer of the first time, and nothing is done twice."""

import asyncio
from typing import Any

import msgspec
import pytest

from service.core.errors import UnavailableError
from service.ledger.kept_answers import CLAIM_MS, KEPT_MS, Claimed, InFlight, Kept, KeptAnswers, Reused
from service.storage.kept_answers import PostgresAnswerRows
from tests.support.http_service import JANE, Service, grant, question, withdrawal

KEY = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'


async def send(service: Service, path: str, body: object, key: str = KEY, **headers: str) -> Any:  # noqa: ANN401 - httpx's
    return await service.client.post(path, json=body, headers={"idempotency-key": key, **headers})


def problem(response: Any) -> tuple[int, str]:  # noqa: ANN401 - httpx's
    return response.status_code, response.json()["type"].rpartition(":")[2]


async def rows(service: Service) -> list[Any]:
    """What is stored of kept answers."""
    pool = service.composition.access._inside(service.ledger_id)  # noqa: SLF001 - looking into the table
    return await pool.fetch("SELECT * FROM idempotency")


async def test_a_retry_gets_the_very_answer_of_the_first_time(service: Service) -> None:
    first = await send(service, "/v1/events", grant())
    again = await send(service, "/v1/events", grant())
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


@pytest.mark.parametrize("bare", [KEY.strip('"')])
async def test_the_key_may_come_without_its_quotation_marks(service: Service, bare: str) -> None:
    await send(service, "/v1/events", grant(), KEY)
    assert (await send(service, "/v1/events", grant(), bare)).headers["idempotency-replayed"] == "true"


async def test_a_new_key_is_made_once_and_its_secret_is_shown_to_the_retry(service: Service) -> None:
    wanted = {"label": "crm", "scopes": ["check:read"]}
    first, again = [await send(service, "/v1/keys", wanted) for _ in range(2)]
    assert first.json() == again.json()
    listed = (await service.client.get("/v1/keys")).json()["items"]
    assert [key["label"] for key in listed].count("crm") == 1


async def test_a_key_belongs_to_one_request(service: Service) -> None:
    await send(service, "/v1/events", grant())
    assert problem(await send(service, "/v1/events", grant("grant-2"))) == (422, "idempotency-key-reused")
    assert (await service.client.post("/v1/events", json=grant("grant-2"))).status_code == 201


async def test_a_key_counts_within_one_credential_and_one_path(service: Service) -> None:
    await send(service, "/v1/events", grant())
    other = await service.key("record:write", "form:write")
    for path, headers in (("/v1/events/batch", {}), ("/v1/events", other)):
        body = {"events": [grant("b")]} if path.endswith("batch") else grant("c")
        answer = await send(service, path, body, **headers)
        assert answer.status_code in (201, 207)
        assert "idempotency-replayed" not in answer.headers


@pytest.mark.parametrize("key", ['""', "", "x" * 256, '"x', 'a"b', "a b", '"ä"', '"\\""'])
async def test_what_is_no_key_is_refused(service: Service, key: str) -> None:
    sent = {b"idempotency-key": key.encode("latin-1")}
    answer = await service.client.post("/v1/events", json=grant(), headers=sent)
    assert problem(answer) == (400, "idempotency-key-invalid")


async def test_a_refusal_is_not_kept_so_that_it_can_be_corrected(service: Service) -> None:
    refused = await send(service, "/v1/events", grant(sender="nobody"))
    assert refused.status_code == 422
    assert (await send(service, "/v1/events", grant())).status_code == 201


async def test_an_allow_is_never_kept_beyond_a_withdrawal(service: Service) -> None:
    await service.record(grant())
    assert (await send(service, "/v1/checks", question())).json()["decision"] == "allow"
    await service.record(withdrawal())
    answer = await send(service, "/v1/checks", question())
    assert answer.json()["decision"] == "deny"
    assert "idempotency-replayed" not in answer.headers


async def test_a_stream_has_none(service: Service) -> None:
    answer = await service.client.post(
        "/v1/events/batch",
        content=msgspec.json.encode(grant()),
        headers={"content-type": "application/x-ndjson", "idempotency-key": KEY},
    )
    assert problem(answer) == (400, "idempotency-key-not-for-streams")


async def test_of_many_at_once_one_is_done_and_the_others_wait_or_get_its_answer(service: Service) -> None:
    answers = await asyncio.gather(*(send(service, "/v1/events", grant()) for _ in range(12)))
    made = [each for each in answers if each.status_code == 201]
    waiting = [each for each in answers if each.status_code != 201]
    assert len({each.content for each in made}) == 1
    assert sum("idempotency-replayed" not in each.headers for each in made) == 1
    assert all(problem(each) == (409, "idempotency-in-flight") for each in waiting)
    assert all(each.headers["retry-after"] == "1" for each in waiting)


async def test_what_is_stored_can_be_read_neither_by_who_holds_the_database_nor_with_the_ledgers_keys(
    service: Service,
) -> None:
    made = await send(service, "/v1/keys", {"label": "crm", "scopes": ["check:read"]})
    await send(service, "/v1/events", grant(), '"another"')
    stored = repr(await rows(service))
    for secret in (made.json()["key"], JANE["value"], KEY.strip('"'), "another", "receipt", "leaf_hash"):
        assert secret not in stored


async def test_a_replay_still_needs_a_live_credential(service: Service) -> None:
    await send(service, "/v1/events", grant())
    assert (await send(service, "/v1/events", grant(), authorization="Bearer x")).status_code == 401


async def test_the_same_source_event_id_is_a_replay_for_ever_and_says_so(service: Service) -> None:
    await service.record(grant())
    again = await service.record(grant())
    assert again.status_code == 200
    assert again.json()["replayed"]
    assert again.headers["idempotency-replayed"] == "true"
    conflict = await service.record(grant(categories=["offers"]))
    assert problem(conflict) == (409, "source-event-id-reused")


class Clock:
    """A clock that the test sets."""

    now = 1_795_000_000_000

    def __call__(self) -> int:
        """The time it was set to."""
        return self.now


def answers_of(service: Service, clock: Clock) -> KeptAnswers:
    """The same table under another clock: as a process started later would see it."""
    ledger = service.composition.services.ledgers[service.ledger_id]
    pool = service.composition.access._pool  # noqa: SLF001 - the service's own
    rows = PostgresAnswerRows(pool, service.ledger_id)
    return KeptAnswers(rows, ledger.keys, clock=clock, random=lambda size: b"\7" * size)


async def test_a_process_that_died_holds_its_key_for_a_minute_and_no_longer(service: Service) -> None:
    clock = Clock()
    answers = answers_of(service, clock)
    assert isinstance(await answers.begin(b"k", b"place", b"body"), Claimed)
    assert isinstance(await answers.begin(b"k", b"place", b"body"), InFlight)
    clock.now += CLAIM_MS
    assert isinstance(await answers.begin(b"k", b"place", b"other body"), Reused)
    assert isinstance(await answers.begin(b"k", b"place", b"body"), Claimed)


async def test_an_answer_is_kept_for_seven_days_and_then_forgotten(service: Service) -> None:
    clock = Clock()
    answers = answers_of(service, clock)
    claimed = await answers.begin(b"k", b"place", b"body")
    assert isinstance(claimed, Claimed)
    await answers.keep(claimed, b"answer")
    clock.now += KEPT_MS - 1
    assert await answers.begin(b"k", b"place", b"body") == Kept(b"answer")
    assert await answers.forget() == 0
    clock.now += 1
    assert isinstance(await answers.begin(b"k", b"place", b"another body"), Claimed)
    clock.now += KEPT_MS
    assert await answers.forget() == 1
    assert KEPT_MS == 7 * 24 * 3600 * 1000


async def test_a_crash_after_the_work_and_before_the_answer_leads_to_the_same_event(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: object) -> None:
        raise UnavailableError("the database went away")

    monkeypatch.setattr(PostgresAnswerRows, "keep", dies)
    first = await send(service, "/v1/events", grant())
    assert first.status_code == 201
    assert problem(await send(service, "/v1/events", grant())) == (409, "idempotency-in-flight")
    monkeypatch.undo()
    pool = service.composition.access._inside(service.ledger_id)  # noqa: SLF001 - a minute passes
    await pool.execute("UPDATE idempotency SET claimed_until_ms = 0")
    again = await send(service, "/v1/events", grant())
    assert again.status_code == 200
    assert again.json()["index"] == first.json()["index"]
