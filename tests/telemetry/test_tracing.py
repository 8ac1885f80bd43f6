"""Traces: one span a request, part of the caller's trace, named by the route."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from service.telemetry.tracing import open_tracing
from tests.support.http_service import question, running

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """An OTLP collector: what it was sent."""
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield received
    server.shutdown()
    server.server_close()


async def test_a_request_reaches_the_collector_as_part_of_the_callers_trace(
    database_dsn: str, tmp_path: Path, collector: list[bytes]
) -> None:
    tracing = open_tracing()
    async with running(database_dsn, tmp_path, tracing=tracing) as service:
        headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        await service.client.post("/v1/checks", json=question(), headers=headers)
    await asyncio.to_thread(tracing.close)
    sent = b"".join(collector)
    assert bytes.fromhex(TRACE) in sent
    assert b"POST /v1/checks" in sent
