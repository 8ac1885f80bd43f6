"""Quotas: said in every answer, kept for every credential, and never in the way of a no."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.callers.key_desk import NewKey
from service.api.callers.principal import SCOPES, Principal, Quota
from service.api.callers.quotas import DAY_MS, MINUTE_MS, QuotaExceededError, Quotas
from service.core.sketch import REGISTERS, Sketch
from service.storage.fence import AT_THE_DOOR, FencedPool
from service.storage.quota_use import QuotaUseStore
from service.wiring.housekeeping import exchange_quotas
from tests.support.http_service import JANE, Service, grant, question, withdrawal

EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


class Clock:
    """A clock that the test sets."""

    now = 1_795_000_000_000 // DAY_MS * DAY_MS

    def __call__(self) -> int:
        """The time it was set to."""
        return self.now


def caller(requests: int = 10, addresses: int = 10, key_id: str = "k") -> Principal:
    return Principal(key_id, 1, frozenset(SCOPES), Quota(requests, addresses))


def key(number: int) -> bytes:
    """A subject key, as good as random."""
    import hashlib  # noqa: PLC0415 - for this alone

    return hashlib.sha256(number.to_bytes(8)).digest()


async def small(service: Service, quota: Quota) -> dict[str, str]:
    """Headers of a key with every scope and this quota."""
    desk = service.composition.services.key_desk
    text, _ = await desk.issue(service.ledger_id, NewKey("", frozenset(SCOPES), 1, quota))
    return {"authorization": f"Bearer {text}"}


async def test_every_answer_says_what_is_left(service: Service) -> None:
    headers = await small(service, Quota(100, 50))
    answer = await service.client.post("/v1/checks", json=question(), headers=headers)
    assert answer.headers["ratelimit-policy"] == (
        '"requests";q=100;w=60, "addresses";q=50;qu="addresses";w=86400'
    )
    requests, addresses = answer.headers["ratelimit"].split(", ")
    assert requests.startswith('"requests";r=99;t=')
    assert addresses.startswith('"addresses";r=49;t=')
    refused = await service.client.post("/v1/checks", json={}, headers=headers)
    assert refused.status_code == 400
    assert refused.headers["ratelimit"].startswith('"requests";r=98;')
    assert "ratelimit" not in (await service.client.get("/livez")).headers


async def test_one_request_too_many_is_a_429_that_says_when_to_come_back(service: Service) -> None:
    headers = await small(service, Quota(3, 50))
    answers = [await service.client.get("/v1/senders", headers=headers) for _ in range(5)]
    statuses = [answer.status_code for answer in answers]
    if 429 not in statuses[3:]:
        pytest.skip("a minute ended within the test")
    refused = answers[-1]
    assert statuses[:3] == [200, 200, 200]
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == EXCEEDED
    assert refused.json()["violated-policies"] == ["requests"]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"].startswith('"requests";r=0;')


async def test_no_quota_stops_a_withdrawal(service: Service) -> None:
    headers = await small(service, Quota(1, 1))
    await service.client.get("/v1/senders", headers=headers)
    said = await service.client.post("/v1/events", json=withdrawal(), headers=headers)
    assert said.status_code == 201
    grants = await service.client.post("/v1/events", json=grant(), headers=headers)
    batch = {"events": [withdrawal("w2"), grant("g2")]}
    mixed = (await service.client.post("/v1/events/batch", json=batch, headers=headers)).json()["items"]
    assert grants.status_code == 429
    assert [item["status"] for item in mixed] == [201, 429]


async def test_a_key_can_ask_about_so_many_different_addresses_a_day(service: Service) -> None:
    headers = await small(service, Quota(10_000, 5))

    async def ask(number: int) -> Any:  # noqa: ANN401 - httpx's
        address = {**JANE, "value": f"person-{number}@example.org"}
        return await service.client.post("/v1/checks", json=question(address=address), headers=headers)

    assert [(await ask(number)).status_code for number in range(5)] == [200] * 5
    assert (await ask(0)).status_code == 200
    refused = await ask(5)
    assert refused.status_code == 429
    assert refused.json()["violated-policies"] == ["addresses"]
    assert int(refused.headers["retry-after"]) <= 86_400
    assert (await service.client.get("/v1/senders", headers=headers)).status_code == 200
    proof = {"address": {**JANE, "value": "person-9@example.org"}}
    assert (await service.client.post("/v1/proofs", json=proof, headers=headers)).status_code == 429


def test_a_new_minute_and_a_new_day_begin_anew() -> None:
    clock = Clock()
    quotas = Quotas(clock)
    for _ in range(10):
        quotas.allow_request(caller()).require()
    with pytest.raises(QuotaExceededError):
        quotas.allow_request(caller()).require()
    clock.now += MINUTE_MS
    allowance = quotas.allow_request(caller())
    allowance.require()
    allowance.spend(map(key, range(10)))
    with pytest.raises(QuotaExceededError):
        allowance.spend([key(10)])
    clock.now += DAY_MS
    quotas.allow_request(caller()).spend([key(10)])


def test_one_credential_never_uses_what_is_anothers() -> None:
    quotas = Quotas(Clock())
    for _ in range(11):
        quotas.allow_request(caller())
    quotas.allow_request(caller(key_id="other")).require()


async def test_two_processes_count_together(service: Service) -> None:
    clock = Clock()
    store = QuotaUseStore(service.composition.access._pool)  # noqa: SLF001 - the service's own
    processes = [Quotas(clock) for _ in range(2)]
    exchanges = [exchange_quotas(quotas, store)[1] for quotas in processes]
    for number in range(5):
        for place, quotas in enumerate(processes):
            quotas.allow_request(caller()).spend([key(2 * number + place)])
    for exchange in (*exchanges, exchanges[0]):
        await exchange()
    # Ten requests and ten addresses are used, whoever is asked; the first hears of it with its next request.
    with pytest.raises(QuotaExceededError):
        processes[1].allow_request(caller()).require()
    await exchanges[1]()
    processes[0].allow_request(caller())
    await exchanges[0]()
    for quotas in processes:
        with pytest.raises(QuotaExceededError):
            quotas.allow_request(caller()).require()
        with pytest.raises(QuotaExceededError):
            quotas.allow_request(caller()).spend([key(99)])


async def test_many_exchanges_at_once_lose_nothing_of_the_count(service: Service) -> None:
    store = QuotaUseStore(service.composition.access._pool)  # noqa: SLF001 - the service's own
    clock = Clock()
    processes = [Quotas(clock) for _ in range(8)]
    for _ in range(5):
        for quotas in processes:
            for name in "abc":
                quotas.allow_request(caller(1000, 1000, name))
        await asyncio.gather(*(exchange_quotas(quotas, store)[1]() for quotas in processes))
    door = FencedPool(service.composition.access._pool, AT_THE_DOOR)  # noqa: SLF001 - as above
    rows = await door.fetch(
        "SELECT credential, requests FROM quota_use WHERE ledger_id = 1 AND credential = ANY('{a,b,c}')"
    )
    assert {row[0]: row[1] for row in rows} == {"a": 40, "b": 40, "c": 40}


@pytest.mark.parametrize("count", [0, 1, 10, 1_000, 20_000, 200_000])
def test_a_sketch_tells_how_many_within_five_percent(count: int) -> None:
    sketch = Sketch()
    for number in range(count):
        sketch.add(key(number))
    assert abs(sketch.estimate() - count) <= 0.05 * count
    assert len(bytes(sketch)) == REGISTERS == 4096


@given(st.lists(st.integers(0, 5000)), st.lists(st.integers(0, 5000)))
def test_merged_sketches_are_the_sketch_of_the_union(one: list[int], other: list[int]) -> None:
    def sketch(numbers: list[int]) -> Sketch:
        made = Sketch()
        for number in numbers:
            made.add(key(number))
        return made

    merged = sketch(one)
    merged.merge(bytes(sketch(other)))
    assert bytes(merged) == bytes(sketch(one + other))
    assert merged.estimate() == sketch(other + one).estimate()
    assert not merged.merge(bytes(sketch(one)))
