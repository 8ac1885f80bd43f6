"""After an erasure: a restored backup does not bring the person back, and no page keeps the key."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from service.core.errors import ForkError
from service.settings import Settings
from service.storage.migrate import upgrade
from service.storage.scrub import TABLES, scrub
from service.telemetry.metrics import Metrics
from service.wiring.delivering import delivering
from service.wiring.embedded.programs import locate
from service.wiring.embedded.server import EmbeddedPostgres
from service.wiring.high_water import mark_path
from tests.support.databases import a_copy
from tests.support.http_service import JANE, grant, running, withdrawal
from tests.support.persons import audited, spellings

JOE = {"kind": "email", "value": "joe@example.org"}
WRAPPED = """
    SELECT s.wrapped_key FROM subject_secret s JOIN sealed_record r USING (ledger_id, subject_key)
    WHERE r.index = 5
"""
EVIDENCE = "evidence-canary-203.0.113.77"


async def test_an_older_backup_is_erased_again_before_its_first_answer(
    database_dsn: str, tmp_path: Path
) -> None:
    mark = mark_path(tmp_path, "main")
    async with running(database_dsn, tmp_path) as service:
        await service.record(grant())
        await service.record(withdrawal(address=JOE))
    older_mark = mark.read_bytes()
    with a_copy(database_dsn) as backup:
        async with running(database_dsn, tmp_path) as service:
            assert (await audited(Settings(database_url=database_dsn, data_dir=tmp_path))).is_sound
            erased = await service.client.post("/v1/subjects/erase", json={"address": JANE})
            assert erased.json()["erased_events"] == 1
        with pytest.raises(ForkError, match="older state"):
            async with running(backup, tmp_path):
                pass
        mark.write_bytes(older_mark)  # the operator says that this is the newest state there is
        restored = Settings(database_url=backup, data_dir=tmp_path)
        async with delivering(restored, backup, Metrics(), run=False) as workers:
            assert workers.workers == {}, "nothing is told of somebody who came back"
        async with running(backup, tmp_path) as service:
            assert (await service.check())["reason_code"] == "SUPPRESSED_AFTER_ERASURE"
            assert (await service.check(address=JOE))["reason_code"] == "WITHDRAWN"
            report = await audited(Settings(database_url=backup, data_dir=tmp_path))
            assert report.findings == []
            assert report.counts["erased"] == 1
            feed = (await service.client.get("/v1/events?after=0")).json()["items"]
            assert "consent_granted" not in [event["type"] for event in feed]
        async with delivering(restored, backup, Metrics(), run=False) as workers:
            assert workers.workers
        async with running(backup, tmp_path) as service:
            assert (await service.check())["decision"] == "deny"


async def test_a_mark_that_is_missing_is_written_by_an_audit_that_finds_nothing_else(
    database_dsn: str, tmp_path: Path
) -> None:
    async with running(database_dsn, tmp_path) as service:
        await service.record(grant())
    mark = mark_path(tmp_path, "main")
    before = mark.read_bytes()
    mark.unlink()
    settings = Settings(database_url=database_dsn, data_dir=tmp_path)
    assert [finding.code for finding in (await audited(settings)).findings] == ["mark_missing"]
    assert (await audited(settings, write_mark=True)).is_sound
    assert mark.read_bytes() == before
    async with running(database_dsn, tmp_path) as service:
        assert (await service.check())["decision"] == "allow"


def files_with(data: Path, *needles: bytes) -> list[str]:
    """The files of a server in which any of these bytes stand."""
    return [
        str(path.relative_to(data))
        for path in sorted(data.rglob("*"))
        if path.is_file() and any(needle in path.read_bytes() for needle in needles)
    ]


async def dumped(server: EmbeddedPostgres) -> bytes:
    """What `pg_dump` writes."""
    program = str(locate(server.directory).folder / "pg_dump")
    process = await asyncio.create_subprocess_exec(program, server.dsn, stdout=asyncio.subprocess.PIPE)
    dump, _ = await process.communicate()
    assert process.returncode == 0
    return dump


async def test_no_file_of_the_server_ever_holds_the_person_and_a_scrubbed_one_no_key(
    durable_server: EmbeddedPostgres, tmp_path: Path
) -> None:
    dsn, data = durable_server.dsn, durable_server.directory / "data"
    upgrade(dsn)
    async with running(dsn, tmp_path) as service:
        await service.record(grant(evidence={"ip": EVIDENCE}))
        for number in range(20):
            await service.record(
                withdrawal(f"w-{number}", address={"kind": "email", "value": f"p{number}@x.example"})
            )
        connection = await asyncpg.connect(dsn)
        key: bytes = await connection.fetchval(WRAPPED)
        assert (await audited(Settings(database_url=dsn, data_dir=tmp_path))).is_sound
        await connection.execute("CHECKPOINT")
        assert any(name.startswith("base/") for name in files_with(data, key))
        await service.client.post("/v1/subjects/erase", json={"address": JANE})
        assert await connection.fetchval(WRAPPED) != key
        await connection.close()
        sizes = await scrub(dsn)
        assert sizes.keys() == set(TABLES)
        assert (await service.check())["reason_code"] == "SUPPRESSED_AFTER_ERASURE"
    # What was written ahead is recycled with time: until then it holds the key, as an archive of it does.
    assert [name for name in files_with(data, key) if not name.startswith("pg_wal/")] == []
    person = [*spellings(JANE["value"]), *spellings(EVIDENCE)]
    assert files_with(data, *person) == []
    dump = await dumped(durable_server)
    assert b"subject_secret" in dump
    assert not any(needle in dump for needle in (*person, key.hex().encode()))
