"""Exports made in a test, read, and written anew with something changed, by whoever holds a key."""

import hashlib
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from zipfile import ZipFile

from service.core.export import contents as at
from service.core.export.archive import directory, pack
from service.core.export.auditing import audit_export, verify_export
from service.core.export.checking import Progress
from service.core.export.findings import ExportReport
from service.core.export.manifest import MANIFEST, NOTE, manifest_bytes, sign_manifest
from service.core.notes import Signer, Verifier
from service.core.verify_signed import Trust
from service.ledger.exporting.exports import Exports
from service.ledger.exporting.freezing import checkpoint_of
from service.ledger.exporting.ports import Scope
from tests.support.http_service import Service, grant, running


def untold(_done: int, _of: int) -> None:
    """No progress is shown."""


async def exported(exports: Exports, scope: Scope) -> bytes:
    """Ask for an export, prepare it and read it."""
    row = await exports.create(scope, "test")
    while (row := await exports.find(row.export_id)).status == "preparing":
        await exports.prepare(row.export_id)
    await exports.begin_download(row.export_id, "test", "once")
    return b"".join([chunk async for chunk in exports.read(row)])


def files_of(raw: bytes) -> dict[str, bytes]:
    """Every file of an export, in the order of the archive, by a reader that is not ours."""
    with ZipFile(io.BytesIO(raw)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def written(files: Mapping[str, bytes]) -> bytes:
    """These files as an archive, without asking whether they belong together."""
    out, members, offset = io.BytesIO(), [], 0
    for name, body in files.items():
        member, packed = pack(name, body)
        member = member.at(offset)
        out.write(member.header + packed)
        offset = member.end
        members.append(member)
    return out.getvalue() + directory(members)


def signed(files: Mapping[str, bytes], signer: Signer) -> bytes:
    """These files as an export whose manifest this key has signed."""
    kept = {name: body for name, body in files.items() if name not in (MANIFEST, NOTE)}
    members, offset = [], 0
    for name, body in kept.items():
        member = pack(name, body)[0].at(offset)
        offset = member.end
        members.append(member)
    checkpoint = checkpoint_of(kept[at.CHECKPOINT])
    digests = [hashlib.sha256(body).digest() for body in kept.values()]
    raw = manifest_bytes(checkpoint.origin, checkpoint.size, checkpoint.root, members, digests)
    return written(kept | {MANIFEST: raw, NOTE: sign_manifest(raw, checkpoint.origin, signer)})


def verified(raw: bytes, *keys: Verifier, held: bytes | None = None, told: Progress = untold) -> ExportReport:
    """What `verify` says."""
    return verify_export(io.BytesIO(raw), Trust.of(keys), held, told)


def audited(raw: bytes, *keys: Verifier, held: bytes | None = None, told: Progress = untold) -> ExportReport:
    """What `audit` says."""
    return audit_export(io.BytesIO(raw), Trust.of(keys), held, told)


def codes(report: ExportReport) -> set[str]:
    """The codes of its findings."""
    return {finding.code for finding in report.findings}


def exports_of(service: Service) -> Exports:
    """The exports of its ledger."""
    return service.composition.services.ledgers[service.ledger_id].exports


async def size_of(service: Service) -> int:
    """The size of its newest checkpoint."""
    note = await service.composition.services.ledgers[service.ledger_id].published.checkpoint()
    return int(note.split(b"\n")[1])


@asynccontextmanager
async def a_service(dsn: str, data: Path) -> AsyncIterator[tuple[Service, Exports]]:
    """A service whose ledger holds Jane's yes, and its exports."""
    async with running(dsn, data) as service:
        await service.record(grant())
        yield service, exports_of(service)
