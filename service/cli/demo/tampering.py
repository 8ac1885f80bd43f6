"""The last act: somebody with full rights alters one stored event behind the service's back."""

import asyncio
import json
import subprocess
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from service.cli.demo.play import Stage
from service.cli.demo.stories import at, newsletter
from service.cli.demo.theatre import DemoError, program
from service.core.canonical import canonical_json
from service.core.records import HASH_SIZE
from service.core.verdict import Verdict
from service.settings import read_settings
from service.wiring.database import database

# The commitment of an event entry stands at its end; flipping its last bit makes it another event's.
ALTER = """
    UPDATE log_entry SET entry = set_bit(entry, octet_length(entry) * 8 - 1,
                                         1 - get_bit(entry, octet_length(entry) * 8 - 1))
    WHERE index = $1
"""


READ = "SELECT entry FROM log_entry WHERE index = $1"


@dataclass(frozen=True, slots=True)
class Tampering:
    """What was done, and who noticed."""

    index: int
    audit_before: str
    audit_found: str
    service_refused: str
    bundle_verified_before: bool
    bundle_verified_after: bool
    failed_check: str

    @property
    def as_expected(self) -> bool:
        """Whether the ledger was sound before, and audit, service and verifier noticed."""
        sound = self.bundle_verified_before and not self.audit_before
        noticed = bool(self.audit_found) and bool(self.service_refused)
        return sound and noticed and not self.bundle_verified_after


def tamper(stage: Stage, data: Path, index: int, address: str) -> Tampering:
    """Alter the event at `index`, which belongs to `address`, and see who notices."""
    question = {**newsletter(), "address": at(address)}
    audit_before = _audit(data)
    bundle = stage.proof(question)
    with database(read_settings({}, data_dir=data)) as dsn:
        altered = asyncio.run(_alter(dsn, index))
    forged = stage.verify(_altered(bundle, index, altered))
    return Tampering(
        index=index,
        audit_before=audit_before,
        audit_found=_audit(data),
        service_refused=_refusal(stage, question),
        bundle_verified_before=stage.verify(bundle).verified,
        bundle_verified_after=forged.verified,
        failed_check=_failed(forged),
    )


def _refusal(stage: Stage, question: dict[str, Any]) -> str:
    try:
        stage.proof(question)
    except DemoError as error:
        return str(error)
    return ""


async def _alter(dsn: str, index: int) -> bytes:
    """Flip a bit as a superuser may, and return the entry as it is then."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(ALTER, index)
        altered: bytes = await connection.fetchval(READ, index)
    finally:
        await connection.close()
    return altered


def _altered(bundle: bytes, index: int, entry: bytes) -> bytes:
    """The same alteration in the proof: what the database says now, in place of what it said."""
    value = json.loads(bundle)
    for event in (event for subject in value["subjects"] for event in subject["events"]):
        if event["index"] == index:
            for name in ("event", "evidence", "opening"):
                event.pop(name, None)
            event["commitment"] = b64encode(entry[-HASH_SIZE:]).decode()
    return canonical_json(value)


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
