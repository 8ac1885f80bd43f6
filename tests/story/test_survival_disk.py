"""The disk that holds the high-water mark is full: nothing is acknowledged that the mark does not cover."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

from service.wiring.high_water import mark_path
from tests.support.http_service import question
from tests.support.persistent_callers import ask, is_a_clear_refusal
from tests.support.survival_stage import Door, Stage


@contextmanager
def no_room_for_files_of(door: Door) -> Iterator[None]:
    """The kernel refuses every byte that this process would write to a file; sockets are no files."""
    before = resource.prlimit(door.run.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(door.run.pid, resource.RLIMIT_FSIZE, (0, before[1]))
    yield
    resource.prlimit(door.run.pid, resource.RLIMIT_FSIZE, before)


def test_nothing_is_acknowledged_while_the_mark_cannot_be_written_and_all_recovers_by_itself(
    stage: Stage, service: Door
) -> None:
    events = stage.workload("full disk", 6)
    before = stage.callers(service).deliver(events[:2])
    mark = mark_path(stage.data, "main").read_bytes()
    with no_room_for_files_of(service):
        for _ in range(2):
            for event in events[2:]:
                refusal = ask(service.port, stage.key, "/v1/events", event)
                assert refusal
                assert is_a_clear_refusal(refusal)
        check = ask(service.port, stage.key, "/v1/checks", question())
        assert check
        assert check.status == 200
        assert mark_path(stage.data, "main").read_bytes() == mark
    stage.assert_survived(stage.callers(service).deliver(events[2:], before))


def test_a_replay_is_not_acknowledged_either_by_a_service_whose_mark_cannot_be_written(
    stage: Stage, service: Door, other_service: Door
) -> None:
    (event,) = events = stage.workload("unmarked", 1)
    with no_room_for_files_of(service), no_room_for_files_of(other_service):
        for door in (service, other_service):
            refusal = ask(door.port, stage.key, "/v1/events", event)
            assert refusal
            assert is_a_clear_refusal(refusal)
    delivery = stage.callers(other_service).deliver(events)
    assert delivery.replays == 1
    stage.assert_survived(delivery)
