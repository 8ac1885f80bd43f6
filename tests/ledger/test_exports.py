"""Exports over a real database: what is in them, that they are the same again, and what they are worth."""

import asyncio
import io
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from service.cli.audit_ledger import run_audit
from service.core.errors import GoneError, NotFoundError, QuestionError, UnavailableError
from service.core.export import contents as at
from service.core.export.archive import complete_members
from service.core.export.manifest import MANIFEST, NOTE
from service.core.notes import Signer, Verifier
from service.core.tiles import decode_entries
from service.core.verifier import verify_bundle
from service.ledger.addresses import CanonicalAddress
from service.ledger.exporting.exports import LIFETIME_MS, Exports
from service.ledger.exporting.ports import Scope
from service.ledger.exporting.preparing import LEASE_MS, Parts
from service.ledger.verifier_page import verifier_page
from service.printing import print_report
from service.settings import Settings
from service.wiring.clock import now_ms
from tests.support.databases import a_database
from tests.support.exported import (
    a_service,
    audited,
    codes,
    exported,
    files_of,
    size_of,
    verified,
)
from tests.support.http_service import JANE, Service, grant, question, running, withdrawal

JANES = CanonicalAddress("email", str(JANE["value"]))
STRANGER = CanonicalAddress("email", "stranger@example.org")
FORM = {
    "language": "nl",
    "title": "Nieuwsbrief",
    "text": "Ja, stuur mij de nieuwsbrief.",
    "boxes": [
        {
            "name": "news",
            "label": "Nieuwsbrief",
            "default": "unticked",
            "categories": ["newsletter"],
            "channels": ["email"],
            "senders": ["acme"],
        }
    ],
}
ASKED = {name: value for name, value in question().items() if name != "address"}
OTHERS = 600


@dataclass
class Told:
    """A ledger's exports, what it signs with, and the checkpoint it had at first."""

    signer: Signer
    origin: str
    held: bytes
    campaign: str
    raw: dict[str, bytes] = field(default_factory=dict)

    @property
    def key(self) -> Verifier:
        """The key it signs with."""
        return self.signer.verifier


def scopes(campaign: str) -> dict[str, Scope]:
    return {
        "ledger": Scope("ledger", disclose=True),
        "addresses": Scope(
            "addresses", (JANES, STRANGER), question=dict(ASKED), disclose=True, language="nl"
        ),
        "sender": Scope("sender", sender="acme"),
        "campaign": Scope("campaign", campaign=campaign),
    }


async def fill(service: Service) -> str:
    """Jane's yes with the form, a campaign, her no, and many others; the campaign's id."""
    form = (await service.client.post("/v1/forms", json=FORM)).json()["id"]
    ticked = {"form": form, "box": "news", "method": "ticked", "checkbox_default": None}
    given = {name: value for name, value in grant(**ticked).items() if value is not None}
    del given["categories"], given["channels"]
    assert (await service.record(given)).status_code == 201
    many = [
        grant(f"g{number}", address={"kind": "email", "value": f"p{number}@example.org"})
        for number in range(OTHERS)
    ]
    assert (await service.client.post("/v1/events/batch", json={"events": many})).status_code == 207
    checks = [{"address": JANE}, {"address": {"kind": "email", "value": STRANGER.value}}]
    checked = await service.client.post("/v1/checks/batch", json={"defaults": ASKED, "checks": checks})
    assert (await service.record(withdrawal())).status_code == 201
    return str(checked.json()["summary"]["campaign"])


