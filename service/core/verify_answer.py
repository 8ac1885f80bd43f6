"""Steps 8 and 9 of the verification: the texts are the ones that were in force, and the answer follows."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain as chained
from typing import Any

import msgspec
from msgspec import UNSET

from service.core.bundle import Bundle, PlacedLeaf, ShownQuestion
from service.core.canonical import canonical_json, parse_canonical
from service.core.checkpoint import Checkpoint
from service.core.entries import EpochEntry, decode_entry
from service.core.errors import FormatError, ProofError
from service.core.events import Form, parse_form
from service.core.history import Part, named_forms, standings_of
from service.core.law.decision import decide, decision_body
from service.core.law.question import parse_question, question_body
from service.core.law.rulebook import Rulebook, RulebookDocument, load_rulebook
from service.core.verdict import Report, answer_of
from service.core.verify_campaign import campaign_epoch, check_campaign
from service.core.verify_subjects import Tree

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
    epoch: EpochEntry,
    tree: Tree,
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
    in_force = _rulebook_in_force(bundle, epoch, tree, report)
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


def check_answer(
    bundle: Bundle,
    parts: Sequence[Part],
    texts: Texts,
    signed: tuple[Tree, Checkpoint, dict[str, Any] | None],
    report: Report,
) -> None:
    """Step 9; `signed`: the tree, its checkpoint and the token's payload, whose signatures step 2 checked.

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
    tree, checkpoint, payload = signed
    address = next(part.subject_key for part in parts if part.role == "address")
    check_campaign(bundle, address, decision, tree, report)
    if payload is not None:
        _check_token(payload, checkpoint, address, asked, decision, texts.rulebook_hash)
        report.passed("token", "The token carries this question, this answer and this state of the log.")


def _check_token(
    payload: Mapping[str, Any],
    checkpoint: Checkpoint,
    address: str,
    asked: ShownQuestion,
    decision: Mapping[str, Any],
    rulebook: bytes,
) -> None:
    issued = payload.get("iat")
    expected = token_claims(
        checkpoint,
        subject=address,
        asked=asked,
        decision=decision,
        rulebook=rulebook,
        issued_at=issued if type(issued) is int else 0,
    )
    if canonical_json(payload) != canonical_json(expected):
        raise ProofError("The token speaks of another answer than the bundle.")


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

    What could need a pack that is not refuses to answer.
    """
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


def _rulebook_in_force(bundle: Bundle, epoch: EpochEntry, tree: Tree, report: Report) -> bytes:
    """The rulebook's hash at the time the question asks about: the newest, or that of an earlier epoch."""
    known_at_ms = bundle.question.known_at_ms if bundle.question is not None else None
    if bundle.campaign is not UNSET:
        if bundle.past is not UNSET:
            raise ProofError("An earlier epoch is shown that the question does not need.")
        return campaign_epoch(bundle, bundle.campaign, tree, report).rulebook_hash
    if known_at_ms is None or known_at_ms >= epoch.recorded_at_ms:
        if bundle.past is not UNSET:
            raise ProofError("An earlier epoch is shown that the question does not need.")
        return epoch.rulebook_hash
    if bundle.past is UNSET:
        raise ProofError("The epoch that was the newest at the time asked about is left out.")
    earlier, later = _epoch(bundle.past.epoch, tree), _epoch(bundle.past.next, tree)
    follows = later.previous_epoch_index == bundle.past.epoch.index and later.epoch_no == earlier.epoch_no + 1
    if not follows or not earlier.recorded_at_ms <= known_at_ms < later.recorded_at_ms:
        raise ProofError("The earlier epoch shown was not the newest at the time asked about.")
    report.passed("earlier epoch", "The epoch shown was the newest at the time asked about.")
    return earlier.rulebook_hash


def _epoch(leaf: PlacedLeaf, tree: Tree) -> EpochEntry:
    tree.require(leaf, leaf.index)
    entry = decode_entry(leaf.entry)
    if not isinstance(entry, EpochEntry):
        raise ProofError("What should be an epoch is another entry.")
    return entry
