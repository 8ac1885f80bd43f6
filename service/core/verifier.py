"""Verification of a bundle, offline and by anyone: bytes in, verdict out. It asks nobody and believes nobody.

 1. Format: read strictly, within limits, of a known version, in its only form.
 2. Signatures: the checkpoint by the pinned log key (without one: by the key in the bundle's own genesis
    entry, and the verdict says so), or one that it gave way to or came from; any known witness; the bundle by
    the log key.
 3. Consistency with a checkpoint held before: at the same size the same root, else by the bundle's proof; and
    with the checkpoints shown that witnesses cosigned or an authority stamped, by their proofs.
 4. Entries: each that is shown, or follows from what is shown, is in the log, by one proof for all of them;
    the first is the genesis of this origin, the last an epoch.
 5. Subject keys: recomputed where K_sub is disclosed, checked against the genesis entry; else said so.
 6. Map: each history ends where the epoch's map says, or there is none and the map holds nothing.
 7. Events: what was destroyed is explained; recorded times never go back; everybody linked with the address,
    and the sender, is shown, and nobody else.
 8. Documents: forms, rulebook and packs hash to their names, and the rulebook is the one in force. Packs may
    be left out; what could need one of them then fails in step 9.
 9. Decision: derived again from the records, it is the one claimed, and its token is signed by the log key;
    where the question was one line of a campaign, it is that line's answer under the root that the log holds.
10. The verdict lists every check and says the level reached, never more.

The first step that fails ends the verification, and then nothing may be concluded. The caller still decides
which keys to pin, whether the bundle is recent enough (an old answer stays a true answer about its time), and
holds the checkpoint of the verdict for the next time. Proofs are checked as RFC 9162 §2.1.3.2 and §2.1.4.2
and the IETF keytrans draft describe, signed notes and checkpoints as C2SP does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import UNSET

from service.core.bundle import Bundle, parse_bundle, signed_message
from service.core.checkpoint import Checkpoint
from service.core.errors import LedgerError, SignatureError
from service.core.notes import Verifier
from service.core.policy import Policy
from service.core.stamps import Stamped
from service.core.verdict import Report, Verdict
from service.core.verify_answer import check_answer, check_documents, check_token
from service.core.verify_campaign import as_then
from service.core.verify_entries import check_entries
from service.core.verify_signed import (
    LogKeys,
    Trust,
    check_anchors,
    check_held,
    log_keys,
    note_stamp_before,
    note_witnesses,
)
from service.core.verify_subjects import check_events, check_keys, check_links, check_map


@dataclass(frozen=True, slots=True)
class _Signed:
    """What step 2 found to be signed, the keys it trusts from then on, and the one that signed the bundle."""

    checkpoint: Checkpoint
    keys: LogKeys
    key: Ed25519PublicKey


def verify_bundle(
    raw: bytes,
    *,
    verifiers: Sequence[Verifier] = (),
    held: bytes | None = None,
    documents: Sequence[bytes] = (),
    policy: Policy | None = None,
    stamped: Stamped | None = None,
) -> Verdict:
    """Verify a bundle; never raises on bad input.

    `verifiers` are the keys the caller trusts: log keys (pinned by origin) and witnesses. `policy` (C2SP
    tlog-policy) adds its own, and demands its quorum of witnesses; `stamped` checks time stamps. `held` is a
    signed checkpoint of the same log that the caller kept from before. `documents` are forms, rulebooks and
    packs that the caller holds, for a bundle that names them by hash only.
    """
    report = Report()
    try:
        _verify(raw, Trust.of(verifiers, policy, stamped), held, documents, report)
    except LedgerError as error:
        report.failed(str(error))
    except Exception as error:  # noqa: BLE001 - whatever a bundle provokes, it is then not verified
        report.failed(f"This could not be followed to its end ({type(error).__name__}).")
    return report.verdict()


def _verify(
    raw: bytes,
    trust: Trust,
    held: bytes | None,
    documents: Sequence[bytes],
    report: Report,
) -> None:
    # (1) Format.
    report.begin(1)
    bundle = parse_bundle(raw)
    report.passed("format", "A bundle of version 1 in canonical form.")
    # (2) Signatures.
    report.begin(2)
    signed = _check_signatures(bundle, trust, report)
    # (3) Consistency with a checkpoint held before.
    report.begin(3)
    known = check_held(held, bundle, signed.checkpoint, signed.keys, trust, report)
    check_anchors(bundle, signed.checkpoint, known, signed.keys, trust, report)
    # (4) Entries.
    report.begin(4)
    shown = check_entries(bundle, signed.checkpoint.size, signed.checkpoint.root, report)
    note_stamp_before(shown.epoch.anchor_hash, report)
    # (5) Subject keys.
    report.begin(5)
    check_keys(bundle, shown.genesis, report)
    # (6) Map.
    report.begin(6)
    check_map(bundle, shown, report)
    # (7) Events.
    report.begin(7)
    parts = as_then(bundle, check_events(bundle, shown, report))
    check_links(bundle, parts, report)
    # (8) Documents.
    report.begin(8)
    texts = check_documents(bundle, parts, shown, documents, report)
    # (9) Decision.
    report.begin(9)
    check_answer(bundle, parts, texts, report)
    if bundle.token is not None:
        check_token(bundle, signed.checkpoint, texts.rulebook_hash, signed.key, report)
    # (10) The verdict is drawn from the report.


def _check_signatures(bundle: Bundle, trust: Trust, report: Report) -> _Signed:
    """Step 2. Raises `FormatError` or `SignatureError`."""
    keys = log_keys(bundle, trust, report)
    try:
        checkpoint, attested = keys.open(bundle.checkpoint.encode(), bundle.origin, trust.witnesses)
    except SignatureError as error:
        raise SignatureError(f"The checkpoint is not signed by the key trusted: {error}.") from error
    if trust.logs:
        report.passed("key pinned", "The log key is one the caller trusts.")
    report.checkpoint = checkpoint
    report.passed("checkpoint signature", f"Signed by the log over {checkpoint.size} entries.")
    note_witnesses(attested, trust, report)
    key = _check_bundle_signature(bundle, keys.at(checkpoint.size))
    report.passed("bundle signature", "Signed by the log as a whole.")
    return _Signed(checkpoint, keys, key)


def _check_bundle_signature(bundle: Bundle, keys: Sequence[Verifier]) -> Ed25519PublicKey:
    if bundle.signature is UNSET:
        raise SignatureError("The bundle is not signed.")
    named = bundle.signature.key_id
    public = next((key.public for key in keys if key.key_id.hex() == named), None)
    if public is None:
        raise SignatureError("The bundle is signed by another key than the log's.")
    key = Ed25519PublicKey.from_public_bytes(public)
    try:
        key.verify(bundle.signature.value, signed_message(bundle))
    except InvalidSignature as error:
        raise SignatureError("The bundle is not as it was signed.") from error
    return key
