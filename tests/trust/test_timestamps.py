"""Time stamps of checkpoints by an authority made with OpenSSL: on the log, and verified by others' tools."""

import hashlib
import io
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.cli.audit_ledger import run_audit
from service.cli.trusted import stamped_by
from service.core.checkpoint import parse_checkpoint
from service.core.entries import EpochEntry, decode_entry
from service.core.errors import ProofError
from service.core.export import contents as at
from service.core.export.auditing import audit_export, verify_export
from service.core.notes import Signer, parse_note
from service.core.records import ZERO_HASH
from service.core.tiles import decode_entries
from service.core.verify_signed import Trust
from service.delivery.timestamps import read_trust, timestamp_request, verified_time
from service.ledger.addresses import CanonicalAddress
from service.ledger.exporting.ports import Scope
from service.ledger.stamps import timestamp_digest
from service.settings import Settings, SettingsError
from service.wiring import attesting
from tests.support.exported import audited, codes, exported, files_of, signed, untold
from tests.support.http_service import Service, grant, running
from tests.support.openssl_tsa import Authority, an_authority
from tests.trust.waiting import until

MESSAGE = b"ledger.example/acme/1\n8\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with an_authority(tmp_path_factory.mktemp("tsa")) as started:
        yield started


@pytest.fixture(autouse=True)
def _asked_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attesting, "TIMESTAMP_SECONDS", 0.05)


async def stamps(service: Service) -> list[tuple[int, bytes]]:
    """Size and response of every stamp, oldest first."""
    (parts,) = service.composition.parts
    async with parts.store.snapshot() as snapshot:
        rows = await snapshot.timestamps(0, 2**62, 100)
    return [(row.size, row.token) for row in rows[::-1]]


async def newest_epoch(service: Service) -> EpochEntry:
    note = (await service.client.get("/log/main/checkpoint")).content
    size = parse_checkpoint(parse_note(note).text).size
    bundle = (await service.client.get(f"/log/main/tile/entries/000.p/{size}")).content
    epoch = decode_entry(decode_entries(bundle)[-1])
    assert isinstance(epoch, EpochEntry)
    return epoch


async def test_a_checkpoint_is_stamped_and_the_next_epoch_holds_the_hash_of_the_stamp(
    database_dsn: str, tmp_path: Path, authority: Authority
) -> None:
    before_ms = time.time() * 1000 - 2_000
    settings: Any = {"timestamp_url": authority.url, "timestamp_certificates": authority.certificates}
    async with running(database_dsn, tmp_path, **settings) as service:

        async def stamped() -> bool:
            return bool(await stamps(service))

        await until(stamped)
        ((size, token),) = await stamps(service)
        published = service.composition.services.ledgers[service.ledger_id].published
        text = parse_note(await published.checkpoint_of(size)).text
        at_ms = verified_time(token, text.encode(), read_trust(authority.certificates))
        assert before_ms <= at_ms <= time.time() * 1000 + 1_000
        await service.record(grant())
        assert (await newest_epoch(service)).anchor_hash == hashlib.sha256(token).digest()
        await service.record(grant("grant-2"))
        assert (await newest_epoch(service)).anchor_hash == timestamp_digest(token)
        assert len(await stamps(service)) == 1, "once an hour, not with every checkpoint"


async def test_an_export_of_a_stamped_log_shows_between_which_times_it_was_written(
    database_dsn: str, tmp_path: Path, authority: Authority
) -> None:
    settings: Any = {"timestamp_url": authority.url, "timestamp_certificates": authority.certificates}
    async with running(database_dsn, tmp_path, **settings) as service:

        async def stamped() -> bool:
            return bool(await stamps(service))

        await until(stamped)
        ((size, token),) = await stamps(service)
        await service.record(grant())
        ledger = service.composition.services.ledgers[service.ledger_id]
        raw = await exported(ledger.exports, Scope("ledger", disclose=True))
        one = Scope("addresses", (CanonicalAddress("email", "jane@example.org"),))
        jane = await exported(ledger.exports, one)
        key, signer = ledger.keys.signer.verifier, ledger.keys.signer
        checks = stamped_by(authority.certificates)
        live = await run_audit(Settings(data_dir=tmp_path), database_dsn, stamped=checks)
    assert live.is_sound
    assert f"the first {size} entries existed at" in str(live.stamps)
    trust = Trust.of([key], stamped=checks)
    report = audit_export(io.BytesIO(raw), trust, None, untold)
    assert (report.sound, report.level) == (True, "L3"), report.findings
    (check,) = [each for each in report.checks if each.name == "time stamps"]
    assert check.outcome == "passed"
    assert f"1 of 1 verify: the first {size} entries existed at" in check.detail
    assert files_of(raw)[at.timestamp_name(size)] == token, "for tools of others"
    beside = verify_export(io.BytesIO(jane), trust, None, untold).checks
    assert [each.outcome for each in beside if "stamp" in each.name] == ["passed", "passed"]
    (unchecked,) = [each for each in audited(raw, key).checks if each.name == "time stamps"]
    assert unchecked.outcome == "not checked"
    with_other_stamps(raw, signer, size, token)


