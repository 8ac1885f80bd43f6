"""Metrics of relays: events that brokers acknowledged, how late, and what is left."""

from functools import partial

from prometheus_client import Counter, Gauge, Histogram

from service.telemetry.delivery_metrics import LAG_SECONDS
from service.telemetry.metrics import Metrics


class RelayMetrics:
    """Implements `ledger.relaying.RelayMeter` for one relay of one ledger."""

    def __init__(self, metrics: Metrics, ledger: str, relay: str) -> None:
        labels = ("ledger", "relay")
        counter = partial(Counter, registry=metrics.registry)
        gauge = partial(Gauge, registry=metrics.registry, multiprocess_mode="livemax")
        self._lag = Histogram(
            "ledger_relay_lag_seconds",
            "From an event's recorded time to the broker's acknowledgement: counts what was published.",
            labels,
            buckets=LAG_SECONDS,
            registry=metrics.registry,
        ).labels(ledger, relay)
        self._failures = counter(
            "ledger_relay_failures", "Times the broker was away, by reason.", (*labels, "reason")
        )
        self._leads = gauge("ledger_relay_leads", "1 where this process publishes, 0 on standby.", labels)
        self._behind = gauge("ledger_relay_backlog", "Entries of the log not looked at yet.", labels)
        self._labels = (ledger, relay)

    def holds(self, *, leads: bool) -> None:
        """Set whether this process publishes."""
        self._leads.labels(*self._labels).set(int(leads))

    def published(self, lag_seconds: float) -> None:
        """Observe how late an event was acknowledged."""
        self._lag.observe(max(lag_seconds, 0))

    def failed(self, reason: str) -> None:
        """Count a failure."""
        self._failures.labels(*self._labels, reason).inc()

    def behind(self, entries: int) -> None:
        """Set what is left."""
        self._behind.labels(*self._labels).set(entries)
