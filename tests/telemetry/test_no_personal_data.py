"""A canary address, sent to every route in every place a caller could put one, and looked for afterwards."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service.api.app import ROUTES
from service.telemetry.logs import configure_logging
from service.telemetry.tracing import Tracing
from tests.support.http_service import JANE, Service, grant, question, running, withdrawal

CANARY = JANE["value"]
MAILBOX = CANARY.partition("@")[0]

# Bodies that a route may be sent by mistake or on purpose: well formed, malformed, and not JSON at all.
BODIES: dict[str, Any] = {
    "a good event": grant(),
    "a good question": question(),
    "a withdrawal": withdrawal(),
    "an unknown field named by an address": {**question(), CANARY: True},
    "an address where an id belongs": {**grant(), "sender": CANARY, "form": CANARY},
    "an address alone": {"address": JANE},
    "a list": [CANARY],
    "a string": CANARY,
}


def places() -> Iterator[tuple[str, str]]:
    """Every method and path of the service, with the canary in each path parameter."""
    for handler in ROUTES:
        for template in handler.paths:
            path = "/".join(CANARY if part.startswith("{") else part for part in template.split("/"))
            yield from ((str(method), path) for method in handler.http_methods)


async def send_everywhere(service: Service) -> list[str]:
    """The bodies of all refusals."""
    refusals = []
    for method, path in places():
        for body in BODIES.values():
            response = await service.client.request(
                method, path, params={"address": CANARY}, json=body, headers={"x-request-id": CANARY}
            )
            assert response.status_code < 500, (method, path)
            if response.status_code >= 400:
                refusals.append(response.text + str(response.headers))
        for headers in ({"authorization": f"Bearer {CANARY}"}, {"content-type": CANARY}):
            response = await service.client.request(method, path, content=CANARY, headers=headers)
            refusals.append(response.text if response.status_code >= 400 else "")
    return refusals


async def test_a_canary_address_appears_in_no_log_metric_trace_or_refusal(
    database_dsn: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    configure_logging(verbose=True)
    async with running(database_dsn, tmp_path, tracing=Tracing(provider)) as service:
        refusals = await send_everywhere(service)
        metrics = (await service.client.get("/metrics")).text
        logged = "".join(capfd.readouterr())
    traced = "\n".join(span.to_json() for span in spans.get_finished_spans())
    assert '"route":"/v1/checks"' in logged
    assert '"http.route": "/v1/checks"' in traced
    assert 'route="/v1/checks"' in metrics
    for seen in (logged, metrics, traced, *refusals):
        assert MAILBOX not in seen
