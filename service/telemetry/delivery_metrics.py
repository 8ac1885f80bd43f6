"""Metrics of deliveries: attempts by outcome, how late events arrived, what each subscription has waiting."""

import warnings
from functools import partial

from prometheus_client import Counter, Gauge, Histogram

from service.telemetry.metrics import Metrics

# Seconds: from one commit on this machine to an outage of days.
LAG_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3_600, 43_200, 172_800, 432_000)


class DeliveryMetrics:
    """Every delivery metric of one process."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        counter = partial(Counter, registry=registry)
        self.attempts = counter(
            "ledger_delivery_attempts", "Webhook attempts, by outcome.", ("ledger", "outcome")
        )
        self.lag = Histogram(
            "ledger_delivery_lag_seconds",
            "From an event's recorded time to its webhook's acceptance.",
            ("ledger",),
            buckets=LAG_SECONDS,
            registry=registry,
        )
        self.backlog = Gauge(
            "ledger_subscription_backlog",
            "Deliveries that wait, and entries of the log that were not looked at yet.",
            ("ledger", "subscription", "status"),
            registry=registry,
            multiprocess_mode="livemax",
        )

    def of(self, ledger: str) -> "LedgerDeliveryMetrics":
        """What the worker of one ledger tells."""
        return LedgerDeliveryMetrics(self, ledger)


class LedgerDeliveryMetrics:
    """One ledger's `DeliveryMeter`."""

    def __init__(self, metrics: DeliveryMetrics, ledger: str) -> None:
        self._metrics = metrics
        self._ledger = ledger
        self._lag = metrics.lag.labels(ledger)

    def attempted(self, outcome: str) -> None:
        """Count an attempt."""
        self._metrics.attempts.labels(self._ledger, outcome).inc()

    def delivered(self, lag_seconds: float) -> None:
        """Observe how late an event arrived."""
        self._lag.observe(max(lag_seconds, 0))

    def waiting(self, backlogs: dict[tuple[str, str], int]) -> None:
        """Set what waits, by subscription and status; forget those that are gone."""
        for labels in list(self._metrics.backlog._metrics):  # noqa: SLF001 - the library lists labels no other way
            if labels[0] == self._ledger and labels[1:] not in backlogs:
                # Where several processes count together, what one of them wrote cannot be taken out again.
                self._metrics.backlog.labels(*labels).set(0)
                with warnings.catch_warnings(action="ignore", category=UserWarning):
                    self._metrics.backlog.remove(*labels)
        for labels, count in backlogs.items():
            self._metrics.backlog.labels(self._ledger, *labels).set(count)
