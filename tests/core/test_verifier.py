"""What a verdict says of bundles that are as the ledger made them, and of keys and checkpoints held."""

import base64
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.checkpoint import parse_checkpoint, sign_checkpoint
from service.core.cosignatures import COSIGNATURE
from service.core.notes import Signer, Verifier, parse_note, sign_note
from service.core.verdict import LEVELS, STEPS, Verdict
from service.core.verifier import verify_bundle
from tests.support.forgery import failing_step, forged, opened, signed, verified, world
from tests.support.small_ledger import keys_from

BUNDLES = ["agreed", "left", "absent", "history", "moved", "renamed", "erased", "earlier", "grown", "older"]
STRANGER = Signer("ledger.test/main/1", Ed25519PrivateKey.from_private_bytes(b"s" * 32))
WITNESS = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
WITNESS_KEY = Verifier("witness.test/w1", COSIGNATURE, WITNESS.public_key().public_bytes_raw())


def outcome(verdict: Verdict, name: str) -> str:
    return next(check.outcome for check in verdict.checks if check.name == name)


def cosigned(raw: bytes, time: int, private: Ed25519PrivateKey = WITNESS) -> bytes:
    """The bundle with a witness's cosignature under its checkpoint."""
    value = opened(raw)
    text = parse_note(value["checkpoint"].encode()).text
    message = f"cosignature/v1\ntime {time}\n{text}".encode()
    blob = WITNESS_KEY.key_id + struct.pack(">Q", time) + private.sign(message)
    value["checkpoint"] += f"\u2014 {WITNESS_KEY.name} {base64.b64encode(blob).decode()}\n"
    return signed(value)


@pytest.mark.parametrize("name", BUNDLES)
def test_what_the_ledger_gives_out_verifies(name: str) -> None:
    verdict = verified(getattr(world(), name))
    assert verdict.verified
    assert verdict.level == "L1"
    assert verdict.statement == LEVELS["L1"]


@pytest.mark.parametrize("name", BUNDLES)
def test_every_step_leaves_a_check(name: str) -> None:
    assert {check.number for check in verified(getattr(world(), name)).checks} == STEPS.keys()


def test_an_allow_is_summed_up_with_what_it_rests_on() -> None:
    answer = verified(world().agreed).answer
    assert answer is not None
    assert (answer.decision, answer.reason_code, answer.jurisdiction) == ("allow", "CONSENT", "NL")
    assert answer.events


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("left", "WITHDRAWN"),
        ("absent", "NO_BASIS"),
        ("erased", "SUPPRESSED_AFTER_ERASURE"),
        ("renamed", "CONSENT_SENDER_NOT_NAMED"),
    ],
)
def test_a_deny_is_summed_up_with_its_reason(name: str, reason: str) -> None:
    answer = verified(getattr(world(), name)).answer
    assert answer is not None
    assert (answer.decision, answer.reason_code) == ("deny", reason)


def test_a_consent_given_under_a_former_address_counts_for_the_new_one() -> None:
    answer = verified(world().moved).answer
    assert answer is not None
    assert answer.decision == "allow"


def test_a_history_without_a_question_has_no_answer_and_says_so() -> None:
    verdict = verified(world().history)
    assert verdict.answer is None
    assert outcome(verdict, "decision") == outcome(verdict, "rulebook") == "not checked"


def test_the_checkpoint_to_hold_for_the_next_time_is_in_the_verdict() -> None:
    verdict = verified(world().agreed)
    checkpoint = parse_checkpoint(parse_note(opened(world().agreed)["checkpoint"].encode()).text)
    assert (verdict.origin, verdict.size) == (checkpoint.origin, checkpoint.size)
    assert verdict.root == checkpoint.root.hex()


def test_without_a_pinned_key_the_verdict_says_so() -> None:
    verdict = verify_bundle(world().agreed)
    assert verdict.verified
    assert outcome(verdict, "key pinned") == "not checked"
    assert outcome(verified(world().agreed), "key pinned") == "passed"


def test_a_key_pinned_for_another_log_opens_nothing() -> None:
    other = keys_from("other", "ledger.test/other/1").signer.verifier
    assert failing_step(verify_bundle(world().agreed, verifiers=[other])) == 2


def test_another_key_pinned_for_this_log_opens_nothing() -> None:
    assert failing_step(verify_bundle(world().agreed, verifiers=[STRANGER.verifier])) == 2


