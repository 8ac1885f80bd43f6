"""Bundles for other implementations to try: `python -m tests.support.bundle_vectors` writes them anew.

One file for each, named for what is wrong with it. They are kept as they were once written: a bundle that
verified must verify for ever, and the tests read the files.
"""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from service.core.checkpoint import sign_checkpoint
from service.core.notes import Verifier
from service.core.verifier import verify_bundle
from service.ledger.packs import shipped_packs
from tests.support.edits import (
    OTHER_KEYS,
    absent,
    absent_by,
    add,
    as_campaign,
    borrow,
    checkpoint,
    drop,
    emptied,
    empty_siblings,
    instead,
    log_hashes,
    other_genesis,
    other_origin,
    other_root,
    put,
    repeat,
    rewritten,
    set_decision,
    share_of,
    siblings,
    swap,
    swap_events,
    text_changed,
    text_left_out,
    token_saying,
    without,
)
from tests.support.forgery import Edit, failing_step, forged, run, world
from tests.support.memory_campaigns import proved_lines
from tests.support.operator_vectors import HANDED
from tests.support.small_ledger import SmallLedger
from tests.support.trusted_world import (
    WITNESS,
    anchor_with_another_root,
    by_the_old_key,
    changed,
    cosignature_of_another_text,
    succession_signed_once,
    trusted_world,
)

STRANGER = OTHER_KEYS.signer.verifier
PACKS = list(shipped_packs().values())
FOLDER = Path(__file__).resolve().parents[2] / "schemas" / "vectors" / "bundle"

