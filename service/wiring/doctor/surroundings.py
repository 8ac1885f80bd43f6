"""What lies around the database: keys, the high-water mark's file, the disk."""

import shutil
from pathlib import Path

from service.core.errors import LedgerError
from service.settings import Settings
from service.wiring.doctor.findings import Finding, fault, notice, ok
from service.wiring.high_water import mark_path
from service.wiring.keys.files import SIGNING
from service.wiring.keys.sources import KeySource, key_source

GIB = 1 << 30
DISK_FAULT_BYTES, DISK_NOTICE_BYTES = GIB // 4, 2 * GIB


def look_at_surroundings(settings: Settings) -> list[Finding]:
    """Everything that needs no database."""
    return [_keys(settings), _disk(settings.data_dir)]


def _keys(settings: Settings) -> Finding:
    try:
        source = key_source(settings, settings.ledger)
    except LedgerError as error:
        return fault("keys", str(error))
    directory = source.directory
    if directory is None:
        return _usable(source, _origin_in(settings.signing_key or ""), "given by settings")
    if not source.exist():
        if mark_path(settings.data_dir, settings.ledger).exists():
            return fault("keys", f"{directory} is missing", "put the escrowed keys back: this log was signed")
        return notice(
            "keys", f"{directory} is not there yet", "the first `serve` makes the keys: escrow them"
        )
    try:
        text = (directory / SIGNING).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        text = ""
    return _usable(source, _origin_in(text), "there, and only their owner may read them")


def _usable(source: KeySource, origin: str, where: str) -> Finding:
    try:
        keys = source.load(origin)
    except LedgerError as error:
        return fault("keys", str(error))
    return ok("keys", f"the keys of {keys.origin} are {where}")


def _origin_in(signing_key: str) -> str:
    """Whose key it says it is; whether that is this ledger's is compared with the database."""
    return signing_key.removeprefix("PRIVATE+KEY+").partition("+")[0]


def _disk(data_dir: Path) -> Finding:
    where = next(path for path in (data_dir.absolute(), *data_dir.absolute().parents) if path.exists())
    free = shutil.disk_usage(where).free
    found = f"{free / GIB:.1f} GiB free at {where}"
    advice = "make room: without it nothing can be signed, because the high-water mark cannot be written"
    if free < DISK_FAULT_BYTES:
        return fault("disk", found, advice)
    if free < DISK_NOTICE_BYTES:
        return notice("disk", found, advice)
    return ok("disk", found)
