"""What operators see of the service: counts and times by route, decision and ledger."""

import errno
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.ledger.appending import appender as append
from tests.support.campaigns import campaign, line
from tests.support.http_service import JANE, Service, grant, question, running, withdrawal
from tests.support.way_out import FORM, ONE_CLICK, ask, link


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
    service.composition.metrics.quota_exceeded.labels("requests").inc(0)
    names = set(re.findall(r"[{,]([a-z]+)=", "\n".join(await scraped(service))))
    allowed = {"ledger", "decision", "reason", "outcome", "method", "route", "status", "le", "version"}
    allowed |= {"result", "policy"}
    assert names <= allowed


async def test_the_answers_of_a_campaign_are_counted_like_others(service: Service) -> None:
    await service.record(grant())
    await campaign(service, [line(JANE["value"]), *(line(f"{name}@example.org") for name in "abc")])
    counted = await scraped(service)
    assert counted['ledger_checks_total{decision="allow",ledger="main",reason="CONSENT"}'] == 1
    assert counted['ledger_checks_total{decision="deny",ledger="main",reason="NO_BASIS"}'] == 3


async def test_uses_of_the_way_out_are_counted_by_what_came_of_them(service: Service) -> None:
    way_out = await link(service)
    for _ in range(3):
        assert (await ask(service, "POST", way_out, ONE_CLICK, {"content-type": FORM})).status_code == 200
    counted = await scraped(service)
    results = {
        result: counted[f'ledger_unsubscribe_total{{ledger="main",result="{result}"}}']
        for result in ("recorded", "repeated", "failed")
    }
    assert results == {"recorded": 1, "repeated": 2, "failed": 0}


async def test_a_way_out_that_fails_is_counted_as_that(service: Service) -> None:
    way_out = await link(service)
    await service.composition.access._pool.close()  # noqa: SLF001 - the server is gone
    (ledger,) = service.composition.services.ledgers.values()
    ledger.unsubscribe._sleep = no_pause  # noqa: SLF001 - patience is tested elsewhere
    refused = await ask(service, "POST", way_out, ONE_CLICK, {"content-type": FORM})
    assert refused.status_code == 503
    assert (await scraped(service))['ledger_unsubscribe_total{ledger="main",result="failed"}'] == 1


async def test_who_asks_beyond_its_quota_is_seen(service: Service) -> None:
    made = await service.client.post(
        "/v1/keys",
        json={"label": "small", "scopes": ["check:read"], "requests_per_minute": 2, "addresses_per_day": 1},
    )
    headers = {"authorization": f"Bearer {made.json()['key']}"}
    for name in ("a", "b", "c"):
        asked = question(address={"kind": "email", "value": f"{name}@example.org"})
        await service.client.post("/v1/checks", json=asked, headers=headers)
    counted = await scraped(service)
    assert counted['ledger_quota_exceeded_total{policy="addresses"}'] == 1
    assert counted['ledger_quota_exceeded_total{policy="requests"}'] == 1
    refused = 'ledger_http_requests_total{method="POST",route="/v1/checks",status="429"}'
    assert counted[refused] == 2


async def test_what_is_turned_away_under_load_is_seen(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(append, "SHED_EVENTS", 0)
    assert (await service.record(grant())).status_code == 503
    batch = {"events": [grant("one"), grant("two")]}
    assert (await service.client.post("/v1/events/batch", json=batch)).status_code == 503
    assert (await service.record(withdrawal())).status_code == 201
    counted = await scraped(service)
    assert counted['ledger_append_turned_away_total{ledger="main"}'] == 3
    refused = 'ledger_http_requests_total{method="POST",route="/v1/events",status="503"}'
    assert counted[refused] == 1


async def test_a_mark_that_cannot_be_written_is_not_ready_until_it_can(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    up = 'ledger_high_water_mark_up{ledger="main"}'
    assert (await scraped(service))[up] == 1
    with monkeypatch.context() as broken:
        broken.setattr("service.wiring.durable.os.fsync", disk_is_full)
        assert (await service.record(grant())).status_code == 503
        for _ in range(2):
            ready = await service.client.get("/readyz")
            assert (ready.status_code, ready.json()["failing"]) == (503, ["high_water_mark"])
        assert (await scraped(service))[up] == 0
        assert (await service.client.get("/livez")).status_code == 200
    # Nobody sends anything here while it is not ready: the probe itself has to find that it is mended.
    assert (await service.client.get("/readyz")).status_code == 200
    assert (await scraped(service))[up] == 1
    assert (await service.record(grant())).json()["replayed"]


async def no_pause(_seconds: float) -> None:
    """Go on at once."""


def disk_is_full(_descriptor: int) -> None:
    """Fail as a full disk does."""
    raise OSError(errno.ENOSPC, "No space left on device")
