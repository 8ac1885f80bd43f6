"""What a dishonest operator could sign with the log's own key, and the step that refuses it."""

from typing import Final

import pytest

from service.core.notes import Signer
from tests.support.edits import (
    OTHER_KEYS,
    absent,
    absent_by,
    add,
    borrow,
    drop,
    emptied,
    empty_siblings,
    events,
    instead,
    log_hashes,
    of,
    other_genesis,
    other_origin,
    other_root,
    put,
    repeat,
    rewritten,
    set_asked,
    set_decision,
    set_subject,
    share_of,
    siblings,
    subject,
    swap,
    swap_events,
    text_added,
    text_changed,
    text_left_out,
    together,
    token_by_another,
    token_saying,
    with_subject,
    without,
)
from tests.support.forgery import Edit, Json, failing_step, forged, opened, verified, world

LABELLED: Final = ('"packs":', '"label":"x","packs":')
STRANGE: Final = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s="
UNDISCLOSED: Final = put("subject_key_secret", None)

# fmt: off
FORGERIES: Final[dict[str, tuple[int, str, Edit]]] = {
    "a checkpoint of another log":                (2, "agreed", other_origin),
    "a log of another name":                      (2, "agreed", put("origin", "ledger.test/other/1")),
    "an invented root":                           (4, "agreed", other_root),
    "an older log with the newer epoch":          (4, "agreed", borrow("checkpoint", "older")),
    "a newer log with the older epoch":           (4, "agreed", borrow("epoch", "older")),
    "a genesis begun under another secret":       (4, "agreed", other_genesis),
    "the genesis as the epoch":                   (4, "agreed", lambda b: b.update(epoch=b["genesis"])),
    "the epoch as the genesis":                   (4, "agreed", lambda b: b.update(genesis=b["epoch"])),
    "another subject key secret":                 (5, "agreed", put("subject_key_secret", "ab" * 32)),
    "a history under another person's address":   (5, "agreed", share_of("address", "left")),
    "a history under another subject key":        (4, "agreed", share_of("subject_key", "left")),
    "an absence under another subject key":       (5, "absent", share_of("subject_key", "left")),
    "two addresses asked about":                  (5, "agreed", with_subject("left", "address")),
    "subjects in another order":                  (5, "agreed", lambda b: b["subjects"].reverse()),
    "a subject shown twice":                      (5, "moved", with_subject("moved", "linked")),
    "nobody asked about":                         (5, "agreed", without("address")),
    "an address that is not named":               (5, "agreed", set_subject(address=None)),
    "an address shown as a sender":               (5, "agreed", with_subject("left", "address", "sender")),
    "absence claimed":                            (6, "agreed", absent),
    "absence claimed with another's proof":       (6, "agreed", absent_by("absent")),
    "presence claimed":                           (4, "absent", share_of("events", "agreed")),
    "the first event left out":                   (4, "agreed", drop(0)),
    "an event in the middle left out":            (4, "agreed", drop(1)),
    "two events in the wrong order":              (4, "agreed", swap_events),
    "an event shown twice":                       (4, "agreed", repeat),
    "another subject's event added":              (4, "agreed", add("erased")),
    "another subject's event instead":            (4, "agreed", instead("left")),
    "two openings exchanged":                     (4, "agreed", swap("opening")),
    "two events exchanged":                       (4, "agreed", swap("event")),
    "two links exchanged":                        (4, "agreed", swap("prev_leaf_hash")),
    "two recorded times exchanged":               (4, "agreed", swap("recorded_at_ms")),
    "two indices exchanged":                      (4, "agreed", swap("index")),
    "an event rewritten":                         (4, "agreed", rewritten("event", "acme", "beta")),
    "evidence rewritten":                         (4, "agreed", rewritten("evidence", "192", "191")),
    "evidence nobody recorded":                   (4, "left", lambda b: events(b)[0].update(evidence={})),
    "evidence left out":                          (4, "agreed", lambda b: events(b)[0].pop("evidence")),
    "an event beyond the last epoch":             (4, "agreed", lambda b: events(b)[-1].update(index=10**9)),
    "an event in the place of the last epoch":    (4, "agreed", lambda b: events(b)[-1].update(
                                                      index=_last(b))),
    "an event in the place of the genesis":       (4, "agreed", lambda b: events(b)[0].update(index=0)),
    "a time later than any":                      (4, "agreed", lambda b: events(b)[0].update(
                                                      recorded_at_ms=2**53 - 1)),
    "a log proof without its first hash":         (4, "agreed", log_hashes(lambda path: path[1:])),
    "a log proof without its last hash":          (4, "agreed", log_hashes(lambda path: path[:-1])),
    "a log proof that goes on":                   (4, "agreed", log_hashes(lambda path: [*path, path[0]])),
    "a log proof turned round":                   (4, "agreed", log_hashes(lambda path: path[::-1])),
    "no log proof":                               (4, "agreed", log_hashes(lambda _path: [])),
    "part of a hash in a log proof":              (4, "agreed", log_hashes(lambda path: [*path, b"\1"])),
    "a notice at another place":                  (4, "erased", lambda b: b["erasures"][0].update(index=1)),
    "two entries at one place":                   (4, "erased", lambda b: b["erasures"].append(
                                                      {"index": b["erasures"][0]["index"],
                                                       "entry": b["epoch"]})),
    "an older history, and the map of today":     (6, "agreed", share_of("events", "older")),
    "an older map, and the log of today":         (6, "agreed", share_of("map_proof", "older")),
    "an older history and map, the log of today": (6, "agreed", borrow("subjects", "older")),
    "the last event left out":                    (6, "agreed", drop(-1)),
    "a refusal left out":                         (6, "left", drop(-1)),
    "a stranger's leaf beside one's own":         (6, "agreed", lambda b: subject(b)["map_proof"].update(
                                                      other_leaf={"key": STRANGE, "value": STRANGE})),
    "a map path without its end":                 (6, "agreed", siblings(lambda path: path[1:])),
    "a map path without its root":                (6, "agreed", siblings(lambda path: path[:-1])),
    "a map path that goes on":                    (6, "agreed", siblings(lambda path: [*path, b"\1" * 32])),
    "a map path turned round":                    (6, "agreed", siblings(lambda path: path[::-1])),
    "no map path":                                (6, "agreed", siblings(lambda _path: [])),
    "part of a hash in a map path":               (6, "agreed", siblings(lambda path: [*path, b"\1"])),
    "an empty sibling shown as a hash":           (6, "agreed", siblings(lambda path: [bytes(32), *path])),
    "an empty sibling at the lowest place":       (6, "agreed", empty_siblings(0)),
    "an empty sibling beyond the path":           (6, "agreed", empty_siblings(99)),
    "an empty sibling named twice":               (6, "agreed", empty_siblings(1, 1)),
    "empty siblings out of order":                (6, "agreed", empty_siblings(2, 1)),
    "contents withheld without a notice":         (7, "agreed", emptied),
    "the notice of an erasure left out":          (7, "erased", lambda b: b.pop("erasures")),
    "a notice that explains nothing":             (7, "agreed", borrow("erasures", "erased")),
    "an epoch as a notice":                       (7, "erased", lambda b: b["erasures"][0].update(
                                                      entry=b["epoch"], index=_last(b))),
    "the former address left out":                (7, "moved", without("linked")),
    "the sender left out":                        (7, "agreed", without("sender")),
    "the former sender left out":                 (7, "renamed", without("sender")),
    "an address without a link to this one":      (7, "agreed", with_subject("left", "address", "linked")),
    "a sender nobody asked about":                (7, "agreed", with_subject("renamed", "sender")),
    "a question about another sender":            (7, "agreed", set_asked(sender="beta")),
    "a form's text rewritten":                    (8, "agreed", text_changed("Yes, send", "No, never send")),
    "another form instead":                       (8, "agreed", text_changed("Yes", "No", renamed=True)),
    "a form left out":                            (8, "agreed", text_left_out('"boxes"')),
    "the rulebook rewritten":                     (8, "agreed", text_changed(*LABELLED)),
    "another rulebook instead":                   (8, "agreed", text_changed(*LABELLED, renamed=True)),
    "the rulebook left out":                      (8, "agreed", text_left_out('"packs"')),
    "a pack rewritten":                           (8, "agreed", text_changed('jurisdiction = "NL"',
                                                                            'jurisdiction = "XX"')),
    "the common pack left out":                   (8, "agreed", text_left_out('jurisdiction = "common"')),
    "the pack that decides left out":             (9, "agreed", text_left_out('jurisdiction = "NL"')),
    "a document that nothing names":              (8, "agreed", text_added("{}")),
    "a rulebook where nothing was asked":         (8, "history", borrow("documents", "agreed")),
    "the earlier epoch left out":                 (8, "earlier", lambda b: b.pop("past")),
    "an earlier epoch nobody asked for":          (8, "agreed", borrow("past", "earlier")),
    "a time before the earlier epoch":            (8, "earlier", lambda b: b["question"].update(
                                                      known_at_ms=b["question"]["known_at_ms"] - 1)),
    "a time after the epoch that follows":        (8, "earlier", lambda b: b["question"].update(
                                                      known_at_ms=b["question"]["known_at_ms"] + 1_000)),
    "an epoch that does not follow":              (8, "earlier", lambda b: b["past"].update(
                                                      next={"entry": b["epoch"], "index": _last(b)})),
    "the opposite answer":                        (9, "agreed", set_decision(decision="deny")),
    "another reason":                             (9, "left", set_decision(reason_code="CONSENT")),
    "an answer that holds for ever":              (9, "agreed", set_decision(expires_at=None)),
    "an answer resting on another event":         (9, "agreed", set_decision(events=[1])),
    "no answer to the question":                  (9, "left", put("decision", None)),
    "an answer to no question":                   (9, "history", borrow("decision", "agreed")),
    "a token for no question":                    (9, "history", borrow("token", "agreed")),
    "another category":                           (9, "agreed", set_asked(category="offers")),
    "another time of sending":                    (9, "agreed", lambda b: b["question"].update(
                                                      at_ms=b["question"]["at_ms"] + 1)),
    "a question with an unknown field":           (9, "left", set_asked(urgent=True)),
    "a question with its defaults written out":   (9, "left", set_asked(promotes=None)),
    "a question about no sender":                 (9, "history", together(
                                                      borrow("question", "agreed"),
                                                      borrow("documents", "agreed"),
                                                      lambda b: b["question"]["body"].pop("sender"))),
    "a token for another answer":                 (9, "agreed", token_saying(decision={"decision": "deny"})),
    "a token for another person":                 (9, "agreed", token_saying(subject="ab" * 32)),
    "a token for another question":               (9, "agreed", token_saying(question={})),
    "a token for another state of the log":       (9, "agreed", token_saying(size=1)),
    "a token under another rulebook":             (9, "agreed", token_saying(rulebook="ab" * 32)),
    "a token that says more":                     (9, "agreed", token_saying(extra=True)),
    "a token of another time":                    (9, "agreed", token_saying(iat=0)),
    "a token that another key signed":            (9, "agreed", token_by_another),
    "a token for what was known then":            (9, "agreed", token_saying(known_at_ms=1)),
}
# fmt: on


