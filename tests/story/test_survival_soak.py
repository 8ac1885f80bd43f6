"""Two hundred seeded crash cycles, each with several faults at once: `make soak`.

A failure names its seed and its plan; `make soak ARGS="-k 'seed-137'"` plays it again.
"""

import pytest

from tests.support.crash_cycle import FAULTS, plan_of, run_cycle
from tests.support.survival_stage import Stage

CYCLES = 200


def test_the_seeds_make_every_fault_come_first_and_in_company() -> None:
    plans = [plan_of(seed) for seed in range(CYCLES)]
    assert plans == [plan_of(seed) for seed in range(CYCLES)]
    for fault in FAULTS:
        assert sum(fault in [each for _, each in plan.faults] for plan in plans) >= CYCLES / len(FAULTS)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(CYCLES), ids=lambda seed: f"seed-{seed:03}")
def test_a_cycle_of_crashes_loses_doubles_and_forks_nothing(stage: Stage, seed: int) -> None:
    plan = plan_of(seed)
    print(plan)  # noqa: T201 - shown where it fails
    delivery = run_cycle(stage, plan)
    endured = ", ".join(f"{trouble} {times} times" for trouble, times in delivery.troubles.items())
    print(f"{len(delivery.receipts)} acknowledged, {delivery.replays} of them again; {endured}")  # noqa: T201 - shown by -rA
