"""What speaks for an export's log from outside: a checkpoint that the reader kept, and witnesses."""

from collections.abc import Sequence

from service.core.checkpoint import Checkpoint, open_checkpoint, open_held, parse_checkpoint
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

HELD, WITNESSES = "checkpoint held before", "witnesses"


def note_witnesses(attested: Sequence[Attested], trust: Trust, found: Inspection) -> None:
    """Say how many known witnesses have cosigned the export's own checkpoint."""
    seen, known = len(cosigners(attested)), len(trust.witnesses)
    if trust.is_met_by(attested):
        found.held_before = found.witnessed = True
        found.passed(WITNESSES, f"{seen} of {known} known witness(es) saw this log grow.")
    elif known:
        found.not_checked(WITNESSES, f"{seen} of {known} known witness(es) cosigned this very checkpoint.")


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


def read_held(
    note: bytes | None, checkpoint: Checkpoint, archive: Archive, history: KeyHistory, found: Inspection
) -> Checkpoint | None:
    """What the reader kept, where it is left to the replay to say whether it begins this log."""
    if note is None:
        found.not_checked(HELD, "None was held: that the log only ever grew since is not shown.")
        return None
    try:
        held = open_held(note, checkpoint.origin, lambda size: [history.at(size)])
    except ProofError as error:
        found.find("held_unusable", str(error))
        found.failed(HELD, "It cannot be compared with this export.")
        return None
    return None if _compare_held(held, checkpoint, archive, found) else held


def _compare_held(held: Checkpoint, checkpoint: Checkpoint, archive: Archive, found: Inspection) -> bool:
    """Whether it could be said without a replay if it begins this log."""
    proof = at.consistency_name(held.size)
    if held.size == checkpoint.size and held.root != checkpoint.root:
        found.find("log_forked", "two roots were signed for one size: keep both checkpoints")
        found.failed(HELD, "It is of the same size and has another root.")
    elif held.size == checkpoint.size:
        found.held_before = True
        found.passed(HELD, "Of the same size and root.")
    elif held.size > checkpoint.size:
        found.not_checked(HELD, f"It is newer ({held.size} entries) than this export ({checkpoint.size}).")
    elif proof in archive:
        _check_growth(held, checkpoint, archive.read(proof)[0], found)
    elif at.LOG + tile_path(Tile(0, 0, min(checkpoint.size, TILE_WIDTH))) not in archive:
        found.not_checked(
            HELD,
            f"Nothing in this export leads from its {held.size} entries to these: ask for one with"
            f" `--held-size {held.size}` (`held_sizes`).",
        )
    else:
        return False
    return True


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
        found.failed(HELD, "It is not shown to be the beginning of this log. Keep both checkpoints.")
    else:
        found.held_before = True
        found.passed(HELD, f"Its {held.size} entries are the beginning of these.")


def require_quorum(trust: Trust, witnessed: Checkpoint | None, found: Inspection) -> None:
    """Where the caller's policy asks for witnesses, nothing without them is sound."""
    asked = trust.policy is not None and not trust.policy.is_met_by(())
    if asked and not found.witnessed and witnessed is None:
        found.find("witness_quorum", "no checkpoint in here has as many cosignatures as the policy asks")
        found.failed(WITNESSES, "The policy asks for more witnesses.")
