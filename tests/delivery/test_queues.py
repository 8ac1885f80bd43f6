"""What a worker holds: few under way to one endpoint, and nothing sent on a lease that may run out."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.delivery.queues import Queues
from service.ledger.delivering.deliveries import LEASE_MS, SEND_BEFORE_MS, Lane
from service.ledger.delivering.ports import Claimed, key_of

IN_FLIGHT = 3
NOW = 1_800_000_000_000

steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("ab"), st.sampled_from(["control", "live", "replay"])),
        st.tuples(st.sampled_from(["delivered", "failed"]), st.integers(0, 20), st.none()),
        st.tuples(st.just("withdraw"), st.sampled_from("ab"), st.none()),
    ),
    max_size=60,
)


def a_claim(endpoint: str, position: int, lane: Lane = "live") -> Claimed:
    return Claimed(
        endpoint,
        "https://example.org/",
        b"",
        "enabled",
        0,
        lane=lane,
        position=position,
        subject_key=bytes(32),
        event_id="evt_0",
        type="consent_withdrawn",
        body=b"{}",
        sealed=None,
        tries=0,
        attempt=1,
        due=True,
        recorded_at_ms=NOW,
    )


def put(queues: Queues, *claims: Claimed) -> None:
    for claim in claims:
        queues.put(claim, claim.body, NOW + LEASE_MS)


def sent(queues: Queues, endpoint: str = "a", now_ms: int = NOW) -> list[int]:
    return [claim.position for claim, _ in queues.start([endpoint], now_ms)]


@given(steps)
def test_every_claim_is_sent_once_or_given_back_once_and_few_are_under_way(
    history: list[tuple[str, Any, Any]],
) -> None:
    queues, ended, returned, number = Queues(IN_FLIGHT), 0, 0, 0
    under_way: list[Claimed] = []
    for what, which, lane in history:
        if what == "put":
            number += 1
            put(queues, a_claim(which, number, lane))
        elif what == "withdraw":
            queues.withdraw(which)
        elif under_way:
            claim = under_way.pop(which % len(under_way))
            queues.landed(claim, delivered=what == "delivered")
            ended += 1
        under_way += [claim for claim, _ in queues.start(["a", "b"], NOW)]
        for endpoint in "ab":
            assert sum(claim.subscription_id == endpoint for claim in under_way) <= IN_FLIGHT
        returned += len(queues.returned())
        assert sum(queues.held().values()) + ended + returned == number
        assert sum(queues.held().values()) >= len(under_way)


def test_a_slow_endpoint_holds_up_only_itself() -> None:
    queues = Queues(IN_FLIGHT)
    put(queues, *(a_claim("a", position) for position in range(9)), a_claim("b", 1))
    assert sent(queues, "a") == [0, 1, 2]
    assert sent(queues, "a") == []
    assert sent(queues, "b") == [1]


def test_what_concerns_the_subscription_goes_first_and_what_is_replayed_last() -> None:
    queues = Queues(1)
    claims = [a_claim("a", 1, "replay"), a_claim("a", 2), a_claim("a", 3, "control"), a_claim("a", 4)]
    put(queues, *claims)
    order = []
    while started := list(queues.start(["a"], NOW)):
        ((claim, _),) = started
        order.append(claim.position)
        queues.landed(claim, delivered=True)
    assert order == [3, 2, 4, 1]


def test_after_a_failure_nothing_more_goes_out_from_here() -> None:
    queues = Queues(1)
    put(queues, *(a_claim("a", position) for position in range(3)))
    ((failed, _),) = queues.start(["a"], NOW)
    queues.landed(failed, delivered=False)
    assert sent(queues) == []
    assert [claim.position for claim in queues.returned()] == [1, 2]
    assert queues.held() == {}


def test_on_a_lease_that_may_run_out_on_the_way_nothing_is_sent() -> None:
    queues = Queues(IN_FLIGHT)
    put(queues, a_claim("a", 1))
    assert sent(queues, now_ms=NOW + LEASE_MS - SEND_BEFORE_MS + 1) == []
    assert [claim.position for claim in queues.returned()] == [1]


def test_a_renewed_lease_is_good_and_one_that_another_worker_took_is_not_used() -> None:
    queues = Queues(1)
    kept, lost = a_claim("a", 1), a_claim("a", 2)
    put(queues, kept, lost)
    asked = queues.claims(NOW + LEASE_MS + 1)
    queues.renewed(asked, {key_of(kept)}, NOW + 2 * LEASE_MS)
    assert queues.held() == {"a": 1}
    assert sent(queues, now_ms=NOW + LEASE_MS) == [1]
