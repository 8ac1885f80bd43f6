"""Whom a reader trusts: keys that gave way to others, witnesses and how many of them, an authority."""

from dataclasses import dataclass

import pytest

from service.core.errors import ProofError
from service.core.notes import Verifier
from service.core.policy import Policy, parse_policy
from service.core.verdict import Verdict
from service.core.verifier import verify_bundle
from tests.support.trusted_world import OTHER_WITNESS, STAMP, WITNESS, changed, trusted_world

WORLD = trusted_world()
OLD, NEW = WORLD.old.verifier, WORLD.new.verifier
STAMPED_MS = 1_795_000_200_000


def policy(*lines: str) -> Policy:
    witnesses = f"witness w1 {WITNESS.verifier.vkey}\nwitness w2 {OTHER_WITNESS.verifier.vkey}\n"
    return parse_policy((f"log {OLD.vkey}\n" + witnesses + "".join(f"{line}\n" for line in lines)).encode())


def outcome(verdict: Verdict, name: str) -> list[str]:
    return [check.outcome for check in verdict.checks if check.name == name]


def detail(verdict: Verdict, name: str) -> str:
    return next(check.detail for check in verdict.checks if check.name == name)


@pytest.mark.parametrize("pinned", [OLD, NEW], ids=["the old key", "the new key"])
def test_who_trusts_one_key_of_a_log_verifies_what_any_of_the_row_signed(pinned: Verifier) -> None:
    verdict = verify_bundle(WORLD.rotated, verifiers=[pinned])
    assert (verdict.verified, outcome(verdict, "successions")) == (True, ["passed"])


def test_a_bundle_of_before_the_succession_goes_on_verifying_by_the_old_key() -> None:
    assert verify_bundle(WORLD.before, verifiers=[OLD]).verified


def test_a_checkpoint_held_from_before_the_succession_is_consistent_with_what_came_after() -> None:
    assert verify_bundle(WORLD.rotated, verifiers=[NEW], held=WORLD.held).level == "L2"


def test_without_a_pinned_key_the_newest_of_the_row_is_named_to_be_compared() -> None:
    verdict = verify_bundle(WORLD.rotated)
    assert outcome(verdict, "key pinned") == ["not checked"]
    assert NEW.vkey in detail(verdict, "key pinned")


def test_the_thief_of_a_key_given_up_cannot_sign_a_bundle() -> None:
    stolen = changed(WORLD.rotated, lambda _: None, WORLD.old)
    assert not verify_bundle(stolen, verifiers=[OLD]).verified


@dataclass(frozen=True)
class Quorum:
    """A quorum, and what becomes of a bundle under it."""

    lines: tuple[str, ...]
    verified: bool
    level: str | None


@pytest.mark.parametrize(
    "quorum",
    [
        Quorum(("quorum w1",), verified=True, level="L2"),
        Quorum(("group any-of-them any w1 w2", "quorum any-of-them"), verified=True, level="L2"),
        Quorum(("quorum w2",), verified=False, level=None),
        Quorum(("group both all w1 w2", "quorum both"), verified=False, level=None),
    ],
    ids=lambda quorum: quorum.lines[-1],
)
@pytest.mark.parametrize("raw", [WORLD.anchored, WORLD.cosigned], ids=["an older checkpoint", "its own"])
def test_a_policy_is_met_by_one_checkpoint_or_the_bundle_is_refused(raw: bytes, quorum: Quorum) -> None:
    verdict = verify_bundle(raw, policy=policy(*quorum.lines))
    assert (verdict.verified, verdict.level) == (quorum.verified, quorum.level)


def test_a_policy_that_asks_for_no_witness_takes_what_there_is() -> None:
    assert verify_bundle(WORLD.before, policy=policy("quorum none")).level == "L1"
    assert verify_bundle(WORLD.anchored, policy=policy("quorum none")).level == "L2"


def test_how_far_a_witness_saw_is_said() -> None:
    verdict = verify_bundle(WORLD.anchored, verifiers=[OLD, WITNESS.verifier])
    assert "1 of 1 known witness(es) saw this log grow up to its " in detail(verdict, "witnesses")


def stamped(response: bytes, message: bytes) -> int:
    assert message.decode().split("\n")[1] == str(WORLD.stamped_size)
    if response != STAMP:
        raise ProofError("it is another")
    return STAMPED_MS


def test_a_stamp_says_until_when_entries_existed_and_the_epoch_that_holds_it_since_when() -> None:
    verdict = verify_bundle(WORLD.anchored, verifiers=[OLD], stamped=stamped)
    assert "existed at 2026-11-18T" in detail(verdict, "time stamp")
    assert outcome(verdict, "stamped before") == ["passed"]
    assert verdict.level == "L1", "a stamp tells the time, not that everybody sees the same log"


def test_a_stamp_that_does_not_verify_says_nothing() -> None:
    def unknown(_response: bytes, _message: bytes) -> int:
        raise ProofError("the time stamp does not verify: by another")

    verdict = verify_bundle(WORLD.anchored, verifiers=[OLD], stamped=unknown)
    assert (verdict.verified, outcome(verdict, "time stamp")) == (True, ["not checked"])
    assert outcome(verdict, "stamped before") == []


def test_without_certificates_a_stamp_is_said_not_to_be_checked() -> None:
    assert outcome(verify_bundle(WORLD.anchored, verifiers=[OLD]), "time stamp") == ["not checked"]
