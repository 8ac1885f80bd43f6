"""What a dishonest operator could sign with the log's own key, and the step that refuses it."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from service.core.canonical import canonical_json
from service.core.checkpoint import parse_checkpoint, sign_checkpoint
from service.core.entries import decode_entry, encode_genesis
from service.core.notes import parse_note
from service.core.records import ZERO_HASH, chain
from service.core.token import sign_token, token_header
from tests.support.forgery import Edit, Json, World, failing_step, forged, opened, signed, verified, world
from tests.support.small_ledger import keys_from

OTHER_KEYS = keys_from("other")
HASH_TEXT = 43
"""About as many base64 digits as a hash takes."""


def subject(value: Json, role: str = "address") -> Json:
    found: Json = next(each for each in value["subjects"] if each["role"] == role)
    return found


def events(value: Json, role: str = "address") -> list[Any]:
    found: list[Any] = subject(value, role)["events"]
    return found


def of(name: str) -> Json:
    """One of the ledger's own bundles, opened."""
    return opened(getattr(world(), name))


def headed(value: Json) -> None:
    """Make the head fit the events that are left."""
    import base64

    shown, reached = events(value), ZERO_HASH
    for event in shown:
        reached = chain(reached, event["index"], base64.b64decode(event["entry"])[-32:])
    last = shown[-1]["index"]
    subject(value)["head"] = {"event_count": len(shown), "last_index": last, "chain": reached.hex()}


def drop(place: int) -> Edit:
    return lambda value: events(value).pop(place)


def drop_and_hide(place: int) -> Edit:
    """Drop an event, and let the head speak of the others only."""

    def edit(value: Json) -> None:
        events(value).pop(place)
        headed(value)

    return edit


def swap(part: str) -> Edit:
    """Give the first event this part of the second, and the other way round."""

    def edit(value: Json) -> None:
        first, second = events(value)[:2]
        first[part], second[part] = second[part], first[part]

    return edit


def swap_whole(value: Json) -> None:
    shown = events(value)
    shown[0], shown[1] = shown[1], shown[0]


def add(name: str, role: str = "address") -> Edit:
    """Append somebody else's event."""
    return lambda value: events(value).append(events(of(name), role)[0])


def replaced(before: str, after: str) -> Edit:
    """Change the text of the first record."""

    def edit(value: Json) -> None:
        assert before in events(value)[0]["record"]
        events(value)[0]["record"] = events(value)[0]["record"].replace(before, after)

    return edit


def absent(value: Json) -> None:
    subject(value)["head"] = None
    subject(value)["events"] = []


def absent_by(name: str) -> Edit:
    """Say that the address is not there, with the proof of one that is really not."""

    def edit(value: Json) -> None:
        absent(value)
        subject(value)["map_proof"] = subject(of(name))["map_proof"]

    return edit


def siblings(change: Callable[[str], str]) -> Edit:
    def edit(value: Json) -> None:
        proof = subject(value)["map_proof"]
        proof["siblings"] = change(proof["siblings"])

    return edit


def without(role: str) -> Edit:
    return lambda value: value["subjects"].remove(subject(value, role))


def borrow(part: str, name: str) -> Edit:
    """Take a part of another bundle."""
    return lambda value: value.update({part: of(name)[part]})


def set_question(**changes: object) -> Edit:
    return lambda value: value["question"].update(changes)


def set_asked(**changes: object) -> Edit:
    return lambda value: value["question"]["body"].update(changes)


def document(value: Json, word: str) -> str:
    """The hash of the document that holds this word."""
    return next(name for name, text in value["documents"].items() if word in text)


def text_changed(word: str, other: str, *, renamed: bool) -> Edit:
    """Change a document; under its old hash, or honestly under the new one."""

    def edit(value: Json) -> None:
        name = document(value, word)
        text = value["documents"].pop(name).replace(word, other)
        value["documents"][hashlib.sha256(text.encode()).hexdigest() if renamed else name] = text

    return edit


def text_left_out(word: str) -> Edit:
    return lambda value: value["documents"].pop(document(value, word))


def token_of(**changes: object) -> Edit:
    """Sign another token with the log's key."""

    def edit(value: Json) -> None:
        signer = world().signer
        asked, decision = value["question"], value["decision"]
        rulebook = document(value, '"packs"')
        signed_note = parse_checkpoint(parse_note(value["checkpoint"].encode()).text)
        claims: Json = {
            "iss": value["origin"],
            "iat": asked["at_ms"] // 1000,
            "subject": subject(value)["subject_key"],
            "question": asked["body"],
            "decision": decision,
            "rulebook": rulebook,
            "size": signed_note.size,
            "root": signed_note.root.hex(),
        }
        header = token_header(signer.verifier.key_id.hex())
        value["token"] = sign_token(signer.private, header, claims | changes)

    return edit


def token_by_another(value: Json) -> None:
    header = token_header(world().signer.verifier.key_id.hex())
    value["token"] = sign_token(OTHER_KEYS.signer.private, header, {})


def other_genesis(value: Json) -> None:
    """The same genesis, but begun under another secret and key."""
    import base64

    genesis = decode_entry(base64.b64decode(value["genesis"]["entry"]))
    import msgspec

    changed = msgspec.structs.replace(genesis, vkey=OTHER_KEYS.signer.verifier.vkey)
    value["genesis"]["entry"] = base64.b64encode(encode_genesis(changed)).decode()  # type: ignore[arg-type] # is one


def other_origin(value: Json) -> None:
    note = parse_checkpoint(parse_note(value["checkpoint"].encode()).text)
    other = sign_checkpoint("ledger.test/other/1", note.size, note.root, [world().signer])
    value["checkpoint"] = other.decode()


FORGERIES: dict[str, tuple[int, str, Edit]] = {}
