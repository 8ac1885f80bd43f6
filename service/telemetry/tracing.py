"""OpenTelemetry traces, for those who install the extra `otel` and switch them on.

One server span a request, with the attributes of OpenTelemetry's HTTP conventions that cannot hold personal
data: `url.path` and `url.query` are left out on purpose. Where spans go is told by the standard
`OTEL_EXPORTER_OTLP_*` variables.
"""

from typing import TYPE_CHECKING

from litestar.types import HTTPScope

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

_SERVER_ERROR = 500


class TracingUnavailableError(Exception):
    """Traces were asked for, and the packages for them are not installed."""


class RequestSpan:
    """The span of one request."""

    def __init__(self, span: "Span", method: str) -> None:
        self._span = span
        self._method = method

    def end(self, route: str, status: int) -> None:
        """Name it by the route, which is only known at the end, and close it."""
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - an extra

        self._span.update_name(f"{self._method} {route}")
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= _SERVER_ERROR:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class Tracing:
    """Begins spans that continue the caller's trace (W3C Trace Context)."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - an extra
            TraceContextTextMapPropagator,
        )

        self._provider = provider
        self._tracer = provider.get_tracer("consent-ledger")
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, scope: HTTPScope) -> RequestSpan:
        """A span for this request."""
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - an extra

        sent = dict(scope["headers"])
        carrier = {
            name: sent[name.encode()].decode("latin-1")
            for name in ("traceparent", "tracestate")
            if name.encode() in sent
        }
        method = scope["method"]
        span = self._tracer.start_span(
            method,
            context=self._propagator.extract(carrier),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "url.scheme": scope["scheme"]},
        )
        return RequestSpan(span, method)

    def close(self) -> None:
        """Send what is still held."""
        self._provider.shutdown()


def open_tracing() -> Tracing:
    """Traces by OTLP over HTTP, as the `OTEL_*` variables say. Raises `TracingUnavailableError`."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise TracingUnavailableError(
            "traces need the extra 'otel': pip install 'consent-ledger[otel]'"
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": "consent-ledger"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)
