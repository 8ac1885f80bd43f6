"""What operators see of the service: counts and times by route, decision and ledger."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.http_service import Service, grant, question, running, withdrawal


@pytest.fixture
async def service(database_dsn: str, tmp_path: Path) -> AsyncIterator[Service]:
    async with running(database_dsn, tmp_path) as started:
        yield started


async def scraped(service: Service) -> dict[str, float]:
    response = await service.client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    rows = (line.rsplit(" ", 1) for line in response.text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in rows}


async def test_answers_are_counted_by_decision_and_reason(service: Service) -> None:
    await service.check()
    await service.record(grant())
    await service.check()
    await service.record(withdrawal())
    await service.check()
    counted = await scraped(service)
    for decision, reason in (("deny", "NO_BASIS"), ("allow", "CONSENT"), ("deny", "WITHDRAWN")):
        name = f'ledger_checks_total{{decision="{decision}",ledger="main",reason="{reason}"}}'
        assert counted[name] == 1


async def test_appends_show_their_batches_their_time_and_the_head(service: Service) -> None:
    before = await scraped(service)
    receipt = (await service.record(grant())).json()
    after = await scraped(service)
    committed = 'ledger_append_events_total{ledger="main",outcome="committed"}'
    batches = 'ledger_append_seconds_count{ledger="main"}'
    assert after[committed] == before[committed] + 1
    assert after[batches] == before[batches] + 1
    assert after['ledger_head_position{ledger="main"}'] == receipt["position"]
    assert after['ledger_append_waiting{ledger="main"}'] == 0


async def test_requests_are_counted_by_route_template_refusals_included(service: Service) -> None:
    await service.client.get(f"/v1/forms/{'0' * 64}")
    await service.client.post("/v1/checks", json=question(), headers={"authorization": "Bearer no"})
    await service.client.get("/v1/jane.canary@example.org")
    counted = await scraped(service)
    for route, method, status in (
        ("/v1/forms/{form_id}", "GET", 404),
        ("/v1/checks", "POST", 401),
        ("unmatched", "GET", 404),
    ):
        assert (
            counted[f'ledger_http_requests_total{{method="{method}",route="{route}",status="{status}"}}'] == 1
        )


async def test_the_database_is_seen_to_be_up_and_then_down(service: Service) -> None:
    await service.client.get("/readyz")
    assert (await scraped(service))["ledger_db_up"] == 1
    await service.composition.access._pool.close()  # noqa: SLF001 - the server is gone
    await service.client.get("/readyz")
    assert (await scraped(service))["ledger_db_up"] == 0


async def test_no_metric_has_a_label_but_these(service: Service) -> None:
    await service.record(grant())
    await service.check()
    names = set(re.findall(r"[{,]([a-z]+)=", "\n".join(await scraped(service))))
    allowed = {"ledger", "decision", "reason", "outcome", "method", "route", "status", "le", "version"}
    assert names <= allowed
