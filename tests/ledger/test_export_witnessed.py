"""An export carries what others attested of the log, and the audit meets it."""

import io
from pathlib import Path

import asyncpg

from service.core.export import contents as at
from service.core.export.auditing import audit_export
from service.core.notes import Verifier, parse_note
from service.core.policy import Policy, parse_policy
from service.core.verify_signed import Trust
from service.ledger.exporting.ports import Scope
from tests.support.exported import a_service, audited, codes, exported, files_of, signed, size_of, untold
from tests.support.trusted_world import OTHER_WITNESS, WITNESS


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


def policy_of(log: Verifier, quorum: str) -> Policy:
    """A policy that knows two witnesses, one of which has cosigned."""
    lines = (
        f"log {log.vkey}",
        f"witness w {WITNESS.verifier.vkey}",
        f"witness x {OTHER_WITNESS.verifier.vkey}",
        "group both all w x",
        f"quorum {quorum}",
    )
    return parse_policy("\n".join(lines).encode() + b"\n")


async def test_what_witnesses_have_cosigned_goes_with_it_and_makes_more_of_it(
    database_dsn: str, tmp_path: Path
) -> None:
    async with a_service(database_dsn, tmp_path) as (service, exports):
        ledger = service.composition.services.ledgers[service.ledger_id]
        key, witness = ledger.keys.signer.verifier, WITNESS.verifier
        await cosign(database_dsn, service.ledger_id, await ledger.published.checkpoint())
        size, held = await size_of(service), await ledger.published.checkpoint()
        of_that = await exported(exports, Scope("sender", sender="acme", size=size))
        later = await exported(exports, Scope("sender", sender="acme"))
        assert at.WITNESSED in files_of(later)
        for raw in (of_that, later):
            assert audited(raw, key).level == "L1"
            report = audited(raw, key, witness)
            assert (report.sound, report.level) == (True, "L2"), report.findings
            for quorum, expected in (("w", "L2"), ("none", "L2"), ("both", None)):
                policy = policy_of(key, quorum)
                report = audit_export(io.BytesIO(raw), Trust.of([], policy), None, untold)
                assert report.level == expected, (quorum, report.findings)
            assert codes(report) == {"witness_quorum"}, "a reader gets nothing less than the quorum"
            report = audit_export(io.BytesIO(raw), Trust.of([], policy_of(key, "both")), held, untold)
            assert codes(report) == {"witness_quorum"}, "nor for a checkpoint that they held"
        changed = files_of(later)
        changed[at.WITNESSED] = changed[at.CHECKPOINT]
        assert audited(signed(changed, ledger.keys.signer), key, witness).level == "L1"
