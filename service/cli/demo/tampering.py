"""The last act: somebody with full rights alters one stored event behind the service's back."""

import asyncio
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from service.cli.demo.play import Stage
from service.cli.demo.stories import at, newsletter
from service.cli.demo.theatre import program
from service.core.verdict import Verdict
from service.settings import read_settings
from service.wiring.database import database

# The commitment of an event entry stands at its end; flipping its last bit makes it another event's.
ALTER = """
    UPDATE log_entry SET entry = set_bit(entry, octet_length(entry) * 8 - 1,
                                         1 - get_bit(entry, octet_length(entry) * 8 - 1))
    WHERE index = $1
"""


@dataclass(frozen=True, slots=True)
class Tampering:
    """What was done, and who noticed."""

    index: int
    audit_before: str
    audit_found: str
    bundle_verified_before: bool
    bundle_verified_after: bool
    failed_check: str

    @property
    def as_expected(self) -> bool:
        """Whether the ledger was sound before, and both the audit and the verifier noticed."""
        sound = self.bundle_verified_before and not self.audit_before
        return sound and bool(self.audit_found) and not self.bundle_verified_after


def tamper(stage: Stage, data: Path, index: int, address: str) -> Tampering:
    """Alter the event at `index`, which belongs to `address`, and see who notices."""
    question = {**newsletter(), "address": at(address)}
    audit_before = _audit(data)
    before, _ = stage.proof(question)
    with database(read_settings({}, data_dir=data)) as dsn:
        asyncio.run(_alter(dsn, index))
    after, _ = stage.proof(question)
    return Tampering(
        index=index,
        audit_before=audit_before,
        audit_found=_audit(data),
        bundle_verified_before=before.verified,
        bundle_verified_after=after.verified,
        failed_check=_failed(after),
    )


async def _alter(dsn: str, index: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(ALTER, index)
    finally:
        await connection.close()


def _audit(data: Path) -> str:
    """What the audit finds first; empty when it finds nothing."""
    done = subprocess.run(  # noqa: S603 - this very program
        program("audit", "--data", str(data), "--json"), capture_output=True, check=False, timeout=300
    )
    findings = json.loads(done.stdout)["findings"]
    return str(findings[0]["message"]) if findings else ""


def _failed(verdict: Verdict) -> str:
    failed = next((check for check in verdict.checks if check.outcome == "failed"), None)
    return f"step {failed.number}, {failed.name}: {failed.detail}" if failed else ""
