"""Two questions about an export: whether it is what was signed, and whether it all follows from the log."""

from typing import BinaryIO

from service.core.errors import FormatError
from service.core.export.archive import Archive
from service.core.export.checking import Opened, Progress, inspect_export
from service.core.export.findings import ExportReport, Inspection
from service.core.export.replaying import replay_export
from service.core.verify_signed import Trust

_LOG = "log"


def verify_export(file: BinaryIO, trust: Trust, held: bytes | None, progress: Progress) -> ExportReport:
    """Check container, signatures, files, documents and bundles. Never raises on bad input.

    `trust`: keys of the log and of witnesses, and a stamping authority. `held`: a checkpoint of this log that
    was kept from before.
    """
    found, opened = _inspect(file, trust, held, progress)
    if opened is not None and opened.body.log:
        for name, known in opened.known.items():
            found.not_checked(
                name,
                f"Whether its {known.size} entries are the beginning of these, `consent-ledger audit` says.",
            )
        found.not_checked(_LOG, "It was not replayed: `consent-ledger audit` does, and checks time stamps.")
    return found.report()


def audit_export(file: BinaryIO, trust: Trust, held: bytes | None, progress: Progress) -> ExportReport:
    """As `verify_export`, and replay the log. Never raises on bad input."""
    found, opened = _inspect(file, trust, held, progress)
    if opened is not None:
        try:
            replay_export(opened, trust.stamped, found, progress)
        except Exception as error:  # noqa: BLE001 - whatever an export provokes, it is then not sound
            found.find("not_followed", f"this could not be followed to its end ({type(error).__name__})")
            found.failed(_LOG, "It could not be followed to its end.")
    else:
        found.not_checked(_LOG, "An earlier step failed.")
    return found.report()


def _inspect(
    file: BinaryIO, trust: Trust, held: bytes | None, progress: Progress
) -> tuple[Inspection, Opened | None]:
    found = Inspection()
    try:
        return inspect_export(Archive(file), trust, held, progress)
    except FormatError as error:
        found.find("archive_unreadable", str(error))
        found.failed("archive", "It cannot be read.")
    except Exception as error:  # noqa: BLE001 - as above
        found.find("not_followed", f"this could not be followed to its end ({type(error).__name__})")
        found.failed("archive", "It could not be read to its end.")
    return found, None