VALID = {
    "answer-after-an-erasure": "erased",
    "answer-after-a-move": "moved",
    "answer-about-nobody": "absent",
    "answer-about-a-renamed-sender": "renamed",
    "answer-allow": "agreed",
    "answer-without-a-token": "left",
    "answer-as-known-before": "earlier",
    "history": "history",
    "history-absent": "history_absent",
    "history-erased": "history_erased",
    "history-linked": "history_moved",
}
FORGED: dict[str, tuple[str, Edit]] = {
    "checkpoint-of-another-log": ("history", other_origin),
    "checkpoint-with-another-root": ("history", other_root),
    "checkpoint-older-than-epoch": ("history", borrow("checkpoint", "older")),
    "epoch-older-than-checkpoint": ("history", borrow("epoch", "older")),
    "genesis-garbled": ("history", put("genesis", "AAAA")),
    "genesis-of-another-secret": ("history", other_genesis),
    "secret-of-another-ledger": ("history", put("subject_key_secret", "ab" * 32)),
    "address-of-another-person": ("history", share_of("address", "left")),
    "subject-key-of-another-person": ("history", share_of("subject_key", "left")),
    "subjects-out-of-order": ("agreed", lambda b: b["subjects"].reverse()),
    "subject-absent-though-present": ("history", absent),
    "subject-absent-by-another-proof": ("history", absent_by("absent")),
    "subject-present-though-absent": ("history_absent", share_of("events", "history")),
    "history-older-than-map": ("history", share_of("events", "older")),
    "map-proof-older-than-map": ("history", share_of("map_proof", "older")),
    "map-path-shortened": ("history", siblings(lambda path: path[1:])),
    "map-path-lengthened": ("history", siblings(lambda path: [*path, b"\1" * 32])),
    "map-path-with-part-of-a-hash": ("history", siblings(lambda path: [*path, b"\1"])),
    "map-path-with-an-empty-sibling-shown": ("history", siblings(lambda path: [b"\0" * 32, *path[1:]])),
    "map-path-with-an-empty-sibling-beyond": ("history", empty_siblings(256)),
    "log-proof-lengthened": ("history", log_hashes(lambda path: [*path, path[-1]])),
    "log-proof-shortened": ("history", log_hashes(lambda path: path[:-1])),
    "log-proof-with-hashes-exchanged": ("history", log_hashes(lambda path: [path[1], path[0], *path[2:]])),
    "log-proof-with-part-of-a-hash": ("history", log_hashes(lambda path: [*path, b"\1"])),
    "log-proof-of-an-older-log": ("history", borrow("log_proof", "older")),
    "first-event-left-out": ("history", drop(0)),
    "middle-event-left-out": ("history", drop(1)),
    "last-event-left-out": ("history", drop(-1)),
    "events-out-of-order": ("history", swap_events),
    "event-twice": ("history", repeat),
    "event-of-another-subject-added": ("history", add("erased")),
    "event-of-another-subject-instead": ("history", instead("left")),
    "openings-exchanged": ("history", swap("opening")),
    "links-exchanged": ("history", swap("prev_leaf_hash")),
    "recorded-times-exchanged": ("history", swap("recorded_at_ms")),
    "indices-exchanged": ("history", swap("index")),
    "event-rewritten": ("history", rewritten("event", "acme", "beta")),
    "evidence-rewritten": ("history", rewritten("evidence", "192", "191")),
    "contents-withheld": ("history", emptied),
    "erasure-notice-left-out": ("history_erased", lambda b: b.pop("erasures")),
    "linked-address-left-out": ("history_moved", without("linked")),
    "form-rewritten": ("history", text_changed("Yes, send", "No, never send")),
    "form-left-out": ("history", text_left_out('"boxes"')),
    "decision-without-question": ("history", borrow("decision", "agreed")),
    "decision-turned-round": ("agreed", set_decision(decision="deny")),
    "decision-turned-round-without-a-token": ("left", set_decision(decision="allow")),
    "token-for-another-answer": ("agreed", token_saying(decision={"decision": "deny"})),
}
LINES: dict[str, tuple[int, Edit]] = {
    "campaign-line": (2, lambda _: None),
    "campaign-line-absent": (4, lambda _: None),
    "campaign-left-out": (2, lambda b: b.pop("campaign")),
    "campaign-line-of-another": (2, lambda b: b["campaign"].update(line=4)),
    "campaign-line-beyond-the-last": (2, lambda b: b["campaign"].update(line=6)),
    "campaign-answer-turned-round": (2, set_decision(decision="deny")),
    "campaign-path-of-another-line": (2, lambda b: b["campaign"].update(proof=_of_line(4)["proof"])),
    "campaign-question-at-another-time": (
        2,
        lambda b: b["question"].update(at_ms=b["question"]["at_ms"] + 1),
    ),
    "campaign-state-of-today": (2, lambda b: b["campaign"].update(epoch=_newest(b))),
    "campaign-state-is-no-epoch": (2, lambda b: b["campaign"].update(epoch=_event_as_leaf(b))),
    "campaign-event-rewritten": (2, lambda b: _recounted(b["campaign"]["event"])),
    "campaign-event-of-a-person": (2, as_campaign),
    "campaign-beside-a-past-state": (2, lambda b: b["question"].update(known_at_ms=b["question"]["at_ms"])),
}
ATTESTED: dict[str, Edit] = {
    "key-succession-left-out": lambda b: b.pop("successions"),
    "key-succession-signed-by-one-key": succession_signed_once,
    "key-succession-elsewhere": lambda b: b["successions"][0].update(index=3),
    "signed-by-a-key-given-up": by_the_old_key,
    "anchor-of-another-history": anchor_with_another_root,
    "anchor-without-its-proof": lambda b: b["anchors"][0].update(proof=""),
    "anchor-cosigned-as-another": cosignature_of_another_text,
}
MISSPELLED: dict[str, Callable[[str], str]] = {
    "not-canonical-white-space": lambda text: text.replace(",", ", ", 1),
    "not-canonical-key-order": lambda text: json.dumps(
        dict(reversed(json.loads(text).items())), separators=(",", ":"), ensure_ascii=False
    ),
    "number-with-a-fraction": lambda text: text.replace('"index":13,', '"index":13.0,'),
    "key-twice": lambda text: text.replace('"decision":null', '"decision":null,"decision":null'),
    "unknown-field": lambda text: text.replace('"decision":null', '"decision":null,"detail":null'),
    "unknown-version": lambda text: text.replace("bundle/1", "bundle/2"),
    "changed-after-signing": lambda text: text.replace('"decision":null', '"decision":{}'),
}


