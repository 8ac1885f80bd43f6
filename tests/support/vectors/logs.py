"""Vectors of whole logs: what an audit (level L3) derives from one, and what it must find."""

from collections.abc import Iterator
from typing import Any

from service.core.replay import Erased
from tests.support.erasure_lies import ERASURES
from tests.support.log_lies import ALTERED, GENESES, SIGNED, SUCCESSIONS, begun, ended, rotated
from tests.support.log_writer import ORIGIN, SECRET, SIGNER, Line, small_log
from tests.support.vectors.case import Vectors


def _shown(line: Line) -> dict[str, Any]:
    shown: dict[str, Any] = {"entry": line.entry.hex()}
    held = line.opened
    if isinstance(held, Erased):
        shown["erased"] = held.subject_key.hex()
    elif held is not None:
        shown["contents"] = {"opening": held.opening.hex(), "record": held.record.decode()}
        if held.evidence is not None:
            shown["contents"]["evidence"] = held.evidence.decode()
    if line.note is not None:
        shown["checkpoint"] = line.note.decode()
    return shown


def all_of_them() -> Iterator[Vectors]:
    """The one file of this module."""
    vectors = Vectors(
        "log/audit",
        "A log with what is held beside each entry; its size, its root, and what an audit must find.",
    )
    asked = {"origin": ORIGIN, "vkeys": [SIGNER.verifier.vkey], "subject_key_secret": SECRET.hex()}
    erased = begun()
    erased.erase(2)
    written = {"a good log": small_log(), "an erasure that was declared": ended(erased)}
    written["a key that gave way to another"] = rotated()
    written |= {
        name: write() for name, (write, _) in (ALTERED | SIGNED | GENESES | SUCCESSIONS | ERASURES).items()
    }
    for name, log in written.items():
        vectors.accept(name, **asked, entries=[_shown(line) for line in log.lines])
    yield vectors
