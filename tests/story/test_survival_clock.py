"""The service's clock is set back by an hour between two appends."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.wiring.durable import replace_durably
from tests.support.http_service import grant, question, withdrawal
from tests.support.persistent_callers import ask
from tests.support.survival_stage import Door, Stage

HOUR_MS = 3_600_000

SetClock = Callable[[int], None]


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    (tmp_path / "clock").write_text("0")
    return tmp_path / "clock"


@pytest.fixture
def set_clock(clock: Path) -> SetClock:
    """Put the clock this many milliseconds off."""
    return lambda off_ms: replace_durably(clock, str(off_ms).encode())


@pytest.fixture
def by_the_clock(stage: Stage, clock: Path) -> Iterator[Door]:
    with stage.service(clock=clock) as door:
        yield door


def test_recorded_time_never_goes_back_and_the_order_stays_the_index(
    stage: Stage, by_the_clock: Door, set_clock: SetClock
) -> None:
    before = stage.callers(by_the_clock).deliver(stage.workload("before", 5))
    newest = stage.log().recorded_times[-1]
    set_clock(-HOUR_MS)
    after = stage.callers(by_the_clock).deliver(stage.workload("after", 5))
    log = stage.log()
    added = [log.recorded_times[receipt["index"]] for receipt in after.receipts.values()]
    assert set(added) == {newest}
    assert min(place for place, _ in after.promised.places.values()) > max(
        place for place, _ in before.promised.places.values()
    )
    stage.assert_survived(before, after)


def test_what_happened_just_before_is_still_taken_as_it_was(
    stage: Stage, by_the_clock: Door, set_clock: SetClock
) -> None:
    (event,) = stage.workload("just before", 1)
    first = stage.callers(by_the_clock).deliver(stage.workload("the time", 1))
    (told,) = first.receipts.values()
    events = [event | {"occurred_at": told["recorded_at"]}]
    delivery = stage.callers(by_the_clock).deliver(events)
    set_clock(-HOUR_MS)
    stage.assert_repeatable(delivery, events, by_the_clock)
    stage.assert_survived(delivery)


def test_a_no_of_just_before_still_counts(stage: Stage, by_the_clock: Door, set_clock: SetClock) -> None:
    address = {"kind": "email", "value": "set.back@example.org"}
    for event in (grant("a yes of before"), withdrawal("a no of before")):
        stage.callers(by_the_clock).deliver([event | {"address": address}])
    stage.sent += 2
    set_clock(-HOUR_MS)
    heard = ask(by_the_clock.port, stage.key, "/v1/checks", question(address=address))
    assert heard
    assert (heard.body["decision"], heard.body["reason_code"]) == ("deny", "WITHDRAWN")
    stage.assert_survived()
