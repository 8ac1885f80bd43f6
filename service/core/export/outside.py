"""What speaks for an export's log from outside: a checkpoint that the reader kept, and witnesses."""

from collections.abc import Sequence

from service.core.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from service.core.errors import FormatError, ProofError
from service.core.export import contents as at
from service.core.export.archive import Archive
from service.core.export.findings import Inspection
from service.core.merkle import TILE_WIDTH, verify_consistency
from service.core.notes import Attested, parse_note
from service.core.succession import KeyHistory
from service.core.tiles import Tile, tile_path
from service.core.verify_signed import Trust, cosigners
from service.core.witness import parse_add_checkpoint

_HELD = "checkpoint held before"


def note_witnesses(attested: Sequence[Attested], trust: Trust, found: Inspection) -> None:
    """Say how many known witnesses have cosigned the export's own checkpoint."""
    seen, known = len(cosigners(attested)), len(trust.witnesses)
    if trust.is_met_by(attested):
        found.held_before = found.witnessed = True
        found.passed("witnesses", f"{seen} of {known} known witness(es) saw this log grow.")
    elif known:
        found.not_checked("witnesses", f"{seen} of {known} known witness(es) cosigned this very checkpoint.")


def read_witnessed(
    archive: Archive, history: KeyHistory, trust: Trust, found: Inspection
) -> Checkpoint | None:
    """An older state that witnesses whom the caller knows have cosigned; the replay then meets it."""
    if at.WITNESSED not in archive or not trust.witnesses:
        return None
    try:
        note = archive.read(at.WITNESSED)[0]
        size = parse_checkpoint(parse_note(note).text).size
        keys = [history.at(size), *trust.witnesses]
        checkpoint, attested = open_checkpoint(note, history.first.name, keys)
    except ProofError as error:
        found.find("witness_unsigned", f"{at.WITNESSED}: {error}")
        return None
    return checkpoint if trust.is_met_by(attested) else None


def compare_held(
    held: Checkpoint | None, checkpoint: Checkpoint, archive: Archive, found: Inspection
) -> None:
    """Say whether a checkpoint that the reader kept begins this log, or leave it to the replay."""
    proof = at.consistency_name(held.size if held is not None else 0)
    if held is None:
        found.not_checked(_HELD, "None was held: that the log only ever grew since is not shown.")
    elif held.size == checkpoint.size and held.root != checkpoint.root:
        found.find("log_forked", "two roots were signed for one size: keep both checkpoints")
        found.failed(_HELD, "It is of the same size and has another root.")
    elif held.size == checkpoint.size:
        found.held_before = True
        found.passed(_HELD, "Of the same size and root.")
    elif held.size > checkpoint.size:
        found.not_checked(_HELD, "The checkpoint held is newer than this export.")
    elif proof in archive:
        _check_growth(held, checkpoint, archive.read(proof)[0], found)
    elif at.LOG + tile_path(Tile(0, 0, min(checkpoint.size, TILE_WIDTH))) not in archive:
        found.not_checked(
            _HELD,
            f"Nothing in this export leads from its {held.size} entries to these: ask for one with"
            f" `--held-size {held.size}` (`held_sizes`).",
        )


def _check_growth(held: Checkpoint, checkpoint: Checkpoint, raw: bytes, found: Inspection) -> None:
    """A proof that what was held is the beginning of this log. It is signed for with all else in here."""
    file = at.consistency_name(held.size)
    try:
        request = parse_add_checkpoint(raw)
        if request.old_size != held.size:
            raise FormatError("it is of another size")
        verify_consistency(
            request.proof, size1=held.size, size2=checkpoint.size, root1=held.root, root2=checkpoint.root
        )
    except ProofError as error:
        found.find("log_forked", f"{file} does not lead from the checkpoint held to this one: {error}")
        found.failed(_HELD, "It is not shown to be the beginning of this log. Keep both checkpoints.")
    else:
        found.held_before = True
        found.passed(_HELD, f"Its {held.size} entries are the beginning of these.")


def require_quorum(trust: Trust, witnessed: Checkpoint | None, found: Inspection) -> None:
    """Where the caller's policy asks for witnesses, nothing without them is sound."""
    asked = trust.policy is not None and not trust.policy.is_met_by(())
    if asked and not (found.witnessed or found.held_before or witnessed is not None):
        found.find("witness_quorum", "no checkpoint in here has as many cosignatures as the policy asks")
        found.failed("witnesses", "The policy asks for more witnesses.")
