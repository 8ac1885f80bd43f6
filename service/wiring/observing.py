"""Telemetry put round the application, and where its metrics can be read."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from service.api.app import create_app
from service.settings import Settings, SettingsError
from service.telemetry.metrics import MULTIPROCESS_VARIABLE, Metrics, serve_metrics
from service.telemetry.requests import Observed
from service.telemetry.tracing import TracingUnavailableError, open_tracing
from service.wiring.compose import Composition


@contextmanager
def observed(settings: Settings, composition: Composition) -> Iterator[Observed]:
    """The application as it is served. Raises `SettingsError` when traces are wanted and cannot be had."""
    try:
        tracing = open_tracing() if settings.tracing else None
    except TracingUnavailableError as error:
        raise SettingsError(str(error)) from error
    try:
        yield Observed(
            create_app(composition.services),
            composition.metrics,
            log_requests=settings.log_requests,
            tracing=tracing,
        )
    finally:
        if tracing is not None:
            tracing.close()


@contextmanager
def metrics_served(settings: Settings, metrics: Metrics) -> Iterator[None]:
    """Serve them on `metrics_port`, if that is set. Raises `SettingsError` when it is taken."""
    if settings.metrics_port is None:
        yield
        return
    try:
        stop = serve_metrics(metrics.text, settings.host, settings.metrics_port)
    except OSError as error:
        raise SettingsError(
            f"cannot serve metrics on port {settings.metrics_port} ({error.strerror}): choose another"
            " CONSENT_LEDGER_METRICS_PORT"
        ) from error
    try:
        yield
    finally:
        stop()


@contextmanager
def shared_metrics(settings: Settings) -> Iterator[Mapping[str, str]]:
    """What workers find in their environment so that they count together; served, if on a port, from here."""
    with tempfile.TemporaryDirectory(prefix="consent-ledger-metrics-") as directory:
        os.environ[MULTIPROCESS_VARIABLE] = directory
        try:
            with metrics_served(settings, Metrics()):
                yield {MULTIPROCESS_VARIABLE: directory}
        finally:
            del os.environ[MULTIPROCESS_VARIABLE]
