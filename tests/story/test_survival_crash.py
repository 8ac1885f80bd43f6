"""kill -9 of the service at every durable step of an append, and a database that was set back."""

import pytest

from tests.support.databases import a_copy
from tests.support.persistent_callers import Delivery, ask
from tests.support.program_nursery import KILLED
from tests.support.survival_stage import Door, RefusedToStartError, Stage

# The step of an append, and whether the event that was under way is in the log afterwards.
STEPS = {
    "queued": False,
    "locked": False,
    "read": False,
    "computed": False,
    "written": False,
    "committed": True,
    "marked": True,
    "answered": True,
}


@pytest.mark.parametrize(("step", "is_in"), STEPS.items(), ids=STEPS.keys())
def test_a_crash_loses_nothing_acknowledged_and_doubles_nothing(
    stage: Stage,
    service: Door,
    step: str,
    is_in: bool,  # noqa: FBT001 - a column of the table
) -> None:
    events, delivery = stage.workload(step, 5), Delivery()
    with stage.service(crash_at=f"{step}:5") as crashing:
        for event in events[:4]:
            stage.callers(crashing).deliver([event], delivery)
        assert ask(crashing.port, stage.key, "/v1/events", events[4]) is None
        assert crashing.run.wait() == KILLED
    again = ask(service.port, stage.key, "/v1/events", events[4])
    assert again
    assert (again.status, again.body["replayed"]) == ((200, True) if is_in else (201, False))
    delivery.keep(events[4], again)
    stage.assert_repeatable(delivery, events, service)
    stage.assert_survived(delivery)


def test_a_restored_older_database_is_refused_at_start(stage: Stage) -> None:
    with a_copy(stage.server.dsn) as backup:
        with stage.service() as door:
            stage.callers(door).deliver(stage.workload("after the backup", 1))
        with pytest.raises(RefusedToStartError, match=r"an older state.*Nothing was signed"):
            stage.start(dsn=backup)
    stage.assert_survived()
