"""Whatever is done to an export is found: to the file by others, to its contents by who holds the key."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.core.export import contents as at
from service.core.export.manifest import MANIFEST, NOTE
from service.core.notes import Signer
from service.core.records import subject_key
from service.ledger.addresses import CanonicalAddress
from service.ledger.exporting.ports import Scope
from tests.support.databases import a_database
from tests.support.exported import audited, codes, exported, files_of, signed, verified, written
from tests.support.http_service import JANE, grant, question, running, withdrawal

JANES = CanonicalAddress("email", str(JANE["value"]))
BOB = CanonicalAddress("email", "bob@example.org")
FORM = {"language": "en", "title": "News", "text": "Acme may mail me.", "boxes": []}
Files = dict[str, bytes]
RECORDS, ENTRIES = at.record_name(0), "log/tile/entries/"


@dataclass(frozen=True)
class Told:
    """A sound export of a ledger, one of two people in it, one of a campaign, and the key of the log."""

    ledger: bytes
    people: bytes
    campaign: bytes
    signer: Signer
    old_bundle: bytes


@pytest.fixture(scope="module")
def told(server_dsn: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    async def make(dsn: str) -> Told:
        async with running(dsn, tmp_path_factory.mktemp("tampering")) as service:
            ledger = service.composition.services.ledgers[service.ledger_id]
            await service.client.post("/v1/forms", json=FORM)
            await service.record(grant())
            old = await ledger.proofs.bundle(JANES, disclose=True)
            await service.record(withdrawal())
            await service.record(grant("bob-1", address={"kind": "email", "value": BOB.value}))
            bobs = subject_key(ledger.keys.subject_key_secret, BOB.kind, BOB.value).hex()
            asked = {"type": "info_requested", "source_event_id": "asked-1", "to": "acme", "subject": bobs}
            kept = {name: grant()[name] for name in ("occurred_at", "address")}
            assert (await service.record(kept | asked)).status_code == 201
            defaults = {name: value for name, value in question().items() if name != "address"}
            checks = [{"address": JANE}, {"address": {"kind": "email", "value": BOB.value}}]
            checked = await service.client.post(
                "/v1/checks/batch", json={"defaults": defaults, "checks": checks}
            )
            campaign = checked.json()["summary"]["campaign"]
            return Told(
                await exported(ledger.exports, Scope("ledger", disclose=True)),
                await exported(ledger.exports, Scope("addresses", (JANES, BOB), disclose=True)),
                await exported(ledger.exports, Scope("campaign", campaign=campaign)),
                ledger.keys.signer,
                old,
            )

    with a_database(server_dsn, template=migrated_template) as dsn:
        yield asyncio.run(make(dsn))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_byte_changed_is_found(told: Told, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(told.people) - 1))
    flip = data.draw(st.integers(1, 255))
    raw = bytearray(told.people)
    raw[place] ^= flip
    assert not verified(bytes(raw), told.signer.verifier).sound


@pytest.mark.parametrize("cut", [1, 22, 100, 5_000])
def test_an_end_cut_off_is_found(told: Told, cut: int) -> None:
    assert codes(verified(told.people[:-cut], told.signer.verifier)) >= {"archive_unreadable"}


def test_every_file_that_is_left_out_is_named(told: Told) -> None:
    files = files_of(told.ledger)
    for name in files:
        report = verified(written({key: body for key, body in files.items() if key != name}))
        assert any(name in finding.message for finding in report.findings), name


def test_every_file_that_is_exchanged_is_named(told: Told) -> None:
    files = files_of(told.ledger)
    for name in files:
        report = verified(written(files | {name: files[name] + b" "}), told.signer.verifier)
        assert any(name in finding.message for finding in report.findings), name


def test_a_file_that_was_added_is_named(told: Told) -> None:
    report = verified(written(files_of(told.ledger) | {"letter.txt": b"all is well"}))
    assert codes(report) >= {"file_unknown"}
    assert any("letter.txt" in finding.message for finding in report.findings)


def test_files_in_another_order_are_found(told: Told) -> None:
    files = files_of(told.ledger)
    assert "archive_altered" in codes(verified(written(dict(reversed(files.items())))))


def test_an_export_signed_by_somebody_else_is_not_this_log_s(told: Told) -> None:
    own = Signer(told.signer.name, Ed25519PrivateKey.generate())
    report = audited(signed(files_of(told.ledger), own), told.signer.verifier)
    assert "manifest_unsigned" in codes(report)


def test_keys_that_are_not_the_log_s_own_do_not_open_it(told: Told) -> None:
    own = Signer(told.signer.name, Ed25519PrivateKey.generate())
    assert not audited(told.ledger, own.verifier).sound


def lines(files: Files, name: str = RECORDS) -> list[dict[str, object]]:
    return [json.loads(line) for line in files[name].splitlines()]


def put(files: Files, changed: list[dict[str, object]]) -> Files:
    spelled = [json.dumps(line, separators=(",", ":"), ensure_ascii=False) for line in changed]
    return files | {RECORDS: "".join(f"{line}\n" for line in spelled).encode()}


def without_a_record(files: Files) -> Files:
    return put(files, lines(files)[:-1])


def with_another_opening(files: Files) -> Files:
    changed = lines(files)
    changed[2]["opening"] = base64.b64encode(bytes(32)).decode()
    return put(files, changed)


def with_another_record(files: Files) -> Files:
    changed = lines(files)
    changed[-1]["record"] = str(changed[-1]["record"]).replace('"schema":1', '"schema":2')
    return put(files, changed)


def with_other_evidence(files: Files) -> Files:
    changed = lines(files)
    line = next(line for line in changed if line.get("evidence"))
    line["evidence"] = '{"ip":"198.51.100.1"}'
    return put(files, changed)


def with_another_address_beside_a_record(files: Files) -> Files:
    changed = lines(files)
    line = next(line for line in changed if "jane" in str(line["address"]))
    line["address"] = f"email:{BOB.value}"
    return put(files, changed)


def with_the_address_that_a_text_names(files: Files) -> Files:
    changed = lines(files)
    line = next(line for line in changed if "info_requested" in str(line["record"]))
    line["address"] = f"email:{BOB.value}"
    return put(files, changed)


def with_a_record_of_nothing(files: Files) -> Files:
    return put(files, [*lines(files), lines(files)[-1] | {"index": 4_000}])


def with_another_record_before_the_right_one(files: Files) -> Files:
    changed = lines(files)
    place = next(at for at, line in enumerate(changed) if "jane" in str(line["address"]))
    untrue = changed[place] | {"record": str(changed[place]["record"]).replace("acme", "beta")}
    return put(files, [*changed[:place], untrue, *changed[place:]])


def with_a_field_twice(files: Files) -> Files:
    return files | {RECORDS: files[RECORDS].replace(b'"record":', b'"record":"{}","record":', 1)}


def with_records_of_later_entries(files: Files) -> Files:
    return files | {at.record_name(9): files[RECORDS]}


def with_a_checkpoint_twice(files: Files) -> Files:
    name = at.checkpoints_name(0)
    return files | {name: files[name] + files[name].splitlines(keepends=True)[-1]}


def with_checkpoints_of_later_sizes(files: Files) -> Files:
    return files | {at.checkpoints_name(1): files[at.checkpoints_name(0)]}


def named(files: Files, beginning: str) -> str:
    return next(name for name in files if name.startswith(beginning))


def with_another_entry(files: Files) -> Files:
    name = named(files, ENTRIES)
    body = bytearray(files[name])
    body[-1] ^= 1
    return files | {name: bytes(body)}


def with_another_hash(files: Files) -> Files:
    name = named(files, "log/tile/0/")
    return files | {name: bytes(32) + files[name][32:]}


def with_another_checkpoint(files: Files) -> Files:
    return files | {at.checkpoints_name(0): files[at.checkpoints_name(0)].replace(b'"size":3', b'"size":4')}


def with_another_form(files: Files) -> Files:
    name = named(files, "document/form/")
    return files | {name: files[name].replace(b"may mail", b"must mail")}


def with_another_secret(files: Files) -> Files:
    keys = json.loads(files[at.KEYS])
    keys["subject_key_secret"] = "0" * 64
    return files | {at.KEYS: json.dumps(keys, separators=(",", ":"), sort_keys=True).encode()}


DISHONEST: dict[str, tuple[Callable[[Files], Files], str]] = {
    "a record left out": (without_a_record, "record_missing"),
    "another opening": (with_another_opening, "commitment_differs"),
    "another record": (with_another_record, "commitment_differs"),
    "other evidence": (with_other_evidence, "evidence_differs"),
    "another address beside a record": (with_another_address_beside_a_record, "address_differs"),
    "an address that the text of an event names": (with_the_address_that_a_text_names, "address_differs"),
    "a record of nothing": (with_a_record_of_nothing, "record_misplaced"),
    "another record before the right one": (with_another_record_before_the_right_one, "records_unreadable"),
    "a field twice in a line": (with_a_field_twice, "records_unreadable"),
    "records of entries that are none": (with_records_of_later_entries, "record_misplaced"),
    "a checkpoint twice": (with_a_checkpoint_twice, "checkpoints_unreadable"),
    "checkpoints of sizes that are none": (with_checkpoints_of_later_sizes, "checkpoint_misplaced"),
    "another entry": (with_another_entry, "root_differs"),
    "another hash in a tile": (with_another_hash, "tile_differs"),
    "a checkpoint of another size": (with_another_checkpoint, "checkpoint_off_epoch"),
    "another form": (with_another_form, "document_differs"),
    "another secret": (with_another_secret, "subject_secret_differs"),
}


@pytest.mark.parametrize("what", DISHONEST)
def test_an_operator_who_signs_for_something_else_is_found_out_by_the_audit(told: Told, what: str) -> None:
    change, code = DISHONEST[what]
    files = files_of(told.ledger)
    raw = signed(change(files), told.signer)
    assert raw != told.ledger
    report = audited(raw, told.signer.verifier)
    assert code in codes(report), report.findings
    assert report.level is None


def test_signing_for_the_same_again_changes_nothing(told: Told) -> None:
    assert signed(files_of(told.ledger), told.signer) == told.ledger


def swapped(files: Files) -> Files:
    return files | {at.bundle_name(1): files[at.bundle_name(2)], at.bundle_name(2): files[at.bundle_name(1)]}


def test_records_in_an_export_without_a_log_are_found(told: Told) -> None:
    files = files_of(told.people) | {RECORDS: files_of(told.ledger)[RECORDS]}
    assert "record_misplaced" in codes(audited(signed(files, told.signer), told.signer.verifier))


def test_a_bundle_of_somebody_else_is_found(told: Told) -> None:
    report = verified(signed(swapped(files_of(told.people)), told.signer), told.signer.verifier)
    assert codes(report) == {"bundle_of_another_subject"}


def test_a_bundle_that_nobody_asked_for_is_found(told: Told) -> None:
    files = files_of(told.people) | {at.bundle_name(9): b"{}"}
    assert codes(verified(signed(files, told.signer), told.signer.verifier)) == {"bundle_of_another_subject"}


def test_a_bundle_of_an_earlier_state_is_found(told: Told) -> None:
    files = files_of(told.people) | {at.bundle_name(1): told.old_bundle}
    assert codes(verified(signed(files, told.signer), told.signer.verifier)) == {"bundle_of_another_state"}


def test_a_bundle_that_does_not_verify_is_found(told: Told) -> None:
    files = files_of(told.people)
    name = at.bundle_name(1)
    files[name] = files[name].replace(b"newsletter", b"newspapers", 1)
    assert "bundle_fails" in codes(verified(signed(files, told.signer), told.signer.verifier))


@pytest.mark.parametrize("name", [at.CAMPAIGN_QUESTION, "campaign/tile/0/000.p/2", at.CAMPAIGN_RUNS])
def test_a_campaign_with_other_answers_is_found(told: Told, name: str) -> None:
    files = files_of(told.campaign)
    body = files[name].replace(b"newsletter", b"newspapers").replace(b'"count":2', b'"count":3')
    if body == files[name]:
        body = body[:32] + bytes(32)
    report = audited(signed(files | {name: body}, told.signer), told.signer.verifier)
    assert "campaign_differs" in codes(report)


@pytest.mark.parametrize("name", [MANIFEST, NOTE, at.EXPORT, at.KEYS])
@pytest.mark.parametrize("body", [b"", b"{}", b"\xff" * 40, b"[" * 500])
def test_garbage_in_place_of_what_is_read_first_is_a_finding(told: Told, name: str, body: bytes) -> None:
    files = files_of(told.ledger) | {name: body}
    assert not audited(written(files)).sound