def with_other_stamps(raw: bytes, signer: Signer, size: int, token: bytes) -> None:
    """What becomes of the export where its stamps stand elsewhere, or nowhere; no certificates are needed."""
    files, name = files_of(raw), at.checkpoints_name(0)
    lines = at.read_checkpoints(files[name])

    def found(stamped_sizes: set[int], *, in_a_file: bool) -> set[str]:
        moved = [
            at.CheckpointLine(own.size, own.note, (token,) * (own.size in stamped_sizes)) for own in lines
        ]
        changed = files | {name: at.lines_bytes(moved)}
        if not in_a_file:
            del changed[at.timestamp_name(size)]
        return codes(audited(signed(changed, signer), signer.verifier))

    assert found(set(), in_a_file=True) == set()
    assert found({size}, in_a_file=False) == set()
    assert found(set(), in_a_file=False) == {"stamp_missing"}
    later = next(own.size for own in lines if own.size > size)
    assert "stamp_of_another" in found({later}, in_a_file=False)


async def test_an_authority_that_is_away_delays_nothing(
    database_dsn: str, tmp_path: Path, authority: Authority
) -> None:
    settings: Any = {
        "timestamp_url": "http://127.0.0.1:9/",
        "timestamp_certificates": authority.certificates,
    }
    async with running(database_dsn, tmp_path, **settings) as service:
        assert (await service.record(grant())).status_code == 201
        assert (await newest_epoch(service)).anchor_hash == ZERO_HASH


@pytest.mark.parametrize("trusted", [lambda own: own.root, lambda own: own.certificates], ids=["root", "own"])
def test_openssl_verifies_a_stamp_as_we_do(
    authority: Authority, tmp_path: Path, trusted: Callable[[Authority], Path]
) -> None:
    trust = read_trust(trusted(authority))
    request, nonce = timestamp_request(MESSAGE, trust)
    response = authority.answer(request)
    assert verified_time(response, MESSAGE, trust, nonce=nonce)
    (tmp_path / "stamp.tsr").write_bytes(response)
    (tmp_path / "checkpoint").write_bytes(MESSAGE)
    arguments = ["ts", "-verify", "-data", "checkpoint", "-in", "stamp.tsr", "-CAfile", str(authority.root)]
    done = subprocess.run(
        ["openssl", *arguments, "-untrusted", str(authority.folder / "tsa.pem")],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert b"Verification: OK" in done.stdout + done.stderr


def test_a_stamp_of_something_else_by_somebody_else_or_for_another_question_is_refused(
    authority: Authority, tmp_path: Path
) -> None:
    trust = read_trust(authority.certificates)
    request, nonce = timestamp_request(MESSAGE, trust)
    response = authority.answer(request)
    with pytest.raises(ProofError):
        verified_time(response, MESSAGE + b"\n", trust)
    with pytest.raises(ProofError):
        verified_time(response, MESSAGE, trust, nonce=nonce + 1)
    with an_authority(tmp_path / "other") as other:
        for certificates in (other.certificates, other.root):
            with pytest.raises(ProofError):
                verified_time(response, MESSAGE, read_trust(certificates))
    for cut in (b"", b"\x30\x03\x02\x01\x02", response[:-1], response[:100], b"hello"):
        with pytest.raises(ProofError):
            verified_time(cut, MESSAGE, trust)


def test_certificates_without_a_root_are_refused(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(ProofError, match="self-signed"):
        read_trust(authority.folder / "tsa.pem")
    (tmp_path / "nothing.pem").write_text("hello")
    with pytest.raises(ProofError, match="PEM"):
        read_trust(tmp_path / "nothing.pem")


async def test_an_authority_without_certificates_is_no_setting(database_dsn: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="timestamp_certificates"):
        async with running(database_dsn, tmp_path, timestamp_url="http://127.0.0.1:9/"):
            pass
    assert Settings().timestamp_url is None
