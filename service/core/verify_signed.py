"""Steps 2 and 3 of the verification: which keys are the log's, and what others attest of it.

A log's key may have given way to others. The bundle then shows every succession, each signed by the key
before and the key after, and whoever trusts one key of that row trusts each for its own stretch of the log.
That the successions stand in the log is for step 4 to find, as of every entry that is shown.

Anchors are checkpoints of the same log, this one or older ones, that witnesses cosigned or an authority
stamped. A consistency proof ties each to the bundle's own.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from msgspec import UNSET

from service.core.bundle import Bundle, ShownAnchor, split_hashes
from service.core.checkpoint import Checkpoint, open_checkpoint, open_held, parse_checkpoint
from service.core.cosignatures import ED25519
from service.core.entries import SuccessionEntry, decode_entry
from service.core.errors import LedgerError, ProofError, SignatureError
from service.core.merkle import verify_consistency
from service.core.notes import Attested, Verifier, parse_note
from service.core.policy import Policy
from service.core.stamps import Stamped
from service.core.succession import KeyHistory, key_history, log_key
from service.core.verdict import Report
from service.core.verify_entries import genesis_of


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a reader trusts: keys of logs and witnesses, how many are enough, a stamping authority."""

    verifiers: tuple[Verifier, ...] = ()
    policy: Policy | None = None
    stamped: Stamped | None = None

    @classmethod
    def of(
        cls, verifiers: Sequence[Verifier], policy: Policy | None = None, stamped: Stamped | None = None
    ) -> Self:
        """These keys, and those that a policy names."""
        return cls((*verifiers, *(policy.verifiers if policy is not None else ())), policy, stamped)

    @property
    def witnesses(self) -> list[Verifier]:
        """The witnesses among the keys."""
        return [verifier for verifier in self.verifiers if verifier.cosigns]

    @property
    def logs(self) -> list[Verifier]:
        """The keys of logs among them."""
        return [verifier for verifier in self.verifiers if verifier.kind == ED25519]

    def is_met_by(self, attested: Sequence[Attested]) -> bool:
        """Whether known witnesses are among these, and as many as the policy asks for."""
        found = cosigners(attested)
        return bool(found) and (self.policy is None or self.policy.is_met_by(found))


@dataclass(frozen=True, slots=True)
class LogKeys:
    """The keys that may have signed what a bundle shows: `pinned` where no row of successions is shown."""

    pinned: tuple[Verifier, ...]
    history: KeyHistory | None = None

    def at(self, size: int) -> tuple[Verifier, ...]:
        """Those that sign what is said of the log's first `size` entries."""
        return (self.history.at(size),) if self.history is not None else self.pinned

    def open(
        self, note: bytes, origin: str, witnesses: Sequence[Verifier]
    ) -> tuple[Checkpoint, tuple[Attested, ...]]:
        """Read a checkpoint signed by the key of its size. Raises `FormatError` and `SignatureError`."""
        size = parse_checkpoint(parse_note(note).text).size
        return open_checkpoint(note, origin, [*self.at(size), *witnesses])


def log_keys(bundle: Bundle, trust: Trust, report: Report) -> LogKeys:
    """The keys of the bundle's log. Raises `FormatError`, and `SignatureError` for keys not trusted."""
    history = _history(bundle, report)
    if trust.logs:
        pinned = tuple(key for key in trust.logs if key.name == bundle.origin)
        if not pinned:
            named = ", ".join(sorted({key.name for key in trust.logs}))
            raise SignatureError(f"The key given is of {named}, and this bundle of {bundle.origin}.")
        if history is not None and not set(history.keys) & set(pinned):
            raise SignatureError("The log's keys do not lead to or from one that the caller trusts.")
        return LogKeys(pinned if history is not None else _first_of(bundle, pinned), history)
    own = log_key(genesis_of(bundle)) if history is None else history.current
    report.not_checked(
        "key pinned",
        "Key not pinned: it was taken from the bundle itself, which anybody can make under their own key."
        f" Compare it with what the operator publishes: {own.vkey}",
    )
    return LogKeys((own,), history)


def _first_of(bundle: Bundle, pinned: tuple[Verifier, ...]) -> tuple[Verifier, ...]:
    """The one that the log began with, and that nothing says it gave up; a garbled genesis is for step 4."""
    try:
        genesis = genesis_of(bundle)
    except LedgerError:
        return pinned
    first = tuple(key for key in pinned if key.vkey == genesis.vkey)
    if not first:
        raise SignatureError("The log began with another key than the one trusted, and shows no succession.")
    return first


def cosigners(attested: Sequence[Attested]) -> list[Verifier]:
    """The known witnesses among those who signed."""
    return [each.verifier for each in attested if each.verifier.cosigns]


