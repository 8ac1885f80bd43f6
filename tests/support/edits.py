"""The moves of a dishonest operator: each changes an opened bundle in place."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import msgspec

from service.core.canonical import canonical_json
from service.core.checkpoint import Checkpoint, parse_checkpoint, sign_checkpoint
from service.core.entries import GenesisEntry, decode_entry, encode_genesis
from service.core.notes import parse_note
from service.core.records import ZERO_HASH, commitment, evidence_commitment
from service.core.token import signed_part, token_header
from tests.support.forgery import Edit, Json, opened, world
from tests.support.small_ledger import keys_from

OTHER_KEYS = keys_from("other")


def of(name: str) -> Json:
    """One of the ledger's own bundles, opened."""
    return opened(getattr(world(), name))


def subject(value: Json, role: str = "address") -> Json:
    """The first subject of a role."""
    found: Json = next(each for each in value["subjects"] if each["role"] == role)
    return found


def events(value: Json, role: str = "address") -> list[Any]:
    """The events of the first subject of a role."""
    found: list[Any] = subject(value, role)["events"]
    return found


def checkpoint(value: Json) -> Checkpoint:
    """What was signed of the log."""
    return parse_checkpoint(parse_note(value["checkpoint"].encode()).text)


def put(name: str, part: object) -> Edit:
    """Put something else in a part's place."""
    return lambda value: value.update({name: part})


def borrow(part: str, name: str) -> Edit:
    """Take a part from another bundle."""
    return lambda value: value.update({part: of(name)[part]})


def drop(place: int) -> Edit:
    """Leave an event out."""
    return lambda value: events(value).pop(place)


def swap(part: str) -> Edit:
    """Give the first event this part of the second, and the other way round."""

    def edit(value: Json) -> None:
        first, second = events(value)[:2]
        first[part], second[part] = second[part], first[part]

    return edit


def swap_events(value: Json) -> None:
    """Show the second event before the first."""
    shown = events(value)
    shown[0], shown[1] = shown[1], shown[0]


def repeat(value: Json) -> None:
    """Show the last event twice."""
    events(value).append(events(value)[-1])


def add(name: str, role: str = "address") -> Edit:
    """Append somebody else's event."""
    return lambda value: events(value).append(events(of(name), role)[-1])


def instead(name: str, role: str = "address") -> Edit:
    """Show somebody else's event instead of the first."""

    def edit(value: Json) -> None:
        events(value)[0] = events(of(name), role)[0]

    return edit


def rewritten(part: str, before: str, after: str) -> Edit:
    """Change what the first event says somewhere in a part."""

    def edit(value: Json) -> None:
        event = events(value)[0]
        text = json.dumps(event[part])
        assert before in text
        event[part] = json.loads(text.replace(before, after))

    return edit


def first_record(value: Json) -> Json:
    """The record of the address's first event, put together."""
    event = events(value)[0]
    record = {
        "event": event["event"],
        "origin": value["origin"],
        "prev": ZERO_HASH.hex(),
        "schema": 1,
        "seq": 0,
        "subject": subject(value)["subject_key"],
    }
    if "evidence" in event:
        opening, evidence = base64.b64decode(event["opening"]), canonical_json(event["evidence"])
        record["evidence"] = evidence_commitment(opening, evidence).hex()
    return record


def emptied(value: Json) -> None:
    """Withhold the contents of the first event, as after an erasure."""
    event = events(value)[0]
    committed = commitment(base64.b64decode(event["opening"]), canonical_json(first_record(value)))
    for name in ("event", "opening", "evidence"):
        event.pop(name, None)
    event["commitment"] = base64.b64encode(committed).decode()


def as_campaign(value: Json) -> None:
    """Show the address's first event as if it were the one of the campaign."""
    event = {
        name: events(value)[0][name] for name in ("index", "opening", "prev_leaf_hash", "recorded_at_ms")
    }
    value["campaign"]["event"] = event | {"record": first_record(value)}


def absent(value: Json) -> None:
    """Say that the address is not in the map."""
    subject(value).update(events=[])


def absent_by(name: str) -> Edit:
    """Say so with the proof of an address that is really not in it."""

    def edit(value: Json) -> None:
        absent(value)
        subject(value)["map_proof"] = subject(of(name))["map_proof"]

    return edit


def siblings(change: Callable[[list[bytes]], list[bytes]]) -> Edit:
    """Change the path through the map."""

    def edit(value: Json) -> None:
        proof = subject(value)["map_proof"]
        proof["siblings"] = _changed(proof["siblings"], change)

    return edit