def vectors() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every vector by the name of its file."""
    for name, source in VALID.items():
        yield name, _vector(_of(source))
    yield "answer-from-a-held-checkpoint", _vector(world().grown, world().held)
    for name, packs in {"answer-with-packs-by-hash": PACKS, "answer-with-packs-left-out": []}.items():
        yield name, _vector(world().packs_by_hash, documents=packs)
    yield "fork-of-a-held-checkpoint", _vector(world().history, _fork())
    for name, (source, edit) in FORGED.items():
        yield name, _vector(forged(_of(source), edit))
    for name, (line, edit) in LINES.items():
        ledger, bundles = lines()
        yield name, _vector(forged(bundles[line], edit, ledger=ledger))
    yield from _trusted()
    yield "signed-by-another-key", _vector(forged(world().history, lambda _: None, OTHER_KEYS.signer))
    for name, make in HANDED.items():
        handed = make()
        yield name, _vector(handed.raw, handed.held, keys=handed.keys)
    yield "opening-of-another-length", _vector(_with_a_short_opening())
    for name, respell in MISSPELLED.items():
        yield name, _vector(respell(world().history.decode()).encode())


def _trusted() -> Iterator[tuple[str, dict[str, Any]]]:
    """A log whose key gave way to another, and whose checkpoints others attested."""
    world = trusted_world()
    old, new, witness = world.old.verifier, world.new.verifier, WITNESS.verifier
    yield "key-succession", _vector(world.rotated, world.held, keys=[old])
    yield "key-succession-from-the-new-key", _vector(world.rotated, keys=[new])
    yield "key-succession-of-another-log", _vector(world.rotated, keys=[STRANGER])
    yield "anchors", _vector(world.anchored, keys=[old, witness])
    yield "anchors-by-nobody-known", _vector(world.anchored, keys=[old])
    yield "checkpoint-cosigned", _vector(world.cosigned, keys=[old, witness])
    for name, edit in ATTESTED.items():
        yield name, _vector(changed(world.anchored, edit), keys=[old, witness])


def _of(source: str) -> bytes:
    raw: bytes = getattr(world(), source)
    return raw


@cache
def lines() -> tuple[SmallLedger, dict[int, bytes]]:
    return run(proved_lines())


def _of_line(line: int) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(lines()[1][line])["campaign"]
    return shown


def _newest(bundle: dict[str, Any]) -> dict[str, Any]:
    return {"index": checkpoint(bundle).size - 1, "entry": bundle["epoch"]}


def _event_as_leaf(bundle: dict[str, Any]) -> dict[str, Any]:
    index = bundle["campaign"]["event"]["index"]
    row = lines()[0].store.entries.get(index, lines()[0].store.version)
    assert row is not None
    return {"index": index, "entry": base64.b64encode(row.entry).decode()}


def _with_a_short_opening() -> bytes:
    """31 bytes and one padding character more are as many characters as 32 bytes."""
    shown = json.loads(world().history)["subjects"][0]["events"][0]["opening"]
    return world().history.replace(shown.encode(), base64.b64encode(b"\1" * 31))


def _recounted(event: dict[str, Any]) -> None:
    assert event["record"]["event"]["count"] == 5
    event["record"]["event"]["count"] = 6


def _fork() -> bytes:
    """Another root, signed for the size of the bundles."""
    size = checkpoint(json.loads(world().history)).size
    return sign_checkpoint(world().ledger.keys.origin, size, b"\1" * 32, [world().signer])


def _vector(
    raw: bytes,
    held: bytes | None = None,
    documents: Sequence[bytes] = (),
    keys: Sequence[Verifier] = (),
) -> dict[str, Any]:
    verifiers = keys or [world().signer.verifier]
    verdict = verify_bundle(raw, verifiers=verifiers, held=held, documents=documents)
    return {
        "bundle": raw.decode(),
        "documents": [document.decode() for document in documents],
        "held": held.decode() if held is not None else None,
        "vkeys": [verifier.vkey for verifier in verifiers],
        "want": {
            "verified": verdict.verified,
            "level": verdict.level,
            "failed_step": failing_step(verdict),
            "decision": verdict.answer.decision if verdict.answer is not None else None,
            "reason_code": verdict.answer.reason_code if verdict.answer is not None else None,
        },
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, vector in vectors():
        described = {"desc": name.replace("-", " ")} | vector
        text = json.dumps(described, ensure_ascii=False, indent=1) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