def note_witnesses(
    attested: Sequence[Attested], trust: Trust, report: Report, *, size: int | None = None
) -> None:
    """Say how many known witnesses cosigned a checkpoint; enough of them anchor the log."""
    found = cosigners(attested)
    if not found:
        return
    counted = f"{len(found)} of {len(trust.witnesses)} known witness(es) saw this log grow"
    counted += f" up to its {size} first entries." if size is not None else "."
    if not trust.is_met_by(attested):
        report.not_checked("witnesses", f"{counted} The policy asks for more.")
        return
    report.anchored = report.witnessed = True
    report.passed("witnesses", counted)


def check_held(
    held: bytes | None,
    bundle: Bundle,
    new: Checkpoint,
    keys: LogKeys,
    trust: Trust,
    report: Report,
) -> Checkpoint | None:
    """The first part of step 3: consistency with a checkpoint held. Returns that. Raises `ProofError`."""
    name = "consistency"
    if held is None:
        report.not_checked(name, "No earlier checkpoint was held: that the log only ever grew is not shown.")
        return None
    known = open_held(held, bundle.origin, lambda size: [*keys.at(size), *trust.witnesses])
    if known.size == new.size:
        _require_one_root(known, new)
        report.passed(name, "The checkpoint held is of the same size and root.")
    elif known.size > new.size:
        report.not_checked(name, "The checkpoint held is newer than this bundle.")
        return known
    elif bundle.consistency is UNSET or bundle.consistency.size != known.size:
        report.not_checked(
            name, f"The bundle holds no proof from the checkpoint held, which is of size {known.size}."
        )
        return known
    else:
        proof = split_hashes(bundle.consistency.proof)
        verify_consistency(proof, size1=known.size, size2=new.size, root1=known.root, root2=new.root)
        report.passed(name, f"The {known.size} entries known before are the beginning of these.")
    report.anchored = True
    return known


def check_anchors(
    bundle: Bundle,
    checkpoint: Checkpoint,
    held: Checkpoint | None,
    keys: LogKeys,
    trust: Trust,
    report: Report,
) -> None:
    """The last part of step 3. Raises `ProofError`, also where no checkpoint shown meets a policy."""
    for anchor in bundle.anchors if bundle.anchors is not UNSET else ():
        known, attested = keys.open(anchor.checkpoint.encode(), bundle.origin, trust.witnesses)
        _require_extended(known, checkpoint, anchor)
        if held is not None and held.size == known.size:
            _require_one_root(held, known)
        if known.size < checkpoint.size or not report.witnessed:
            note_witnesses(attested, trust, report, size=known.size)
        if anchor.timestamp is not UNSET:
            _note_timestamp(known, anchor.timestamp, trust, report)
    if report.witnessed:
        return
    if trust.policy is not None and not trust.policy.is_met_by(()):
        raise SignatureError("No checkpoint shown is cosigned by as many witnesses as the policy asks for.")
    if trust.witnesses:
        report.not_checked("witnesses", "None of the known witnesses has cosigned this checkpoint.")


def _history(bundle: Bundle, report: Report) -> KeyHistory | None:
    """The row of keys, where the bundle shows one. Raises `FormatError` or `SignatureError`."""
    if bundle.successions is UNSET:
        return None
    entries: list[tuple[int, SuccessionEntry]] = []
    for placed in bundle.successions:
        entry = decode_entry(placed.entry)
        if not isinstance(entry, SuccessionEntry):
            raise ProofError("What should be a succession is another entry.")
        entries.append((placed.index, entry))
    history = key_history(genesis_of(bundle), entries)
    if len(history.successions) != len(entries):
        raise ProofError("A succession of another kind is shown as one of keys.")
    report.passed("successions", f"The log's key gave way {len(entries)} time(s), signed by both keys.")
    return history


def _require_one_root(held: Checkpoint, shown: Checkpoint) -> None:
    if held.root != shown.root:
        raise ProofError("Two roots were signed for one size: the log was forked. Keep both checkpoints.")


def _require_extended(known: Checkpoint, new: Checkpoint, anchor: ShownAnchor) -> None:
    if known.size > new.size:
        raise ProofError("An anchor is newer than the bundle.")
    proof = split_hashes(anchor.proof)
    verify_consistency(proof, size1=known.size, size2=new.size, root1=known.root, root2=new.root)


def _note_timestamp(known: Checkpoint, response: bytes, trust: Trust, report: Report) -> None:
    name = "time stamp"
    if trust.stamped is None:
        report.not_checked(name, "There is a time stamp, and no certificates to check it by.")
        return
    try:
        at_ms = trust.stamped(response, known.text.encode())
    except ProofError as error:
        # It may be by another authority than the reader knows: then it says nothing, as an unknown witness.
        report.not_checked(name, f"There is a time stamp, and {error}.")
        return
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
    report.stamps[hashlib.sha256(response).digest()] = moment
    report.passed(name, f"The first {known.size} entries existed at {moment}.")


def note_stamp_before(anchor_hash: bytes, report: Report) -> None:
    """Say since when the last epoch can have been recorded, where it holds a stamp that step 3 checked."""
    moment = report.stamps.get(anchor_hash)
    if moment is not None:
        report.passed(
            "stamped before", f"The last epoch was recorded after the stamp of {moment}, which it holds."
        )