def empty_siblings(*places: int) -> Edit:
    """Say that these siblings of the path are empty."""
    return lambda value: subject(value)["map_proof"].update(empty=list(places))


def log_hashes(change: Callable[[list[bytes]], list[bytes]]) -> Edit:
    """Change the proof that everything shown is in the log."""
    return lambda value: value.update(log_proof=_changed(value["log_proof"], change))


def _changed(joined: str, change: Callable[[list[bytes]], list[bytes]]) -> str:
    raw = base64.b64decode(joined)
    hashes = change([raw[at : at + 32] for at in range(0, len(raw), 32)])
    return base64.b64encode(b"".join(hashes)).decode()


def share_of(part: str, name: str) -> Edit:
    """Take one part of the address's subject from another bundle."""
    return lambda value: subject(value).update({part: subject(of(name))[part]})


def set_subject(role: str = "address", **changes: object) -> Edit:
    """Say something else of a subject."""
    return lambda value: subject(value, role).update(changes)


def without(role: str) -> Edit:
    """Leave a subject out."""
    return lambda value: value["subjects"].remove(subject(value, role))


def with_subject(name: str, role: str, shown_as: str | None = None) -> Edit:
    """Show a subject of another bundle at its place among the others."""

    def edit(value: Json) -> None:
        subjects = [*value["subjects"], subject(of(name), role) | {"role": shown_as or role}]
        value["subjects"] = sorted(subjects, key=lambda each: (each["role"], each["subject_key"]))

    return edit


def set_asked(**changes: object) -> Edit:
    """Ask something else."""
    return lambda value: value["question"]["body"].update(changes)


def set_decision(**changes: object) -> Edit:
    """Answer something else."""
    return lambda value: value["decision"].update(changes)


def document(value: Json, word: str) -> str:
    """The hash of the document that holds this word."""
    documents: dict[str, str] = value["documents"]
    return next(name for name, text in documents.items() if word in text)


def text_changed(word: str, other: str, *, renamed: bool = False) -> Edit:
    """Change a document under its old hash, or (`renamed`) show another under its own."""

    def edit(value: Json) -> None:
        name = document(value, word)
        text = value["documents"].pop(name).replace(word, other)
        value["documents"][hashlib.sha256(text.encode()).hexdigest() if renamed else name] = text

    return edit


def text_left_out(word: str) -> Edit:
    """Leave a document out."""
    return lambda value: value["documents"].pop(document(value, word))


def text_added(text: str) -> Edit:
    """Show a document that nothing names."""
    return lambda value: value["documents"].update({hashlib.sha256(text.encode()).hexdigest(): text})


def token_saying(**changes: object) -> Edit:
    """Sign another token with the log's key."""

    def edit(value: Json) -> None:
        _sign_token(value, changes, world().signer.private)

    return edit


def token_by_another(value: Json) -> None:
    """Show the same token, signed by another key."""
    _sign_token(value, {}, OTHER_KEYS.signer.private)


def _sign_token(value: Json, changes: Json, private: Any) -> None:  # noqa: ANN401 - an Ed25519 key
    issued_at = value["question"]["at_ms"] // 1000
    claims: Json = {
        "iss": value["origin"],
        "iat": issued_at,
        "subject": subject(value)["subject_key"],
        "question": value["question"]["body"],
        "decision": value["decision"],
        "rulebook": document(value, '"packs"'),
        "size": checkpoint(value).size,
        "root": checkpoint(value).root.hex(),
    }
    header = token_header(world().signer.verifier.key_id.hex())
    signature = private.sign(signed_part(header, claims | changes))
    value["token"] = {"iat": issued_at, "signature": base64.b64encode(signature).decode()}


def other_genesis(value: Json) -> None:
    """Show a genesis that was begun under another secret."""
    genesis = decode_entry(base64.b64decode(value["genesis"]))
    assert isinstance(genesis, GenesisEntry)
    changed = msgspec.structs.replace(genesis, secret_commitment=b"\1" * 32)
    value["genesis"] = base64.b64encode(encode_genesis(changed)).decode()


def other_origin(value: Json) -> None:
    """Show this head signed as another log's."""
    note = checkpoint(value)
    other = sign_checkpoint("ledger.test/other/1", note.size, note.root, [world().signer])
    value["checkpoint"] = other.decode()


def other_root(value: Json) -> None:
    """Show another root signed for this size."""
    note = checkpoint(value)
    value["checkpoint"] = sign_checkpoint(note.origin, note.size, b"\1" * 32, [world().signer]).decode()


def together(*edits: Edit) -> Edit:
    """Make several moves."""

    def edit(value: Json) -> None:
        for each in edits:
            each(value)

    return edit