def _last(value: dict[str, object]) -> int:
    """The index of the last epoch."""
    return int(str(value["checkpoint"]).split("\n")[1]) - 1


@pytest.mark.parametrize(("step", "name", "edit"), FORGERIES.values(), ids=FORGERIES)
def test_a_forgery_is_refused_at_its_step(step: int, name: str, edit: Edit) -> None:
    raw: bytes = getattr(world(), name)
    verdict = verified(forged(raw, edit))
    assert not verdict.verified
    assert failing_step(verdict) == step


def test_without_the_secret_another_history_can_be_shown_and_the_verdict_says_it_did_not_look() -> None:
    swapped = together(
        UNDISCLOSED, borrow("subjects", "absent"), set_subject(address=of("left")["subjects"][0]["address"])
    )
    verdict = verified(forged(world().absent, swapped))
    assert verdict.verified
    assert any(check.name == "key binding" and check.outcome == "not checked" for check in verdict.checks)


def test_even_without_the_secret_a_sender_cannot_be_shown_as_another() -> None:
    def as_acme(value: Json) -> None:
        value["subjects"].remove(subject(value, "sender"))
        other = subject(of("renamed"), "sender")
        value["subjects"].append(other | {"address": {"kind": "sender", "value": "acme"}})

    assert failing_step(verified(forged(world().agreed, together(UNDISCLOSED, as_acme)))) == 7


