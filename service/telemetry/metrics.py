"""Prometheus metrics: counts and durations by route, decision and ledger; never by address, path or token.

Several worker processes on one socket share their values through files (prometheus_client's multi-process
mode, switched on by `PROMETHEUS_MULTIPROC_DIR` before this module is imported), so that whichever of them
answers a scrape answers for all.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Seconds; the buckets that OpenTelemetry's HTTP conventions recommend, and two for what is faster.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Every metric of one process, and their text for a scrape."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._shared = MULTIPROCESS_VARIABLE in os.environ
        self._count_requests()
        self._count_answers()
        self._count_appends()
        self._count_health()
        self.cosigned = Gauge(
            "ledger_cosigned_size",
            "Entries of the log that a witness has cosigned: it lags behind ledger_head_position + 1.",
            ("ledger", "witness"),
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        self.wrapping_keys = Gauge(
            "ledger_wrapping_keys",
            "Keys that open what is sealed: more than one while it is replaced.",
            ("ledger",),
            registry=self._registry,
            multiprocess_mode="livemax",
        )
        if not self._shared:
            ProcessCollector(registry=self._registry)

    def _count_requests(self) -> None:
        registry = self._registry
        self.requests = Counter(
            "ledger_http_requests",
            "Requests answered, by route template.",
            ("method", "route", "status"),
            registry=registry,
        )
        self.request_seconds = Histogram(
            "ledger_http_request_seconds",
            "Time from a request's head to the end of its answer.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.quota_exceeded = Counter(
            "ledger_quota_exceeded",
            "Times that a credential asked for more than its quota, by policy.",
            ("policy",),
            registry=registry,
        )
        self.requests_in_flight = Gauge(
            "ledger_http_requests_in_flight",
            "Requests that are being answered.",
            registry=registry,
            multiprocess_mode="livesum",
        )

    def _count_answers(self) -> None:
        counter = partial(Counter, registry=self._registry)
        self.checks = counter(
            "ledger_checks", "Answers to 'may this be sent?'.", ("ledger", "decision", "reason")
        )
        self.unsubscribed = counter(
            "ledger_unsubscribe",
            "Uses of an unsubscribe link: recorded, repeated (the no stood already) or failed.",
            ("ledger", "result"),
        )

    def _count_appends(self) -> None:
        counter = partial(Counter, registry=self._registry)
        histogram = partial(Histogram, registry=self._registry)
        gauge = partial(Gauge, registry=self._registry)
        one = ("ledger",)
        self.append_seconds = histogram(
            "ledger_append_seconds", "One group commit, lock to mark.", one, buckets=_SECONDS
        )
        self.append_batch_events = histogram(
            "ledger_append_batch_events", "Events in one group commit.", one, buckets=_BATCH
        )
        self.appended = counter(
            "ledger_append_events", "Events that were to be written, by outcome.", ("ledger", "outcome")
        )
        self.waiting = gauge(
            "ledger_append_waiting",
            "Events that wait for a group commit.",
            one,
            multiprocess_mode="livesum",
        )
        self.turned_away = counter(
            "ledger_append_turned_away", "Events refused because too many were waiting.", one
        )
        self.mark_up = gauge(
            "ledger_high_water_mark_up",
            "Whether the high-water mark took the newest checkpoint.",
            one,
            multiprocess_mode="livemin",
        )
        self.position = gauge(
            "ledger_head_position",
            "Index of the newest epoch entry signed here.",
            one,
            multiprocess_mode="livemax",
        )

    def witnessed(self, ledger: str, witness: str, size: int) -> None:
        """A witness has cosigned so many entries of a ledger."""
        self.cosigned.labels(ledger, witness).set(size)

    def _count_health(self) -> None:
        registry = self._registry
        self.verify_failures = Counter(
            "ledger_chain_verify_failures",
            "Times that what is stored was found not to be what was signed.",
            ("ledger",),
            registry=registry,
        )
        self.database_up = Gauge(
            "ledger_db_up",
            "Whether the database answered when it was last asked.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.build = Gauge(
            "ledger_build_info",
            "1, labelled with the version that runs.",
            ("version",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.build.labels(version("consent-ledger")).set(1)

    @property
    def registry(self) -> CollectorRegistry:
        """Where metrics of other modules are registered."""
        return self._registry

    def text(self) -> bytes:
        """The values in Prometheus' text format; of all workers where several share them."""
        if not self._shared:
            return generate_latest(self._registry)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]  # the library's
        return generate_latest(everyone)

    def of(self, ledger: str) -> "LedgerMetrics":
        """What the use cases of one ledger tell."""
        return LedgerMetrics(self, ledger)


class LedgerMetrics:
    """One ledger's `Meter`: labels are looked up once, not once an event."""

    def __init__(self, metrics: Metrics, ledger: str) -> None:
        self._metrics = metrics
        self._ledger = ledger
        self._answers: dict[tuple[str, str], Counter] = {}
        self._seconds = metrics.append_seconds.labels(ledger)
        self._sizes = metrics.append_batch_events.labels(ledger)
        self._waiting = metrics.waiting.labels(ledger)
        self._position = metrics.position.labels(ledger)
        self._failures = metrics.verify_failures.labels(ledger)
        self._mark_up = metrics.mark_up.labels(ledger)
        self._mark_up.set(1)
        self._turned_away = metrics.turned_away.labels(ledger)
        self._unsubscribed = {
            result: metrics.unsubscribed.labels(ledger, result)
            for result in ("recorded", "repeated", "failed")
        }
        self._began: deque[float] = deque()

    def answered(self, decision: str, reason_code: str, count: int = 1) -> None:
        """Count answers."""
        label = (decision, reason_code)
        counter = self._answers.get(label)
        if counter is None:
            counter = self._answers[label] = self._metrics.checks.labels(self._ledger, *label)
        counter.inc(count)

    def batch_begins(self, events: int, waiting: int) -> None:
        """Take the time at which a group commit begins; they end in the same order."""
        self._began.append(time.perf_counter())
        self._sizes.observe(events)
        self._waiting.set(waiting)

    def batch_ends(self, outcome: str, events: int, position: int | None = None) -> None:
        """Count what became of it; `position` when it moved the head."""
        self._seconds.observe(time.perf_counter() - self._began.popleft())
        self._metrics.appended.labels(self._ledger, outcome).inc(events)
        if position is not None:
            self._position.set(position)

    def turned_away(self, events: int) -> None:
        """Count them."""
        self._turned_away.inc(events)

    def marked(self, *, durable: bool) -> None:
        """Show whether the mark keeps up."""
        self._mark_up.set(int(durable))

    def unsubscribed(self, result: str) -> None:
        """Count one use of a link."""
        self._unsubscribed[result].inc()

    def contradicted(self) -> None:
        """Count a stored state that is not the signed one."""
        self._failures.inc()


def forget_process(pid: int) -> None:
    """Leave out what a worker that has ended was doing at that moment; what it counted stays."""
    if MULTIPROCESS_VARIABLE in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]  # the library's


def serve_metrics(text: Callable[[], bytes], host: str, port: int) -> Callable[[], None]:
    """Answer `GET /metrics` on a port of its own, in a thread; returns how to stop. Raises `OSError`."""

    class Scrape(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/metrics"
            body = text() if found else b""
            self.send_response(200 if found else 404)
            self.send_header("content-type", MEDIA_TYPE)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((host, port), Scrape)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return stop
