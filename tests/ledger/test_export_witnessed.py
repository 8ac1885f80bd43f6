"""An export carries what others attested of the log, and the audit meets it."""

from pathlib import Path

import asyncpg

from service.core.export import contents as at
from service.core.notes import parse_note
from service.ledger.export_ports import Scope
from tests.support.exported import a_service, audited, exported, files_of, signed, size_of
from tests.support.trusted_world import WITNESS


async def cosign(dsn: str, ledger_id: int, note: bytes) -> None:
    """What a witness that saw this checkpoint leaves in the database."""
    text = parse_note(note).text
    line = WITNESS.cosign(text, 1_795_000_000)
    size = int(text.split("\n")[1])
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "INSERT INTO cosignature (ledger_id, size, witness, line) VALUES ($1, $2, $3, $4)",
            *(ledger_id, size, WITNESS.verifier.name, line),
        )
    finally:
        await connection.close()


async def test_what_witnesses_have_cosigned_goes_with_it_and_makes_more_of_it(
    database_dsn: str, tmp_path: Path
) -> None:
    async with a_service(database_dsn, tmp_path) as (service, exports):
        ledger = service.composition.services.ledgers[service.ledger_id]
        key, witness = ledger.keys.signer.verifier, WITNESS.verifier
        await cosign(database_dsn, service.ledger_id, await ledger.published.checkpoint())
        size = await size_of(service)
        of_that = await exported(exports, Scope("sender", sender="acme", size=size))
        later = await exported(exports, Scope("sender", sender="acme"))
        assert at.WITNESSED in files_of(later)
        for raw in (of_that, later):
            assert audited(raw, key).level == "L1"
            report = audited(raw, key, witness)
            assert (report.sound, report.level) == (True, "L2"), report.findings
        changed = files_of(later)
        changed[at.WITNESSED] = changed[at.CHECKPOINT]
        assert audited(signed(changed, ledger.keys.signer), key, witness).level == "L1"