def test_even_without_the_secret_a_sender_cannot_be_shown_twice() -> None:
    def twice(value: Json) -> None:
        shown = subject(value, "sender")
        value["subjects"].append(shown | {"subject_key": "ab" * 32, "events": []})

    assert failing_step(verified(forged(world().agreed, together(UNDISCLOSED, twice)))) == 5


@pytest.mark.parametrize("name", ["agreed", "history", "moved", "erased", "earlier"])
def test_signing_again_without_a_change_changes_nothing(name: str) -> None:
    raw: bytes = getattr(world(), name)
    assert forged(raw, lambda _bundle: None) == raw


@pytest.mark.parametrize(
    "signer",
    [OTHER_KEYS.signer, Signer("ledger.test/other/1", OTHER_KEYS.signer.private)],
    ids=["key", "log"],
)
def test_a_bundle_that_somebody_else_signed_is_refused(signer: Signer) -> None:
    verdict = verified(forged(world().agreed, lambda _bundle: None, signer))
    assert failing_step(verdict) == 2


def test_a_token_the_log_signed_over_the_same_answer_is_accepted() -> None:
    assert verified(forged(world().agreed, token_saying())).verified


def test_the_bundles_that_are_forged_are_told_apart() -> None:
    assert of("agreed") != of("left")
    assert opened(world().older)["epoch"] != of("agreed")["epoch"]
