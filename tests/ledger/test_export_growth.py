"""An export of addresses, and a checkpoint that its reader kept from before: that the log only grew since."""

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.core.checkpoint import Checkpoint, sign_checkpoint
from service.core.errors import QuestionError
from service.core.export import contents as at
from service.core.notes import Signer
from service.core.verifier import verify_bundle
from service.ledger.addresses import CanonicalAddress
from service.ledger.exporting.freezing import checkpoint_of
from service.ledger.exporting.ports import Scope
from service.ledger.exporting.report.page import WORDS
from tests.support.databases import a_database
from tests.support.exported import a_service, audited, codes, exported, files_of, signed, size_of, verified
from tests.support.http_service import grant

JANE = CanonicalAddress("email", "jane@example.org")


@dataclass(frozen=True)
class Grown:
    """A checkpoint, and exports of the log that it is the beginning of: told of it, and not."""

    signer: Signer
    note: bytes
    told: bytes
    untold: bytes
    of_told: bytes
    first: bytes

    @property
    def held(self) -> Checkpoint:
        """What the reader kept."""
        return checkpoint_of(self.note)


@pytest.fixture(scope="module")
def grown(
    server_dsn: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Grown]:
    async def make(dsn: str) -> Grown:
        async with a_service(dsn, tmp_path_factory.mktemp("grown")) as (service, exports):
            ledger = service.composition.services.ledgers[service.ledger_id]
            note = await ledger.published.checkpoint()
            for number in range(5):
                await service.record(grant(f"later-{number}"))
            first = await exported(exports, Scope("addresses", (JANE,)))
            told = await exported(
                exports, Scope("addresses", (JANE,), held_sizes=(checkpoint_of(note).size,))
            )
            untold = await exported(exports, Scope("addresses", (JANE,)))
            received = files_of(told)[at.CHECKPOINT]
            return Grown(ledger.keys.signer, note, told, untold, received, first)

    with a_database(server_dsn, template=migrated_template) as dsn:
        yield asyncio.run(make(dsn))


def test_an_export_that_was_told_of_a_checkpoint_proves_that_it_begins_the_log(grown: Grown) -> None:
    key = grown.signer.verifier
    for judge in (verified, audited):
        report = judge(grown.told, key, held=grown.note)
        assert (report.sound, report.level) == (True, "L2"), report.findings
    assert verified(grown.told, key).level == "L1"


def test_the_report_of_it_says_that_this_can_be_shown(grown: Grown) -> None:
    for raw, levels in ((grown.told, 2), (grown.first, 1)):
        assert files_of(raw)[at.REPORT].decode().count(WORDS["en"].shown) == levels


def test_an_export_that_was_not_says_how_to_ask_for_one(grown: Grown) -> None:
    report = verified(grown.untold, grown.signer.verifier, held=grown.note)
    assert (report.sound, report.level) == (True, "L1")
    (check,) = [each for each in report.checks if each.name == "checkpoint held before"]
    assert check.outcome == "not checked"
    assert f"--held-size {grown.held.size}" in check.detail


def test_whoever_received_an_export_before_need_not_ask(grown: Grown) -> None:
    for judge in (verified, audited):
        report = judge(grown.untold, grown.signer.verifier, held=grown.of_told)
        assert (report.sound, report.level) == (True, "L2"), report.findings
    body = at.read_body(files_of(grown.untold)[at.EXPORT], at.ExportBody)
    assert body.held_sizes[-1] == checkpoint_of(grown.of_told).size


def test_a_bundle_that_is_taken_out_reaches_level_2_by_itself(grown: Grown) -> None:
    raw, key = files_of(grown.told)[at.bundle_name(1)], grown.signer.verifier
    assert verify_bundle(raw, verifiers=[key], held=grown.note).level == "L2"


@pytest.mark.parametrize("change", ["another history", "a hash", "a size", "nothing"])
def test_a_growth_that_is_not_proved_is_a_fork(grown: Grown, change: str) -> None:
    files, held, note = files_of(grown.told), grown.held, grown.note
    name = at.consistency_name(held.size)
    lines = files[name].split(b"\n")
    if change == "another history":
        note = sign_checkpoint(held.origin, held.size, b"\1" * 32, [grown.signer])
    elif change == "a hash":
        lines[1] = base64.b64encode(b"\1" * 32)
    elif change == "a size":
        lines[0] = b"old %d" % (held.size + 1)
    changed = signed(files | {name: b"\n".join(lines)}, grown.signer)
    found = codes(verified(changed, grown.signer.verifier, held=note))
    assert found == (set() if change == "nothing" else {"log_forked"})


async def test_a_checkpoint_of_a_longer_log_than_this_one_is_refused(
    database_dsn: str, tmp_path: Path
) -> None:
    async with a_service(database_dsn, tmp_path) as (service, exports):
        size = await size_of(service)
        with pytest.raises(QuestionError, match=f"{size} entries"):
            await exports.create(Scope("addresses", (JANE,), held_sizes=(3, size + 1)), "test")