@pytest.fixture(scope="module")
def told(server_dsn: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    async def make(dsn: str) -> Told:
        async with running(dsn, tmp_path_factory.mktemp("exports")) as service:
            ledger = service.composition.services.ledgers[service.ledger_id]
            held = await ledger.published.checkpoint()
            campaign = await fill(service)
            found = Told(ledger.keys.signer, ledger.keys.origin, held, campaign)
            for name, scope in scopes(campaign).items():
                found.raw[name] = await exported(ledger.exports, scope)
            return found

    with a_database(server_dsn, template=migrated_template) as dsn:
        yield asyncio.run(make(dsn))


@pytest.mark.parametrize("scope", ["ledger", "addresses", "sender", "campaign"])
def test_an_export_is_sound_by_the_key_of_its_log(told: Told, scope: str) -> None:
    for report in (verified(told.raw[scope], told.key), audited(told.raw[scope], told.key)):
        assert report.sound, report.findings
        assert (report.scope, report.origin) == (scope, told.origin)
    assert report.level == ("L3" if scope == "ledger" else "L1")
    assert bool(report.not_shown) is (scope != "ledger")


def test_a_checkpoint_that_was_held_before_makes_more_of_it(told: Told) -> None:
    report = audited(told.raw["sender"], told.key, held=told.held)
    assert (report.sound, report.level) == (True, "L2")
    assert audited(told.raw["ledger"], told.key, held=told.held).level == "L3"


def test_an_export_of_the_ledger_counts_everything(told: Told) -> None:
    counts = audited(told.raw["ledger"], told.key).counts
    assert counts["events"] == counts["records"]
    assert counts["subjects"] == OTHERS + 3  # Jane, Acme, the ledger itself


def test_without_a_key_that_is_trusted_the_report_says_so(told: Told) -> None:
    unpinned = next(check for check in verified(told.raw["ledger"]).checks if check.name == "key pinned")
    assert unpinned.outcome == "not checked"
    assert told.key.vkey in unpinned.detail


def test_the_bundle_of_each_address_verifies_by_itself_and_answers_the_question(told: Told) -> None:
    files = files_of(told.raw["addresses"])
    answers = []
    for number in (1, 2):
        verdict = verify_bundle(files[at.bundle_name(number)], verifiers=[told.key])
        assert verdict.verified
        assert verdict.answer is not None
        answers.append(verdict.answer.decision)
    assert answers == ["deny", "deny"]
    assert json.loads(files[at.EXPORT])["subjects"].__len__() == 2


@pytest.mark.parametrize("scope", ["ledger", "addresses", "sender", "campaign"])
def test_the_report_is_in_it_to_read_and_to_print(told: Told, scope: str) -> None:
    files = files_of(told.raw[scope])
    assert files[at.REPORT_PDF] == print_report(files[at.REPORT].decode())


def test_beside_bundles_lies_the_page_that_checks_them_in_a_browser(told: Told) -> None:
    assert files_of(told.raw["addresses"])[at.VERIFIER] == verifier_page()
    assert at.VERIFIER not in files_of(told.raw["ledger"])


def test_the_log_in_it_is_laid_out_as_c2sp_tlog_tiles(told: Told) -> None:
    files = files_of(told.raw["ledger"])
    size = json.loads(files[MANIFEST])["size"]
    full, rest = divmod(size, 256)
    assert full == 2
    names = {"000", "001", f"002.p/{rest}"}
    for level in ("0", "entries"):
        assert {name.split(f"tile/{level}/")[1] for name in files if f"tile/{level}/" in name} == names
    assert f"log/tile/1/000.p/{full}" in files
    assert sum(len(decode_entries(files[f"log/tile/entries/{name}"])) for name in names) == size
    assert all(len(files[f"log/tile/0/{name}"]) == 32 * 256 for name in ("000", "001"))


def test_no_address_is_in_the_name_of_a_file_nor_in_its_description(told: Told) -> None:
    for raw in told.raw.values():
        files = files_of(raw)
        for name in (at.EXPORT, at.README, at.KEYS, MANIFEST, NOTE):
            assert b"example.org" not in files[name]
        assert not any("example" in name for name in files)


def test_the_secret_that_ties_addresses_to_entries_is_in_it_only_where_it_is_disclosed(told: Told) -> None:
    disclosed = {name: json.loads(files_of(raw)[at.KEYS]) for name, raw in told.raw.items()}
    assert disclosed["ledger"]["subject_key_secret"]
    assert disclosed["sender"]["subject_key_secret"] is None


async def test_the_same_export_is_the_same_bytes_whatever_was_recorded_since(
    database_dsn: str, tmp_path: Path
) -> None:
    async with a_service(database_dsn, tmp_path) as (service, exports):
        row = await exports.create(Scope("addresses", (JANES,)), "test")
        await exports.prepare()
        row = await exports.find(row.export_id)
        first = b"".join([chunk async for chunk in exports.read(row)])
        await service.record(withdrawal())
        assert b"".join([chunk async for chunk in exports.read(row)]) == first
        assert len(first) == row.bytes


async def test_two_exports_of_one_checkpoint_are_the_same_bytes(database_dsn: str, tmp_path: Path) -> None:
    async with a_service(database_dsn, tmp_path) as (service, exports):
        size = await size_of(service)
        one = await exported(exports, Scope("ledger", size=size))
        await service.record(withdrawal())
        assert await exported(exports, Scope("ledger", size=size)) == one
        assert audited(one).level == "L3"


async def test_it_can_be_read_from_any_byte_on(database_dsn: str, tmp_path: Path) -> None:
    async with a_service(database_dsn, tmp_path) as (_, exports):
        row = await exports.create(Scope("ledger"), "test")
        await exports.prepare()
        row = await exports.find(row.export_id)
        whole = b"".join([chunk async for chunk in exports.read(row)])
        ends = [member.end for member in complete_members(io.BytesIO(whole))]
        for start in {0, 1, len(whole) - 1, len(whole), *ends, *(end - 1 for end in ends), ends[3] + 20}:
            assert b"".join([chunk async for chunk in exports.read(row, start)]) == whole[start:]


async def test_a_process_that_died_while_it_prepared_is_gone_on_after(
    database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_service(database_dsn, tmp_path) as (service, exports):
        size = int(
            (await service.composition.services.ledgers[service.ledger_id].published.checkpoint()).split(
                b"\n"
            )[1]
        )
        wanted = await exported(exports, Scope("ledger", size=size))
        row = await exports.create(Scope("ledger", size=size), "test")
        monkeypatch.setattr("service.ledger.exporting.preparing._KEPT_AT_ONCE", 3)

        def die(done: int, _of: int) -> None:
            if done > 9:
                raise UnavailableError

        with pytest.raises(UnavailableError):
            await exports.prepare(row.export_id, die)
        half = await exports.find(row.export_id)
        assert half.status == "preparing"
        assert 9 < half.done < half.planned
        assert not await exports.prepare(row.export_id), "its lease is not over"
        later = now_ms() + LEASE_MS + 1
        monkeypatch.setattr(exports, "_parts", _at(exports, later))
        assert await exports.prepare(row.export_id)
        row = await exports.find(row.export_id)
        assert b"".join([chunk async for chunk in exports.read(row)]) == wanted


def _at(exports: Exports, moment: int) -> Parts:
    return replace(exports._parts, clock=lambda: moment)  # noqa: SLF001 - a clock of the test's own


async def test_asking_and_handing_out_are_events_of_the_ledger(database_dsn: str, tmp_path: Path) -> None:
    async with a_service(database_dsn, tmp_path) as (service, exports):
        row = await exports.create(Scope("addresses", (JANES,)), "key-1")
        await exports.prepare()
        for _ in range(2):
            await exports.begin_download(row.export_id, "key-1", "d1")
        heard = (await service.client.get("/v1/events?types=export_created,export_downloaded")).json()
        events = [event for event in heard["items"] if event["type"].startswith("export")]
        assert [event["type"] for event in events] == ["export_created", "export_downloaded"]
        assert "jane" not in json.dumps(events)


async def test_an_export_that_expired_is_destroyed(
    database_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_service(database_dsn, tmp_path) as (_, exports):
        row = await exports.create(Scope("addresses", (JANES,)), "test")
        await exports.prepare()
        monkeypatch.setattr(exports, "_parts", _at(exports, now_ms() + LIFETIME_MS + 1))
        with pytest.raises(GoneError):
            await exports.require_ready(row.export_id)
        assert await exports.forget() == 1
        gone = await exports.find(row.export_id)
        assert (gone.status, gone.scope, await exports.files(gone)) == ("withdrawn", b"", [])


async def test_what_cannot_be_exported_as_asked_is_refused_before_it_is_recorded(
    database_dsn: str, tmp_path: Path
) -> None:
    async with a_service(database_dsn, tmp_path) as (_, exports):
        with pytest.raises(QuestionError):
            await exports.create(Scope("addresses", (JANES,), size=3), "test")
        with pytest.raises(NotFoundError):
            await exports.create(Scope("ledger", size=2), "test")
        with pytest.raises(NotFoundError):
            await exports.create(Scope("campaign", campaign="0" * 32), "test")
        with pytest.raises(QuestionError):
            await exports.create(Scope("sender", sender="nobody"), "test")
        assert await exports.all() == []


async def test_who_was_erased_is_in_no_export_any_more(database_dsn: str, tmp_path: Path) -> None:
    async with a_service(database_dsn, tmp_path) as (service, exports):
        row = await exports.create(Scope("addresses", (JANES,)), "test")
        await exports.prepare()
        settings = Settings(database_url=database_dsn, data_dir=tmp_path)
        assert (await run_audit(settings, database_dsn)).is_sound
        await service.composition.services.ledgers[service.ledger_id].erasures.erase(JANES)
        with pytest.raises(GoneError):
            await exports.require_ready(row.export_id)
        assert await exports.files(row) == []
        raw = await exported(exports, Scope("ledger", disclose=True))
        report = audited(raw)
        assert (report.level, report.counts["erased"]) == ("L3", 1), report.findings
        assert not any(JANES.value.encode() in body for body in files_of(raw).values())
        alone = await exported(exports, Scope("addresses", (JANES,)))
        assert verified(alone).sound


def test_the_system_s_own_unzip_finds_nothing_wrong(told: Told, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(told.raw["ledger"])
    try:
        done = subprocess.run(["unzip", "-tq", str(path)], capture_output=True, check=False, timeout=60)
    except FileNotFoundError:
        pytest.skip("no unzip is installed")
    assert done.returncode == 0, done.stdout


def test_a_report_of_findings_is_empty_for_a_sound_export(told: Told) -> None:
    assert codes(audited(told.raw["campaign"], told.key)) == set()
