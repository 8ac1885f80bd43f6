"""Steps 8 and 9 of the verification: the texts are the ones that were in force, and the answer follows."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain as chained
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import UNSET

from service.core.bundle import Bundle, ShownQuestion
from service.core.canonical import canonical_json, parse_canonical
from service.core.checkpoint import Checkpoint
from service.core.errors import FormatError, ProofError, SignatureError
from service.core.events import Form, parse_form
from service.core.history import Part, named_forms, standings_of
from service.core.law.decision import decide, decision_body
from service.core.law.question import parse_question, question_body
from service.core.law.rulebook import Rulebook, RulebookDocument, load_rulebook
from service.core.token import signed_part, token_header
from service.core.verdict import Report, answer_of
from service.core.verify_campaign import campaign_epoch, check_campaign
from service.core.verify_entries import Shown, epoch_at

_RULEBOOKS_KEPT = 32


@dataclass(frozen=True, slots=True)
class Texts:
    """The forms and the rulebook of a bundle, read. `rulebook` is None where nothing was asked."""

    forms: Mapping[str, Form]
    rulebook: Rulebook | None
    rulebook_hash: bytes


def check_documents(
    bundle: Bundle,
    parts: Sequence[Part],
    shown: Shown,
    documents: Iterable[bytes],
    report: Report,
) -> Texts:
    """Step 8, with the `documents` that the verifier holds already.

    Raises `ProofError`, or `InputError` for a form or rulebook that cannot be read.
    """
    for digest, text in bundle.documents.items():
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise ProofError("A document is not the one its hash names.")
    texts = documents_by_hash(documents) | {name: text.encode() for name, text in bundle.documents.items()}
    names = named_forms(chained.from_iterable(part.logged for part in parts))
    if not names <= texts.keys():
        raise ProofError("A form that an event names is left out.")
    forms = {name: parse_form(parse_canonical(texts[name])) for name in names}
    report.passed("forms", f"{len(forms)} form text(s) are the ones the events name.")
    in_force = _rulebook_in_force(bundle, shown, report)
    if bundle.question is None:
        if not bundle.documents.keys() <= names:
            raise ProofError("A document is shown that nothing names.")
        report.not_checked("rulebook", "Nothing was asked, so no rulebook is needed.")
        return Texts(forms, None, in_force)
    body = texts.get(in_force.hex())
    if body is None:
        raise ProofError(
            "The rulebook that was in force is left out, and was not handed in beside the bundle."
        )
    packs = named_packs(body).values()
    if not bundle.documents.keys() <= {*names, in_force.hex(), *packs}:
        raise ProofError("A document is shown that nothing names.")
    rulebook = loaded_rulebook(body, tuple(sorted((name, texts[name]) for name in packs if name in texts)))
    report.passed("rulebook", "The rulebook and the packs shown are those in force, by the hash in the log.")
    return Texts(forms, rulebook, in_force)


def check_answer(bundle: Bundle, parts: Sequence[Part], texts: Texts, report: Report) -> None:
    """Step 9, without the token.

    Raises `ProofError`, or `InputError` for a question that cannot be decided as asked.
    """
    asked = bundle.question
    if asked is None or texts.rulebook is None:
        if bundle.decision is not None or bundle.token is not None or bundle.campaign is not UNSET:
            raise ProofError("There is an answer to no question.")
        report.not_checked("decision", "Nothing was asked: the bundle shows a history, not an answer.")
        return
    question = parse_question(asked.body)
    if question_body(question) != asked.body:
        raise ProofError("The question is not written in its only form.")
    standings = standings_of(parts, texts.forms, at_ms=asked.at_ms, known_at_ms=asked.known_at_ms)
    decision = decision_body(decide(texts.rulebook, standings, question, asked.at_ms))
    if canonical_json(decision) != canonical_json(bundle.decision):
        raise ProofError("Another answer follows from these events and this rulebook.")
    report.passed("decision", "The answer follows from the events, the rulebook and the time.")
    report.answer = answer_of(decision)
    address = next(part.subject_key for part in parts if part.role == "address")
    check_campaign(bundle, address, decision, report)


def check_token(
    bundle: Bundle, checkpoint: Checkpoint, rulebook: bytes, key: Ed25519PublicKey, report: Report
) -> None:
    """Step 9: the log key, which signed the bundle, signed this answer as a token too.

    Raises `SignatureError`.
    """
    token, asked, signature = bundle.token, bundle.question, bundle.signature
    if token is None or asked is None or signature is UNSET:
        raise ProofError("There is a token for no answer.")
    claims = token_claims(
        checkpoint,
        subject=next(subject.subject_key for subject in bundle.subjects if subject.role == "address"),
        asked=asked,
        decision=bundle.decision or {},
        rulebook=rulebook,
        issued_at=token.iat,
    )
    try:
        key.verify(token.signature, signed_part(token_header(signature.key_id), claims))
    except InvalidSignature as error:
        raise SignatureError("The token is of another question, answer or state of the log.") from error
    report.passed("token", "The log signed this question, this answer and this state of the log as a token.")


def token_claims(
    checkpoint: Checkpoint,
    *,
    subject: str,
    asked: ShownQuestion,
    decision: Mapping[str, Any],
    rulebook: bytes,
    issued_at: int,
) -> dict[str, object]:
    """What a decision token says. `issued_at` in seconds; `known_at_ms` only where another time was asked."""
    claims: dict[str, object] = {
        "iss": checkpoint.origin,
        "iat": issued_at,
        "subject": subject,
        "question": asked.body,
        "decision": decision,
        "rulebook": rulebook.hex(),
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
    }
    if asked.known_at_ms is not None:
        claims["known_at_ms"] = asked.known_at_ms
    return claims


@lru_cache(maxsize=_RULEBOOKS_KEPT)
def loaded_rulebook(body: bytes, packs: tuple[tuple[str, bytes], ...]) -> Rulebook:
    """A rulebook with those of its packs that are among these; the same bytes give the same one: it is kept.

    What could need a pack that is not refuses to answer. A rulebook that is not in canonical form is refused,
    as a form is: readers of one document must not find two in it.
    """
    parse_canonical(body)
    return load_rulebook(body, dict(packs), partial=True)


def named_packs(body: bytes) -> dict[str, str]:
    """The hashes of the packs that a rulebook names, by jurisdiction. Raises `FormatError`."""
    try:
        return msgspec.json.decode(body, type=RulebookDocument).packs
    except msgspec.MsgspecError:
        raise FormatError("This is not the JSON of a rulebook.") from None


def documents_by_hash(bodies: Iterable[bytes]) -> dict[str, bytes]:
    """Documents under their SHA-256 in hex."""
    return {hashlib.sha256(body).hexdigest(): body for body in bodies}


def _rulebook_in_force(bundle: Bundle, shown: Shown, report: Report) -> bytes:
    """The rulebook's hash at the time the question asks about: the newest, or that of an earlier epoch."""
    known_at_ms = bundle.question.known_at_ms if bundle.question is not None else None
    if bundle.campaign is not UNSET:
        if bundle.past is not UNSET:
            raise ProofError("An earlier epoch is shown that the question does not need.")
        return campaign_epoch(bundle, bundle.campaign, shown, report).rulebook_hash
    if known_at_ms is None or known_at_ms >= shown.epoch.recorded_at_ms:
        if bundle.past is not UNSET:
            raise ProofError("An earlier epoch is shown that the question does not need.")
        return shown.epoch.rulebook_hash
    if bundle.past is UNSET:
        raise ProofError("The epoch that was the newest at the time asked about is left out.")
    place = bundle.past.epoch.index
    earlier, later = epoch_at(shown, place), epoch_at(shown, bundle.past.next.index)
    follows = later.previous_epoch_index == place and later.epoch_no == earlier.epoch_no + 1
    if not follows or not earlier.recorded_at_ms <= known_at_ms < later.recorded_at_ms:
        raise ProofError("The earlier epoch shown was not the newest at the time asked about.")
    report.passed("earlier epoch", "The epoch shown was the newest at the time asked about.")
    return earlier.rulebook_hash