def test_without_the_subject_key_secret_the_binding_is_not_checked() -> None:
    verdict = verified(forged(world().agreed, lambda b: b.update(subject_key_secret=None)))
    assert verdict.verified
    assert outcome(verdict, "key binding") == "not checked"


def test_destroyed_contents_are_named_as_not_checked() -> None:
    assert outcome(verified(world().erased), "erased events") == "not checked"


def test_a_checkpoint_held_before_and_a_proof_from_it_reach_the_second_level() -> None:
    verdict = verified(world().grown, held=world().held)
    assert verdict.level == "L2"
    assert outcome(verdict, "consistency") == "passed"


def test_the_same_checkpoint_held_reaches_the_second_level() -> None:
    raw = world().agreed
    assert verified(raw, held=opened(raw)["checkpoint"].encode()).level == "L2"


@pytest.mark.parametrize("name", ["agreed", "older"])
def test_a_checkpoint_held_without_a_proof_from_it_stays_at_the_first_level(name: str) -> None:
    held = world().held if name == "agreed" else opened(world().agreed)["checkpoint"].encode()
    verdict = verified(getattr(world(), name), held=held)
    assert (verdict.verified, verdict.level) == (True, "L1")
    assert outcome(verdict, "consistency") == "not checked"


def test_two_roots_for_one_size_are_a_fork() -> None:
    size = verified(world().agreed).size or 0
    held = sign_checkpoint(world().ledger.keys.origin, size, b"\1" * 32, [world().signer])
    assert failing_step(verified(world().agreed, held=held)) == 3


def test_another_history_held_is_not_the_beginning_of_this_one() -> None:
    size = parse_checkpoint(parse_note(world().held).text).size
    held = sign_checkpoint(world().ledger.keys.origin, size, b"\1" * 32, [world().signer])
    assert failing_step(verified(world().grown, held=held)) == 3


@pytest.mark.parametrize("held", [b"", b"not a note", sign_note("ledger.test/main/1\n1\n", [STRANGER])])
def test_what_is_held_must_be_a_checkpoint_of_this_log(held: bytes) -> None:
    assert failing_step(verified(world().agreed, held=held)) == 3


def test_a_known_witness_reaches_the_second_level() -> None:
    verdict = verify_bundle(
        cosigned(world().agreed, 1_795_000_100), verifiers=[world().signer.verifier, WITNESS_KEY]
    )
    assert verdict.level == "L2"
    assert outcome(verdict, "witnesses") == "passed"


def test_a_known_witness_that_did_not_sign_is_missed() -> None:
    verdict = verify_bundle(world().agreed, verifiers=[world().signer.verifier, WITNESS_KEY])
    assert verdict.level == "L1"
    assert outcome(verdict, "witnesses") == "not checked"


def test_a_cosignature_of_nobody_known_says_nothing() -> None:
    assert verified(cosigned(world().agreed, 1_795_000_100)).level == "L1"


def test_a_wrong_cosignature_of_a_known_witness_condemns_the_bundle() -> None:
    raw = cosigned(world().agreed, 1_795_000_100, Ed25519PrivateKey.from_private_bytes(b"x" * 32))
    verdict = verify_bundle(raw, verifiers=[world().signer.verifier, WITNESS_KEY])
    assert failing_step(verdict) == 2


def test_after_a_failed_step_nothing_is_concluded() -> None:
    verdict = verified(forged(world().agreed, lambda b: b["decision"].update(decision="deny")))
    assert (verdict.verified, verdict.level, verdict.answer) == (False, None, None)
    assert verdict.statement == LEVELS[None]


def test_steps_after_the_failed_one_are_listed_as_not_checked() -> None:
    verdict = verify_bundle(b"{}")
    assert [check.outcome for check in verdict.checks] == ["failed"] + ["not checked"] * 8
    assert [check.number for check in verdict.checks] == list(STEPS)


def test_no_check_repeats_the_address() -> None:
    for name in BUNDLES:
        verdict = verified(getattr(world(), name))
        assert not any("example.org" in check.detail for check in verdict.checks)


@settings(max_examples=300)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_is_handed_in_a_verdict_comes_out(raw: bytes) -> None:
    assert failing_step(verify_bundle(raw, held=raw)) == 1


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 100_000))
def test_no_part_of_a_bundle_is_a_bundle(length: int) -> None:
    raw = world().history
    assert not verified(raw[: length % len(raw)]).verified
