"""PostgreSQL killed, stopped, started again: who comes again loses nothing, and the service mends itself."""

import time
from collections.abc import Callable

import pytest

from tests.support.http_service import question
from tests.support.killable_server import KillableServer
from tests.support.persistent_callers import Reply, ask, is_a_clear_refusal
from tests.support.survival_stage import Door, Stage

CLEAR_SECONDS = 15


def kill_and_restart(server: KillableServer) -> None:
    server.kill()
    server.start()


KILLS: dict[str, Callable[[KillableServer], None]] = {
    "the postmaster": kill_and_restart,
    "a backend": KillableServer.kill_a_backend,
}


@pytest.mark.parametrize("kill", KILLS.values(), ids=KILLS)
def test_postgres_killed_under_load_loses_nothing_and_doubles_nothing(
    stage: Stage, service: Door, kill: Callable[[KillableServer], None]
) -> None:
    events = stage.workload(f"killed {kill.__name__}", 150)
    with stage.callers(service).delivering(events) as delivery:
        for receipts in (20, 70):
            delivery.wait_for(receipts)
            kill(stage.server)
    assert delivery.troubles["refused"]
    stage.assert_repeatable(delivery, events[:20], service)
    stage.assert_survived(delivery)


def test_a_service_starts_its_own_postgres_again_when_that_is_killed(self_contained: Stage) -> None:
    stage = self_contained
    events = stage.workload("its own", 120)
    with stage.service() as door:
        with stage.callers(door).delivering(events) as delivery:
            for receipts in (20, 70):
                delivery.wait_for(receipts)
                stage.server.kill()
        stage.assert_survived(delivery)
    assert delivery.troubles["refused"]


def answered(door: Door, key: str, path: str, body: object = None) -> Reply:
    began = time.monotonic()
    reply = ask(door.port, key, path, body)
    assert reply is not None
    assert time.monotonic() - began < CLEAR_SECONDS, "it hung"
    return reply


def test_without_postgres_the_answers_are_clear_and_all_recovers_by_itself(
    stage: Stage, service: Door
) -> None:
    event, *others = stage.workload("without", 4)
    before = stage.callers(service).deliver(others)
    stage.server.stop()
    for path, body in (("/v1/events", event), ("/v1/checks", question()), ("/v1/proofs", question())):
        for _ in range(2):
            assert is_a_clear_refusal(answered(service, stage.key, path, body))
    ready = answered(service, stage.key, "/readyz")
    assert (ready.status, ready.body["failing"]) == (503, ["database"])
    assert answered(service, stage.key, "/livez").status == 200
    stage.server.start()
    assert answered(service, stage.key, "/readyz").status == 200
    assert answered(service, stage.key, "/v1/checks", question()).status == 200
    stage.assert_survived(stage.callers(service).deliver([event], before))


def test_readiness_says_so_when_postgres_is_there_and_silent(stage: Stage, service: Door) -> None:
    events = stage.workload("silent", 6)
    with stage.callers(service).delivering(events) as delivery, stage.server.frozen():
        for _ in range(2):
            ready = answered(service, stage.key, "/readyz")
            assert (ready.status, ready.body["failing"]) == (503, ["database"])
        assert answered(service, stage.key, "/livez").status == 200
    assert answered(service, stage.key, "/readyz").status == 200
    stage.assert_survived(delivery)
