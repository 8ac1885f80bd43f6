"""What a witness agrees to, and what is enough of them: pure, request by request."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from service.core.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from service.core.errors import FormatError, SignatureError
from service.core.merkle import Frontier, hash_leaf, plan_consistency, prove_consistency
from service.core.notes import (
    Attested,
    Cosigner,
    cosignatures_in,
    parse_cosigner,
    parse_signer,
    parse_verifier,
    with_signatures,
)
from service.core.policy import parse_policy
from service.core.witness import (
    AddCheckpoint,
    WitnessRefusalError,
    encode_add_checkpoint,
    judge,
    parse_add_checkpoint,
)
from tests.support.log_writer import ORIGIN, SIGNER, SUCCESSOR
from tests.support.witness_server import COSIGNER

LOGS = {ORIGIN: [SIGNER.verifier]}
LEAVES = [hash_leaf(bytes([number])) for number in range(40)]


def head(size: int, *, leaves: list[bytes] = LEAVES) -> Checkpoint:
    frontier = Frontier()
    frontier.extend(leaves[:size])
    return Checkpoint(ORIGIN, size, frontier.root())


def note(checkpoint: Checkpoint) -> bytes:
    return sign_checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root, [SIGNER])


def proof(old: int, new: int) -> tuple[bytes, ...]:
    if old == 0:
        return ()
    ranges = {each: LEAVES[each.start : each.stop] for each in plan_consistency(old, new)}
    return tuple(prove_consistency(old, new, ranges))


def asked(old: int, new: int) -> AddCheckpoint:
    return AddCheckpoint(old, proof(old, new), note(head(new)))


def refusal(request: AddCheckpoint, held: Checkpoint | None) -> WitnessRefusalError:
    with pytest.raises(WitnessRefusalError) as refused:
        judge(request, {ORIGIN: held} if held is not None else {}, LOGS)
    return refused.value


@given(st.integers(0, 40), st.integers(0, 40))
def test_what_extends_the_newest_checkpoint_is_cosigned(old: int, more: int) -> None:
    new = min(old + more, 40)
    held = {ORIGIN: head(old)} if old else {}
    request = parse_add_checkpoint(encode_add_checkpoint(asked(old, new)))
    assert judge(request, held, LOGS) == head(new)


def test_an_old_size_that_is_not_the_newest_is_told_the_newest() -> None:
    refused = refusal(asked(3, 10), head(7))
    assert (refused.status, refused.size) == (409, 7)
    assert (refusal(asked(3, 10), None).status, refusal(asked(3, 10), None).size) == (409, 0)


def test_a_log_that_shrinks_is_refused() -> None:
    assert refusal(AddCheckpoint(7, (), note(head(5))), head(7)).status == 400
    assert refusal(asked(5, 5), head(7)).status == 409


def test_two_roots_of_one_size_are_a_contradiction() -> None:
    forked = head(7, leaves=[hash_leaf(b"else"), *LEAVES[1:]])
    refused = refusal(AddCheckpoint(7, (), note(forked)), head(7))
    assert (refused.status, refused.contradiction) == (422, True)


@pytest.mark.parametrize("change", ["a hash left out", "a hash too many", "a hash changed", "no proof"])
def test_a_proof_that_does_not_hold_is_refused(change: str) -> None:
    good = proof(7, 30)
    bad = {
        "a hash left out": good[:-1],
        "a hash too many": (*good, good[0]),
        "a hash changed": (bytes(32), *good[1:]),
        "no proof": (),
    }[change]
    assert refusal(AddCheckpoint(7, bad, note(head(30))), head(7)).status == 422


def test_a_proof_from_nothing_is_refused() -> None:
    assert refusal(AddCheckpoint(0, (bytes(32),), note(head(3))), None).status == 422


def test_an_empty_log_with_a_root_of_its_own_is_a_contradiction() -> None:
    refused = refusal(AddCheckpoint(0, (), note(Checkpoint(ORIGIN, 0, bytes(32)))), None)
    assert (refused.status, refused.contradiction) == (422, True)


def test_an_unknown_log_and_a_signature_that_is_not_the_logs_are_told_apart() -> None:
    stranger = Checkpoint("ledger.example/beta/1", 3, head(3).root)
    unknown = sign_checkpoint(stranger.origin, 3, stranger.root, [SIGNER])
    assert refusal(AddCheckpoint(0, (), unknown), None).status == 404
    by_another = sign_checkpoint(ORIGIN, 3, head(3).root, [SUCCESSOR])
    assert refusal(AddCheckpoint(0, (), by_another), None).status == 403
    wrong = note(head(3)).replace(b"\n3\n", b"\n4\n")
    assert refusal(AddCheckpoint(0, (), wrong), None).status == 403


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 1\n",
        b"old 01\n\n" + note(head(3)),
        b"old -1\n\n" + note(head(3)),
        b"size 1\n\n" + note(head(3)),
        b"old 1\nAAAA\n\n" + note(head(3)),
        b"old 1\n" + b"A" * 43 + b"B\n\n" + note(head(3)),
        b"old 1\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + note(head(3)),
        b"old 1\n\xe2\x80\x94\n\n" + note(head(3)),
    ],
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(FormatError):
        parse_add_checkpoint(body)


def test_a_cosignature_is_one_by_the_witness_over_this_checkpoint_and_time() -> None:
    checkpoint = head(7)
    line = COSIGNER.cosign(checkpoint.text, 1_795_000_000)
    found = cosignatures_in(line.encode(), checkpoint.text, [COSIGNER.verifier])
    assert found == [(Attested(COSIGNER.verifier, 1_795_000_000), line)]
    whole = with_signatures(note(checkpoint), [line])
    _, attested = open_checkpoint(whole, ORIGIN, [SIGNER.verifier, COSIGNER.verifier])
    assert [each.verifier for each in attested] == [SIGNER.verifier, COSIGNER.verifier]
    with pytest.raises(SignatureError):
        cosignatures_in(line.encode(), head(8).text, [COSIGNER.verifier])


def test_what_a_witness_answers_beside_its_own_cosignature_is_passed_over() -> None:
    text = head(7).text
    other = Cosigner("other.example/w", Ed25519PrivateKey.from_private_bytes(b"\x09" * 32))
    answer = (other.cosign(text, 5) + COSIGNER.cosign(text, 6)).encode()
    assert [each[0].time for each in cosignatures_in(answer, text, [COSIGNER.verifier])] == [6]
    with pytest.raises(FormatError):
        cosignatures_in(b"hello\n", text, [COSIGNER.verifier])


def test_a_witness_key_is_read_as_it_was_written_and_is_no_logs_key() -> None:
    assert parse_cosigner(COSIGNER.skey).verifier == COSIGNER.verifier
    with pytest.raises(FormatError):
        parse_signer(COSIGNER.skey)
    with pytest.raises(FormatError):
        parse_cosigner(COSIGNER.skey.replace(COSIGNER.verifier.key_id.hex(), "00000000"))


WITNESSES = {
    name: Cosigner(f"{name}.example/w", Ed25519PrivateKey.from_private_bytes(bytes([place]) * 32)).verifier
    for place, name in enumerate(("x1", "x2", "x3", "y1", "y2", "y3"), 20)
}
POLICY = (
    f"# the example of tlog-policy\nlog {SIGNER.verifier.vkey} https://ledger.example/log/acme\n\n"
    + "".join(f"witness {name} {key.vkey}\n" for name, key in WITNESSES.items())
    + "group X 2 x1 x2 x3\n\tgroup Y any y1 y2 y3 \ngroup both all X Y\nquorum both\n"
)


@pytest.mark.parametrize(
    ("cosigners", "enough"),
    [
        ("x1 x2 y1", True),
        ("x1 x3 y2 y3", True),
        ("x1 y1", False),
        ("x1 x2 x3", False),
        ("", False),
    ],
)
def test_a_quorum_is_met_by_enough_of_each_group(cosigners: str, enough: object) -> None:
    policy = parse_policy(POLICY.encode())
    assert policy.is_met_by([WITNESSES[name] for name in cosigners.split()]) is enough
    assert policy.verifiers == [SIGNER.verifier, *WITNESSES.values()]


def test_a_policy_may_ask_for_no_witness() -> None:
    assert parse_policy(b"quorum none\n").is_met_by([])


X1, Y1 = WITNESSES["x1"].vkey, WITNESSES["y1"].vkey


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has a quorum"),
        (f"witness a {X1}\n", "has a quorum"),
        ("quorum none", "ends in a line feed"),
        ("quorum none\nquorum none\n", "one quorum"),
        ("quorum a\n", "not defined"),
        ("quorum none\r\n", "control characters"),
        (f"witness a {X1}\nwitness a {Y1}\nquorum a\n", "taken"),
        (f"witness none {X1}\nquorum none\n", "taken"),
        (f"witness a {X1}\nwitness b {X1}\nquorum a\n", "already"),
        (f"log {SIGNER.verifier.vkey}\nlog {SIGNER.verifier.vkey}\nquorum none\n", "already"),
        (f"log {X1}\nquorum none\n", "type"),
        (f"witness a {SIGNER.verifier.vkey}\nquorum a\n", "type"),
        (f"witness a {X1}\ngroup g 2 a\nquorum g\n", "more members"),
        (f"witness a {X1}\ngroup g 0 a\nquorum g\n", "a number"),
        (f"witness a {X1}\ngroup g any a a\nquorum g\n", "once"),
        (f"witness a {X1}\ngroup g any a\ngroup h any a\nquorum h\n", "once"),
        (f"group g any a\nwitness a {X1}\nquorum g\n", "not defined"),
        ("group g any\nquorum g\n", "not a log, witness"),
        ("vote none\n", "not a log, witness"),
        (f"witness a {X1} https://a.example/ more\nquorum a\n", "not a log, witness"),
    ],
)
def test_what_is_no_policy_is_refused_by_its_line(text: str, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        parse_policy(text.encode())


def test_a_policy_is_octets_and_names_are_opaque() -> None:
    raw = (
        b"witness \xe2\x84\xaa "
        + X1.encode()
        + b"\nwitness K "
        + Y1.encode()
        + b"\n# \xff\nquorum \xe2\x84\xaa\n"
    )
    policy = parse_policy(raw)
    assert policy.is_met_by([parse_verifier(X1)])
    assert not policy.is_met_by([parse_verifier(Y1)])
