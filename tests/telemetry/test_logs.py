"""Request logs: one JSON line, of the requests that the setting names."""

import json
import socket
from pathlib import Path

import httpx
import pytest

from service.api.app import create_app
from service.settings import Settings, SettingsError
from service.telemetry.logs import configure_logging
from service.telemetry.metrics import Metrics
from service.telemetry.requests import Observed
from service.wiring.observing import metrics_served
from tests.support.http_service import Service, question, running


def lines(text: str) -> list[dict[str, object]]:
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in found if line["event"] == "request"]


async def test_a_request_is_one_line_with_its_route_status_time_and_key(
    database_dsn: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logging()
    async with running(database_dsn, tmp_path) as service:
        capfd.readouterr()
        await service.client.post("/v1/checks", json=question(), headers={"x-request-id": "crm-77"})
        (line,) = lines(capfd.readouterr().err)
    assert {name: line[name] for name in ("method", "route", "status", "request_id")} == {
        "method": "POST",
        "route": "/v1/checks",
        "status": 200,
        "request_id": "crm-77",
    }
    assert line["key_id"]
    assert float(str(line["milliseconds"])) > 0


async def test_by_default_only_refused_requests_are_logged(
    database_dsn: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    configure_logging()
    async with running(database_dsn, tmp_path) as service:
        as_served(service, Settings().log_requests)
        capfd.readouterr()
        await service.client.get("/livez")
        await service.client.get("/nowhere")
        (line,) = lines(capfd.readouterr().err)
    assert (line["route"], line["status"]) == ("unmatched", 404)


def as_served(service: Service, log_requests: str) -> None:
    """Have the client ask an application that logs as this setting says."""
    composition = service.composition
    app = Observed(create_app(composition.services), composition.metrics, log_requests=log_requests)  # type: ignore[arg-type]  # one of its words
    service.client._transport.app = app  # type: ignore[attr-defined]  # noqa: SLF001 - httpx has no other way


def test_a_metrics_port_that_is_taken_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(metrics_port=taken.getsockname()[1])
        refused = pytest.raises(SettingsError, match="CONSENT_LEDGER_METRICS_PORT")
        with refused, metrics_served(settings, Metrics()):
            pass


def test_metrics_may_have_a_port_of_their_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with metrics_served(Settings(metrics_port=port), Metrics()):
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert "ledger_build_info" in text
