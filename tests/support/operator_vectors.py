"""Bundles out of logs that no honest program writes, and of readings that the text once left open."""

import base64
import hashlib
import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.core.canonical import canonical_json
from service.core.checkpoint import sign_checkpoint
from service.core.cosignatures import MLDSA_COSIGNATURE
from service.core.merkle import hash_leaf, root
from service.core.notes import Verifier
from service.ledger.packs import shipped_packs
from tests.support.edits import OTHER_KEYS
from tests.support.operator_log import Json, OperatorLog
from tests.support.small_ledger import GRANT, ORIGIN, keys_from
from tests.support.trusted_world import WITNESS

JANE, OLD, ACME = ("email", "jane@example.org"), ("email", "old@example.org"), ("sender", "acme")
OWN = keys_from("main").signer
PACKS = {tomllib.loads(text.decode())["jurisdiction"]: text.decode() for text in shipped_packs().values()}
LAW = {name: PACKS[name] for name in ("common", "EU")}
RULEBOOK: Json = {"packs": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in LAW.items()}}


@dataclass(frozen=True)
class Handed:
    """A bundle, and what its reader has beside it."""

    raw: bytes
    held: bytes | None = None
    keys: Sequence[Verifier] = (OWN.verifier,)


YES: Json = {name: value for name, value in GRANT.items() if name != "evidence"}
YES |= {"type": "consent_granted", "evidence_grade": "documented"}
CONTACT: Json = {"type": "contact_by_recipient", "sender": "acme"}
MOVED: Json = {"type": "address_changed", "by": "recipient"}


def _agreed(log: OperatorLog, **changes: object) -> OperatorLog:
    log.event(*JANE, YES | changes)
    log.epoch()
    return log


def _history(log: OperatorLog, *more: Json, **parts: object) -> bytes:
    return log.bundle(log.subject("address", *JANE), *more, **parts)


def _said(**changes: object) -> Callable[[], Handed]:
    return lambda: Handed(_history(_agreed(OperatorLog(), **changes)))


def _asked(log: OperatorLog, *more: Json, **parts: object) -> bytes:
    """A question without the answer, which step 9 misses: so whatever else is wrong is found before it."""
    body = {"sender": "acme", "category": "newsletter", "channel": "email", "kind": "commercial"}
    question = {"body": body, "at_ms": log.now_ms, "known_at_ms": None}
    texts = [log.rulebook.decode(), *LAW.values()]
    documents = {hashlib.sha256(text.encode()).hexdigest(): text for text in texts}
    shown = [log.subject("address", *JANE), log.subject("sender", *ACME), *more]
    return log.bundle(*shown, question=question, documents=documents, **parts)


def _signed_besides(line: str, *keys: Verifier) -> Handed:
    log = _agreed(OperatorLog())
    raw = _history(log, checkpoint=f"{log.checkpoint()}{line}")
    return Handed(raw, keys=[OWN.verifier, *keys])


def _line(name: str, raw: bytes) -> str:
    return f"\u2014 {name} {base64.b64encode(raw).decode()}\n"


def _cosigned_too_late() -> Handed:
    text = _agreed(OperatorLog()).checkpoint().partition("\n\n")[0] + "\n"
    return _signed_besides(WITNESS.cosign(text, 2**63), WITNESS.verifier)


def _spelled(address: str) -> Callable[[], Handed]:
    def handed() -> Handed:
        log = OperatorLog()
        log.event("email", address, YES)
        log.epoch()
        return Handed(log.bundle(log.subject("address", "email", address)))

    return handed


def _kept_in_part() -> Handed:
    """What was recorded between the erased event and the notice is still there."""
    log = OperatorLog()
    first = log.event(*JANE, YES)
    log.event(*JANE, CONTACT)
    log.epoch()
    notice = log.erase(first)
    log.epoch()
    return Handed(_history(log, erasures=[notice]))


def _in_two_histories() -> Handed:
    """Both chains lead through one event, whose contents are gone; a later one leads to the other person."""
    log = OperatorLog()
    erased = log.event(*JANE, YES)
    log.share(erased, of=JANE, beside=OLD)
    log.epoch()
    notice = log.erase(erased)
    log.event(*JANE, MOVED | {"role": "new", "counterpart": log.key(*OLD).hex()})
    log.epoch()
    return Handed(_history(log, log.subject("linked", *OLD), erasures=[notice]))


def _notice_before_what_it_erased() -> Handed:
    log = OperatorLog()
    first = log.event(*JANE, YES)
    now = log.now_ms
    log.epoch()
    notice = log.erase(first, recorded_at_ms=now - 500)
    log.epoch(now)
    return Handed(_history(log, erasures=[notice]))


