"""Replies that get lost, between PostgreSQL and the service and between the service and its caller."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.cutting_proxy import CuttingProxy, HttpProxy, PostgresProxy
from tests.support.persistent_callers import Delivery, ask, is_a_clear_refusal
from tests.support.survival_stage import Door, Stage


@contextmanager
def behind_a_proxy(stage: Stage, *, after_commit: bool) -> Iterator[tuple[Door, CuttingProxy]]:
    with (
        PostgresProxy(stage.server.unix_socket, after_commit=after_commit) as proxy,
        stage.service(dsn=stage.server.dsn_through(proxy.port)) as door,
    ):
        yield door, proxy


@pytest.mark.parametrize("after_commit", [True, False], ids=["reply lost", "commit lost"])
def test_a_caller_is_told_to_come_again_and_then_gets_the_one_receipt(
    stage: Stage,
    service: Door,
    after_commit: bool,  # noqa: FBT001 - a column of the table
) -> None:
    (event,) = events = stage.workload(f"cut {after_commit}", 1)
    with behind_a_proxy(stage, after_commit=after_commit) as (door, proxy):
        proxy.arm()
        refusal = ask(door.port, stage.key, "/v1/events", event)
        assert refusal is not None
        assert is_a_clear_refusal(refusal)
        assert proxy.cuts == 1
        delivery = stage.callers(door).deliver(events)
        assert delivery.replays == after_commit
    stage.assert_repeatable(delivery, events, service)
    stage.assert_survived(delivery)


def test_a_service_whose_commits_are_cut_again_and_again_doubles_nothing(stage: Stage, service: Door) -> None:
    events, delivery = stage.workload("cuts", 60), Delivery()
    with behind_a_proxy(stage, after_commit=True) as (door, proxy):
        proxy.arm(8)
        stage.callers(door).deliver(events, delivery)
        assert proxy.cuts == 8
    assert delivery.replays
    stage.assert_repeatable(delivery, events, service)
    stage.assert_survived(delivery)


def test_a_caller_who_does_not_hear_the_answer_gets_the_same_one_later(stage: Stage, service: Door) -> None:
    events = stage.workload("unheard", 20)
    with HttpProxy(service.port) as proxy:
        proxy.arm(7)
        delivery = stage.callers(Door(service.run, proxy.port)).deliver(events)
        assert proxy.cuts == delivery.troubles["no answer"] == 7
    assert delivery.replays, "what was recorded unheard is recorded once"
    stage.assert_survived(delivery)
