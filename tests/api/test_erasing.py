"""`POST /v1/subjects/erase` over a real database: what goes, what stays, and what others still prove."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from httpx import Response

from service.core.verifier import verify_bundle
from service.settings import Settings
from tests.support.http_service import JANE, Service, grant, question, running, withdrawal
from tests.support.persons import audited, spellings, whole_database

ERASE = "/v1/subjects/erase"
EVIDENCE = "evidence-canary-203.0.113.77"
WRAPPED = "SELECT wrapped_key FROM subject_secret"
JOE = {"kind": "email", "value": "joe@example.org"}


@pytest.fixture
def ledger(database_dsn: str, tmp_path: Path) -> Settings:
    return Settings(database_url=database_dsn, data_dir=tmp_path)


@pytest.fixture
async def service(database_dsn: str, tmp_path: Path) -> AsyncIterator[Service]:
    """Jane's yes with evidence, and Joe's no."""
    async with running(database_dsn, tmp_path) as started:
        await started.record(grant(evidence={"ip": EVIDENCE}, external_id="crm-jane-canary"))
        await started.record(withdrawal(address=JOE))
        yield started


async def erase(service: Service, address: dict[str, str] = JANE) -> Response:
    return await service.client.post(ERASE, json={"address": address})


async def done(service: Service, ledger: Settings, address: dict[str, str] = JANE) -> dict[str, Any]:
    assert (await audited(ledger)).is_sound
    answer = await erase(service, address)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_what_was_not_audited_is_refused_with_the_way_there(service: Service, ledger: Settings) -> None:
    refused = await erase(service)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith(":not-audited")
    assert "consent-ledger audit" in refused.json()["detail"]
    erased = await done(service, ledger)
    assert erased["erased_events"] == 1
    assert erased["notice"]["replayed"] is False


async def test_erased_audited_proved_brought_back_and_asked_the_answer_is_no(
    service: Service, ledger: Settings
) -> None:
    joes = (await service.client.post("/v1/proofs", json=question(address=JOE, disclose=True))).content
    assert (await service.check())["decision"] == "allow"
    await done(service, ledger)
    report = await audited(ledger)
    assert report.findings == []
    assert report.counts["erased"] == 1
    imported = {"source": "import:old-crm", "origin": "bought_list", "type": "address_imported"}
    for number, event in enumerate(
        [
            {**imported, "source_event_id": "i-1", "occurred_at": "2026-03-01T00:00:00Z", "address": JANE},
            grant("i-2", source="import:old-crm"),
            grant("i-3"),
        ]
    ):
        assert (await service.record(event)).status_code == 201, number
        answer = await service.check()
        assert (answer["decision"], answer["reason_code"]) == ("deny", "SUPPRESSED_AFTER_ERASURE")
    bundle = (await service.client.post("/v1/proofs", json=question(disclose=True))).content
    for raw in (joes, bundle):
        assert verify_bundle(raw, documents=[]).verified
    assert (await audited(ledger)).findings == []


async def test_nowhere_in_the_database_or_the_logs_is_anything_of_the_person(
    service: Service,
    ledger: Settings,
    database_dsn: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    await done(service, ledger)
    kept = {"idempotency-key": '"kept"'}
    again = await service.client.post(ERASE, json={"address": JANE}, headers=kept)
    assert again.json()["notice"]["replayed"] is True
    rows = await whole_database(database_dsn)
    assert rows["idempotency"]
    told = capfd.readouterr()
    for canary in (JANE["value"], EVIDENCE, "crm-jane-canary"):
        for spelling in spellings(canary):
            assert [table for table, text in rows.items() if spelling in text] == []
        for line in (told.out, told.err, caplog.text):
            assert canary not in line


async def test_nothing_that_is_left_can_be_opened_with_all_the_keys(
    service: Service, ledger: Settings, database_dsn: str
) -> None:
    connection = await asyncpg.connect(database_dsn)
    before = {row[0] for row in await connection.fetch(WRAPPED)}
    await done(service, ledger)
    after = {row[0] for row in await connection.fetch(WRAPPED)}
    rows = await connection.fetch(
        "SELECT index, sealed, evidence FROM sealed_record WHERE octet_length(sealed) = 8"
    )
    erasures = await connection.fetch("SELECT index, last_index FROM erasure")
    await connection.close()
    assert (len(before - after), len(after - before)) == (1, 1)
    assert [(int.from_bytes(row[1]), row[2]) for row in rows] == [(erasures[0][0], None)]
    assert rows[0][0] == erasures[0][1]


async def test_erasing_twice_and_erasing_nobody_are_no_mistakes(service: Service, ledger: Settings) -> None:
    first = await done(service, ledger)
    again = (await erase(service)).json()
    assert again["erased_events"] == 0
    assert again["notice"]["index"] == first["notice"]["index"]
    assert again["notice"]["replayed"] is True
    nobody = await erase(service, {"kind": "phone", "value": "+31612345678"})
    assert nobody.json() == {"erased_events": 0, "notice": None, "linked_addresses": 0}


async def test_the_feed_tells_of_it_and_tells_the_rest_no_more(service: Service, ledger: Settings) -> None:
    await service.client.get("/v1/events?after=0")
    await done(service, ledger)
    feed = (await service.client.get("/v1/events?after=0")).json()
    types = [event["type"] for event in feed["items"]]
    assert types[-1] == "erasure_executed"
    assert "contents_erased" in types
    assert "consent_granted" not in types
    emptied = next(event for event in feed["items"] if event["type"] == "contents_erased")
    assert emptied["data"].keys() == {"position", "subject", "leaf_hash"}
    assert emptied["subject"] == feed["items"][-1]["subject"]


async def test_another_ledger_vouches_for_nothing_here(service: Service, database_dsn: str) -> None:
    connection = await asyncpg.connect(database_dsn)
    await connection.execute(
        "INSERT INTO sound_audit VALUES ($1, 1000, sha256(''), 0)", service.ledger_id + 1
    )
    await connection.close()
    assert (await erase(service)).status_code == 409


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"address": "jane"},
        {"address": JANE, "why": "asked"},
        {"address": {"kind": "email", "value": "x"}},
    ],
)
async def test_whom_to_erase_has_to_be_said_exactly(service: Service, body: object) -> None:
    refused = await service.client.post(
        ERASE, content=json.dumps(body), headers={"content-type": "application/json"}
    )
    assert refused.status_code in (400, 422)
    assert refused.json()["errors"]
