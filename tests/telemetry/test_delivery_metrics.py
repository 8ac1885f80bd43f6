"""What waits for each subscription, also where several processes count together."""

import subprocess
import sys
from pathlib import Path

import pytest

from service.telemetry.metrics import MULTIPROCESS_VARIABLE

PROGRAM = """
import warnings
warnings.simplefilter("error")
from service.telemetry.delivery_metrics import DeliveryMetrics
from service.telemetry.metrics import Metrics
metrics = Metrics()
told = DeliveryMetrics(metrics).of("main")
told.waiting({("sub_1", "enabled"): 7, ("sub_2", "enabled"): 1})
told.waiting({("sub_1", "paused"): 7})
print(metrics.text().decode())
"""


def backlog(directory: Path | None) -> dict[str, float]:
    """The gauge after a pause and a deletion, in one process or as the sum of several."""
    environment = {MULTIPROCESS_VARIABLE: str(directory)} if directory else {}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    lines = (line for line in done.stdout.splitlines() if line.startswith("ledger_subscription_backlog{"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


@pytest.mark.parametrize("together", [False, True])
def test_a_status_that_is_over_has_no_backlog(tmp_path: Path, *, together: bool) -> None:
    found = backlog(tmp_path if together else None)
    waiting = {name: value for name, value in found.items() if value}
    assert waiting == {'ledger_subscription_backlog{ledger="main",status="paused",subscription="sub_1"}': 7}
