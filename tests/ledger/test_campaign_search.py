"""Which campaigns asked about a person: found by answering again, shown in an export and proved in it."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.core.bundle import parse_bundle
from service.core.export import contents as at
from service.core.notes import Signer
from service.core.verifier import verify_bundle
from service.ledger.addresses import CanonicalAddress
from service.ledger.campaigns import search as campaign_search
from service.ledger.exporting.ports import Scope
from tests.support.databases import a_database
from tests.support.exported import audited, codes, exported, exports_of, files_of, signed, verified
from tests.support.http_service import JANE, Service, grant, question, running, withdrawal

JANES = CanonicalAddress("email", str(JANE["value"]))
NOBODY = CanonicalAddress("email", "nobody@example.org")
DEFAULTS = {name: value for name, value in question().items() if name != "address"}
OTHERS = 300


def address(name: str) -> dict[str, str]:
    return {"kind": "email", "value": f"{name}@example.org"}


async def campaign(service: Service, checks: list[dict[str, Any]], **changes: object) -> str:
    """Ask about these people at once; the campaign's id."""
    body = {"defaults": DEFAULTS | changes, "checks": checks}
    answer = await service.client.post("/v1/checks/batch", json=body)
    assert answer.status_code == 207
    return str(answer.json()["summary"]["campaign"])


@dataclass(frozen=True)
class Mailed:
    """An export of Jane and of nobody, after campaigns: the first before her no, the last after it."""

    signer: Signer
    raw: bytes
    campaigns: tuple[str, ...]

    @property
    def files(self) -> dict[str, bytes]:
        """Its files."""
        return files_of(self.raw)


async def mailed(dsn: str, folder: Path) -> Mailed:
    crowd = [{"address": address(f"p{number}")} for number in range(OTHERS)]
    async with running(dsn, folder) as service:
        assert (await service.record(grant())).status_code == 201
        first = await campaign(service, [*crowd, {"address": JANE}])
        abroad = await campaign(service, [{"address": JANE, "recipient": {"country": "BE"}}])
        otherwise = await campaign(service, [{"address": JANE, "local_time": "10:00"}])
        without = await campaign(service, crowd)
        assert (await service.record(withdrawal())).status_code == 201
        last = await campaign(service, [{"address": JANE}, {"address": address("nobody")}])
        keys = service.composition.services.ledgers[service.ledger_id].keys
        raw = await exported(exports_of(service), Scope("addresses", (JANES, NOBODY), disclose=True))
        return Mailed(keys.signer, raw, (first, abroad, otherwise, without, last))


@pytest.fixture(scope="module")
def told(
    server_dsn: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mailed]:
    with a_database(server_dsn, template=migrated_template) as dsn:
        yield asyncio.run(mailed(dsn, tmp_path_factory.mktemp("mailed")))


def lines_of(told: Mailed, place: int) -> list[tuple[str, int, str]]:
    """Campaign, line and answer of each line that is proved for the address at this place."""
    found = []
    for name, raw in told.files.items():
        if at.place_of_line(name) == place:
            shown = parse_bundle(raw)
            assert shown.campaign
            assert shown.decision
            event: Any = shown.campaign.event.record["event"]
            found.append((event["campaign"], shown.campaign.line, shown.decision["decision"]))
            assert verify_bundle(raw, verifiers=[told.signer.verifier]).verified
    return found


def test_each_mailing_before_which_a_person_was_asked_about_is_found_with_its_answer_and_proof(
    told: Mailed,
) -> None:
    first, abroad, _, _, last = told.campaigns
    assert lines_of(told, 1) == [(last, 1, "deny"), (abroad, 1, "deny"), (first, OTHERS + 1, "allow")]
    assert lines_of(told, 2) == [(last, 2, "deny")]


def test_a_line_that_asked_something_else_is_not_found_and_the_report_says_so(told: Mailed) -> None:
    _, _, otherwise, without, _ = told.campaigns
    report = told.files[at.REPORT].decode()
    assert otherwise not in report
    assert without not in report
    assert "Campaigns keep no addresses." in report
    assert f"Line {OTHERS + 1} of {OTHERS + 1} of campaign {told.campaigns[0]}" in report


def test_such_an_export_is_sound_and_one_with_a_line_of_another_is_not(told: Mailed) -> None:
    for judge in (verified, audited):
        report = judge(told.raw, told.signer.verifier)
        assert (report.sound, report.level) == (True, "L1"), report.findings
    own, other = at.line_name(1, 1), at.line_name(2, 1)
    swapped = told.files | {own: told.files[other]}
    assert codes(verified(signed(swapped, told.signer))) == {"bundle_of_another_subject"}
    nobodys = {name: body for name, body in told.files.items() if name != other}
    nobodys[at.line_name(3, 1)] = told.files[other]
    assert codes(verified(signed(nobodys, told.signer))) == {"line_of_nobody"}


async def test_more_lines_than_can_be_looked_through_are_left_and_counted(
    database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign_search, "LINES_MAX", 5_000)
    async with running(database_dsn, tmp_path) as service:
        assert (await service.record(grant())).status_code == 201
        people = [{"address": JANE}, {"address": address("nobody")}]
        await campaign(service, people)
        last = await campaign(service, people)
        files = files_of(await exported(exports_of(service), Scope("addresses", (JANES,))))
    assert [name for name in files if at.place_of_line(name)] == [at.line_name(1, 1)]
    assert last in files[at.REPORT].decode()
    assert json.loads(files[at.EXPORT])["unsearched"] == 1
    assert "The 1 oldest campaigns of this ledger were not searched." in files[at.REPORT].decode()