def _moved_without_a_role() -> Handed:
    log = OperatorLog()
    log.event(*JANE, MOVED | {"counterpart": log.key(*OLD).hex()})
    log.epoch()
    return Handed(_history(log, log.subject("linked", *OLD)))


def _persons_event_of_a_sender() -> Handed:
    log = OperatorLog()
    log.event(*ACME, YES)
    return Handed(_asked(_agreed(log)))


def _former_sender_under_another_key() -> Handed:
    """A name that was never recorded, shown as absent in the place of the sender that an event leads to."""
    log = OperatorLog()
    said = {"type": "sender_renamed", "from": "beta", "to": "acme", "same_legal_entity": True, "role": "to"}
    log.event(*ACME, said | {"counterpart": log.key("sender", "beta").hex()})
    _agreed(log)
    nobody = log.subject("sender", "sender", "zeta", address={"kind": "sender", "value": "beta"})
    return Handed(_asked(log, nobody, subject_key_secret=None))


def _under_a_rulebook(text: str) -> Handed:
    return Handed(_asked(_agreed(OperatorLog(rulebook=text.encode()))))


def _anchor_as_new() -> Handed:
    log = _agreed(OperatorLog())
    note = log.checkpoint()
    cosigned = note + WITNESS.cosign(note.partition("\n\n")[0] + "\n", 1_795_000_100)
    anchor = {"checkpoint": cosigned, "proof": ""}
    return Handed(_history(log, anchors=[anchor]), keys=[OWN.verifier, WITNESS.verifier])


def _anchor_against_what_is_held() -> Handed:
    """Of one size the reader holds one root, and the bundle shows another, with a proof."""
    log = OperatorLog()
    size, note = len(log.entries), log.checkpoint()
    assert size == 2
    log.event(*JANE, YES)
    log.epoch()
    rest = root([hash_leaf(entry) for entry in log.entries[size:]])
    anchor = {"checkpoint": note, "proof": base64.b64encode(rest).decode()}
    held = sign_checkpoint(ORIGIN, size, b"\1" * 32, [OWN])
    return Handed(_history(log, anchors=[anchor]), held=held)


ELSEWHERE = keys_from("main", "ledger.test/other/1").signer.verifier
POST_QUANTUM = Verifier("witness.example/w3", MLDSA_COSIGNATURE, bytes(1312))
STRANGER = OTHER_KEYS.signer.verifier
DEFAULTS: Json = {"double_opt_in": "not_used", "imported": False, "person": None}
HANDED: dict[str, Callable[[], Handed]] = {
    "address-in-another-spelling": _spelled("Jane@Example.org"),
    "address-composed": _spelled("ren\u00e9@example.org"),
    "address-decomposed": _spelled("rene\u0301@example.org"),
    "address-in-capitals-of-others": _spelled("\u00c9lise@example.org"),
    "address-with-what-nobody-sees": _spelled("jane\u200b@example.org"),
    "anchor-against-a-held-checkpoint": _anchor_against_what_is_held,
    "anchor-of-the-same-size": _anchor_as_new,
    "answer-left-out": lambda: _under_a_rulebook(canonical_json(RULEBOOK).decode()),
    "cosigned-after-the-last-time": _cosigned_too_late,
    "event-in-another-spelling-of-its-time": _said(occurred_at="2026-11-18T11:06:41.000z"),
    "event-in-the-year-0": _said(occurred_at="0000-01-01T00:00:00.000Z"),
    "event-in-two-histories": _in_two_histories,
    "event-of-a-person-under-a-sender": _persons_event_of_a_sender,
    "event-shows-defaults": _said(**DEFAULTS),
    "event-without-a-t-in-its-time": _said(occurred_at="2026-11-18 11:06:41.000Z"),
    "erased-in-part": _kept_in_part,
    "erasure-notice-recorded-earlier": _notice_before_what_it_erased,
    "former-sender-under-another-key": _former_sender_under_another_key,
    "genesis-names-another-key": lambda: Handed(_history(_agreed(OperatorLog(vkey=STRANGER.vkey)))),
    "key-of-a-type-that-few-can-check": lambda: Handed(
        _history(_agreed(OperatorLog())), keys=[OWN.verifier, POST_QUANTUM]
    ),
    "keys-of-another-log-alone": lambda: Handed(_history(_agreed(OperatorLog())), keys=[ELSEWHERE]),
    "move-without-a-role": _moved_without_a_role,
    "note-signed-by-a-name-with-white-space": lambda: _signed_besides(_line("x\u0085", b"12345")),
    "note-signed-twice-once-wrongly": lambda: _signed_besides(_line(ORIGIN, OWN.verifier.key_id + bytes(64))),
    "rulebook-not-canonical": lambda: _under_a_rulebook(json.dumps(RULEBOOK)),
}
"""By the name of its file."""
