"""What a witness is asked, and what it may agree to (C2SP tlog-witness, `add-checkpoint`).

    old 20852014
    <a hash of the consistency proof in base64, one a line>

    <the signed checkpoint>

A witness remembers one checkpoint of each log, the newest it cosigned. It cosigns another only where that
extends the one it remembers, so two witnesses, or one asked twice, can never be shown two histories.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from service.core.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from service.core.errors import FormatError, ProofError, SignatureError
from service.core.merkle import EMPTY_ROOT, HASH_SIZE, verify_consistency
from service.core.notes import NOTE_BYTES_MAX, Verifier, parse_note

PROOF_LINES_MAX: Final = 63
REQUEST_BYTES_MAX: Final = NOTE_BYTES_MAX
SIZE_MEDIA_TYPE: Final = "text/x.tlog.size"

_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,18})")

BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT, UNPROCESSABLE = 400, 403, 404, 409, 422


class WitnessRefusalError(ProofError):
    """A witness does not cosign. `status` is the HTTP status; `size` what it holds, where that is the reason.

    `contradiction`: the log itself signed what cannot be.
    """

    def __init__(
        self, status: int, message: str, *, size: int | None = None, contradiction: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.size = size
        self.contradiction = contradiction


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request: the size that the asker takes the witness to hold, the proof from it, the signed note."""

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes


def encode_add_checkpoint(request: AddCheckpoint) -> bytes:
    """The body of the request."""
    lines = [f"old {request.old_size}", *(base64.b64encode(each).decode() for each in request.proof), ""]
    return "".join(f"{line}\n" for line in lines).encode() + request.note


def parse_add_checkpoint(raw: bytes) -> AddCheckpoint:
    """Read a request strictly. Raises `FormatError`."""
    if len(raw) > REQUEST_BYTES_MAX:
        raise FormatError("a request of this size is not read")
    head, separator, note = raw.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise FormatError("the lines before the checkpoint are ASCII") from error
    old = _OLD.fullmatch(lines[0])
    if not separator or old is None:
        raise FormatError("a request is an old size, a proof, an empty line and a checkpoint")
    if len(lines) > 1 + PROOF_LINES_MAX:
        raise FormatError(f"a proof has at most {PROOF_LINES_MAX} lines")
    return AddCheckpoint(int(old[1]), tuple(_hash(line) for line in lines[1:]), note)


def judge(
    request: AddCheckpoint, held: Mapping[str, Checkpoint], logs: Mapping[str, Sequence[Verifier]]
) -> Checkpoint:
    """The checkpoint that may be cosigned, and must be remembered before it is.

    `held`: the newest cosigned checkpoint by origin; `logs`: the trusted keys by origin. Raises
    `WitnessRefusalError`.
    """
    checkpoint = _signed(request.note, logs)
    before = held.get(checkpoint.origin)
    size = before.size if before is not None else 0
    if request.old_size > checkpoint.size:
        raise WitnessRefusalError(BAD_REQUEST, "the old size is greater than the checkpoint's")
    if request.old_size != size:
        raise WitnessRefusalError(CONFLICT, f"the newest checkpoint cosigned has size {size}", size=size)
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise WitnessRefusalError(UNPROCESSABLE, "an empty log has another root", contradiction=True)
    if before is None or size == 0:
        if request.proof:
            raise WitnessRefusalError(UNPROCESSABLE, "from size 0 there is nothing to prove")
        return checkpoint
    if checkpoint.size == size and checkpoint.root != before.root:
        raise WitnessRefusalError(UNPROCESSABLE, "two roots were signed for one size", contradiction=True)
    try:
        verify_consistency(
            request.proof, size1=size, size2=checkpoint.size, root1=before.root, root2=checkpoint.root
        )
    except ProofError as error:
        raise WitnessRefusalError(UNPROCESSABLE, f"the consistency proof does not hold: {error}") from error
    return checkpoint


def _signed(note: bytes, logs: Mapping[str, Sequence[Verifier]]) -> Checkpoint:
    try:
        origin = parse_checkpoint(parse_note(note).text).origin
        if origin not in logs:
            raise WitnessRefusalError(NOT_FOUND, "this log is not witnessed here")
        return open_checkpoint(note, origin, logs[origin])[0]
    except SignatureError as error:
        raise WitnessRefusalError(FORBIDDEN, str(error)) from error
    except FormatError as error:
        raise WitnessRefusalError(BAD_REQUEST, str(error)) from error


def _hash(line: str) -> bytes:
    try:
        raw = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError("a line of a proof is base64") from error
    if len(raw) != HASH_SIZE or base64.b64encode(raw).decode() != line:
        raise FormatError("a line of a proof is a hash")
    return raw
