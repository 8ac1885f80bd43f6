"""The tamper table: what a superuser changes behind the service's back, and who finds it."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from service.core.errors import ForkError
from service.ledger.audit import Audit, AuditReport
from service.ledger.opening import Opener
from service.ledger.startup import check_start
from service.settings import Settings
from service.wiring.ledgers import open_parts
from tests.support.http_service import JANE, Service, grant, question, running, withdrawal

FORM = {"language": "en", "title": "News", "text": "Acme may mail me.", "boxes": []}
EVENT = 5  # Jane's consent: genesis, rulebook, epoch, Acme, epoch, then this
FLIP = "set_byte({0}, octet_length({0}) - 1, get_byte({0}, octet_length({0}) - 1) # 1)"


def flip(table: str, column: str, where: str) -> str:
    return f"UPDATE {table} SET {column} = {FLIP.format(column)} WHERE {where}"  # noqa: S608 - names from here


OTHER_STANDING = """
    UPDATE subject SET standing = (SELECT standing FROM subject WHERE last_index = 3) WHERE last_index = 7
"""

# What was done: the statements, and the finding that names it first.
TABLE: dict[str, tuple[list[str], str]] = {
    "a record's bytes changed": ([flip("sealed_record", "sealed", f"index = {EVENT}")], "seal_broken"),
    "a record removed": (["DELETE FROM sealed_record WHERE index = 5"], "record_missing"),
    "evidence changed": ([flip("sealed_record", "evidence", f"index = {EVENT}")], "seal_broken"),
    "an entry changed": ([flip("log_entry", "entry", f"index = {EVENT}")], "commitment_differs"),
    "an entry's hash changed": ([flip("log_entry", "leaf_hash", f"index = {EVENT}")], "leaf_hash_differs"),
    "an entry deleted in the middle": (["DELETE FROM log_entry WHERE index = 5"], "entry_missing"),
    "the tail cut": (["DELETE FROM log_entry WHERE index >= 7"], "entry_missing"),
    "a checkpoint changed": ([flip("checkpoint", "note", "size = 7")], "checkpoint_unsigned"),
    "a subject's head changed": ([flip("subject", "chain", f"last_index = {EVENT + 2}")], "subject_differs"),
    "a subject's standing changed": ([OTHER_STANDING], "standing_differs"),
    "a subject removed": (["DELETE FROM subject WHERE last_index = 7"], "subject_missing"),
    "a row of the map changed": ([flip("map_stratum", "slots", "prefix = ''")], "stratum_differs"),
    "a form's text changed": ([flip("document", "body", "kind = 'form'")], "document_differs"),
    "the rulebook changed": ([flip("document", "body", "kind = 'rulebook'")], "document_differs"),
    "a key swapped in the head": ([flip("log_head", "checkpoint", "true")], "head_differs"),
    "the map's root in the head changed": ([flip("log_head", "map_root", "true")], "head_differs"),
}


@pytest.fixture
async def told(database_dsn: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A ledger that holds Jane's yes, her no, and a form."""
    async with running(database_dsn, tmp_path) as service:
        await service.record(grant())
        await service.record(withdrawal())
        assert (await service.client.post("/v1/forms", json=FORM)).status_code == 201
        yield service


async def alter(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def audit(dsn: str, data: Path) -> AuditReport:
    settings = Settings(database_url=dsn, data_dir=data)
    async with open_parts(settings, dsn) as parts:
        opener = Opener(parts.sealer)
        return await Audit(parts.store, parts.keys, opener, parts.mark).run(lambda _done, _all: None)


@pytest.mark.usefixtures("told")
async def test_a_sound_ledger_has_no_findings(database_dsn: str, tmp_path: Path) -> None:
    report = await audit(database_dsn, tmp_path)
    assert report.findings == []
    assert report.counts["events"] == 5


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(("statements", "code"), TABLE.values(), ids=TABLE.keys())
async def test_the_audit_finds(database_dsn: str, tmp_path: Path, statements: list[str], code: str) -> None:
    await alter(database_dsn, *statements)
    report = await audit(database_dsn, tmp_path)
    assert code in {finding.code for finding in report.findings}, report.findings


@pytest.mark.usefixtures("told")
async def test_a_head_that_is_rewound_with_the_tail_is_found_by_the_mark(
    database_dsn: str, tmp_path: Path
) -> None:
    await alter(
        database_dsn,
        "DELETE FROM log_entry WHERE index >= 5",
        "UPDATE log_head SET size = 5, epoch_index = 4, epoch_no = 1",
    )
    codes = {finding.code for finding in (await audit(database_dsn, tmp_path)).findings}
    assert "log_behind_mark" in codes
    settings = Settings(database_url=database_dsn, data_dir=tmp_path)
    async with open_parts(settings, database_dsn) as parts:
        with pytest.raises(ForkError):
            await check_start(parts.store, parts.keys, parts.mark)


async def test_the_running_service_refuses_to_prove_what_was_altered(
    told: Service, database_dsn: str
) -> None:
    await alter(database_dsn, flip("log_entry", "entry", f"index = {EVENT}"))
    refused = await told.client.post("/v1/proofs", json=question())
    assert refused.status_code == 503
    assert refused.json()["type"].endswith("ledger-stopped")


async def test_the_running_service_stops_writing_on_a_map_that_was_altered(
    told: Service, database_dsn: str
) -> None:
    await alter(database_dsn, "DELETE FROM log_head")
    refused = await told.record(grant("later", address={**JANE, "value": "other@example.org"}))
    assert refused.status_code == 503


@pytest.mark.usefixtures("told")
async def test_the_log_holds_neither_an_address_nor_its_plain_hash(database_dsn: str) -> None:
    connection = await asyncpg.connect(database_dsn)
    rows = await connection.fetch("SELECT entry FROM log_entry")
    await connection.close()
    plain = hashlib.sha256(JANE["value"].encode()).digest()
    assert rows
    assert not any(b"jane" in row[0] or plain in row[0] for row in rows)
