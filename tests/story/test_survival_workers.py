"""Several processes on one ledger at once, one of them killed in the middle: the head row is the fence."""

import asyncio
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.databases import a_database, fetch_value
from tests.support.http_service import grant, question, withdrawal
from tests.support.persistent_callers import ask
from tests.support.plain_log import read_log
from tests.support.program_nursery import KILLED
from tests.support.survival_stage import BEFORE_THE_FIRST, Door, Stage


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_two_processes_append_at_once_and_one_is_killed_in_the_middle(
    stage: Stage, service: Door, other_service: Door
) -> None:
    events = stage.workload("two processes", 160)
    with stage.callers(service, other_service).delivering(events) as delivery:
        delivery.wait_for(60)
        other_service.run.kill()
        delivery.wait_for(100)
        restarted = stage.start(port=other_service.port)
    stage.assert_repeatable(delivery, events[::8], restarted)
    restarted.run.kill()
    stage.assert_survived(delivery)


def test_a_killed_worker_is_replaced_also_when_postgres_is_away_just_then(stage: Stage) -> None:
    events = stage.workload("two workers", 80)
    with stage.service("--workers", "2") as door, stage.callers(door).delivering(events) as delivery:
        delivery.wait_for(20)
        stage.server.stop()
        os.kill(children(door.run.pid)[0], signal.SIGKILL)
        door.wait_until_it_logs("worker_waits")
        stage.server.start()
        delivery.wait_for(50)
        os.kill(children(door.run.pid)[0], signal.SIGKILL)
    assert door.run.status() == KILLED, "by this test alone"
    stage.assert_survived(delivery)


def test_a_no_that_one_process_acknowledged_is_honoured_by_the_other_at_once(
    stage: Stage, service: Door, other_service: Door
) -> None:
    doors = (service, other_service)
    for number in range(24):
        told, asked = doors[number % 2], doors[1 - number % 2]
        address = {"kind": "email", "value": f"no{number}@example.org"}
        stage.sent += 2
        for event, answer in ((grant, "allow"), (withdrawal, "deny")):
            sent = ask(
                told.port, stage.key, "/v1/events", event(f"no {event.__name__} {number}", address=address)
            )
            assert sent
            assert sent.status == 201
            heard = ask(asked.port, stage.key, "/v1/checks", question(address=address))
            assert heard
            assert heard.body["decision"] == answer
            assert heard.body["position"] >= sent.body["position"]
    stage.assert_survived()


def test_two_processes_that_begin_a_ledger_at_once_begin_one(stage: Stage, tmp_path: Path) -> None:
    fresh = Stage(stage.nursery, stage.server, tmp_path)
    with a_database(stage.server.dsn) as dsn, ThreadPoolExecutor(2) as both, ExitStack() as stack:
        for begun in [both.submit(fresh.start, dsn=dsn) for _ in range(2)]:
            stack.callback(begun.result().run.kill)
        log = asyncio.run(read_log(dsn))
        assert not log.faults()
        assert log.event_count == BEFORE_THE_FIRST


WHO_HOLDS_THE_HEAD = """
SELECT count(*) FROM pg_stat_activity JOIN pg_locks USING (pid)
WHERE state = 'idle in transaction' AND relation = 'log_head'::regclass AND mode = 'RowShareLock'
"""


def freeze_in_the_middle(stage: Stage, door: Door) -> None:
    """Stop the process while it holds the head row."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        door.run.signal(signal.SIGSTOP)
        time.sleep(0.02)
        if fetch_value(stage.server.dsn, WHO_HOLDS_THE_HEAD):
            return
        door.run.signal(signal.SIGCONT)
        time.sleep(0.005)
    pytest.fail("never caught with the head in its hand")


@pytest.mark.soak
def test_a_process_that_freezes_in_the_middle_of_an_append_stops_the_others_for_seconds_only(
    stage: Stage, service: Door, other_service: Door
) -> None:
    """It freezes and wakes as one whose machine was paused: late, and then too late."""
    events, later = stage.workload("frozen", 400), stage.workload("meanwhile", 1)
    with stage.callers(service).delivering(events) as delivery:
        delivery.wait_for(5)
        freeze_in_the_middle(stage, service)
        meanwhile = stage.callers(other_service).deliver(later)
        service.run.signal(signal.SIGCONT)
    stage.assert_survived(delivery, meanwhile)
