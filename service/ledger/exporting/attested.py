"""What in an export speaks for its log from outside: others' attestations, and proofs that it only grew."""

from collections.abc import Iterable, Sequence
from typing import Final

from service.core.export import contents as at
from service.core.merkle import plan_consistency, prove_consistency
from service.core.notes import with_signatures
from service.core.witness import AddCheckpoint, encode_add_checkpoint
from service.ledger.exporting.files import File
from service.ledger.exporting.ports import ExportRow, Scope
from service.ledger.ports import Snapshot

EARLIER_MAX: Final = 16
"""From so many exports that went out before is the growth proved without being asked."""


def earlier_sizes(rows: Iterable[ExportRow]) -> list[int]:
    """Sizes of the newest exports: whoever received one holds its checkpoint."""
    return sorted({row.size for row in rows if row.size is not None}, reverse=True)[:EARLIER_MAX]


async def attested_files(
    snapshot: Snapshot, scope: Scope, size: int, note: bytes, earlier: Sequence[int]
) -> list[File]:
    """The newest cosigned state and time stamp up to this size, and proofs from states that somebody holds.

    These are the sizes asked for; and where the log is not in the export, which would show it, those of
    exports before and of what others attested.
    """
    files: list[File] = []
    cosigned, lines = await snapshot.cosignatures(size)
    if 0 < cosigned < size and (older := await snapshot.checkpoint(cosigned)) is not None:
        files.append((at.WITNESSED, with_signatures(older, lines)))
    stamps = await snapshot.timestamps(1, size, 1)
    files += [(at.timestamp_name(row.size), row.token) for row in stamps]
    held = set(scope.held_sizes)
    if scope.kind == "addresses":
        held |= {*earlier, cosigned, *(row.size for row in stamps)}
    for old in sorted(each for each in held if 0 < each < size):
        hashes = await snapshot.hashes(plan_consistency(old, size))
        proof = tuple(prove_consistency(old, size, hashes))
        files.append((at.consistency_name(old), encode_add_checkpoint(AddCheckpoint(old, proof, note))))
    return files


def proved_sizes(scope: Scope, attested: Iterable[File]) -> tuple[int, ...]:
    """Of which older states these files prove that they begin the export's, and what was asked for."""
    names = {name for name, _ in attested}
    proved = {int(name.rpartition("/")[2]) for name in names if name.startswith(at.consistency_name(0)[:-1])}
    return tuple(sorted(proved | set(scope.held_sizes)))
