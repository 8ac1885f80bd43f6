"""Cosignatures by ML-DSA-44 (C2SP tlog-cosignature) hold for what they were made over, and nothing else."""

from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from service.core import cosignatures
from service.core.cosignatures import KEY_SIZES, MLDSA_COSIGNATURE
from service.core.errors import FormatError, SignatureError
from service.core.notes import (
    Verifier,
    cosignatures_in,
    open_note,
    parse_note,
    parse_verifier,
    with_signatures,
)
from service.core.policy import parse_policy
from service.core.verifier import verify_bundle
from tests.support.mldsa_witness import MLDSA_WITNESS, MldsaCosigner
from tests.support.trusted_world import WITNESS, changed, trusted_world

# filippo.io/torchwood, cmd/litewitness: a checkpoint that a key of this seed signed, at time 0, in Go.
SEED = bytes.fromhex("2886adc2b0eabfce67c0472939127998bf886cf256bfee8ba76a253fce1146e0")
NAME, KEY_ID = "example.com/mldsa-log", "b5df45c5"
NOTE = (Path(__file__).parent / "mldsa_checkpoint.txt").read_bytes()
GO = Verifier(
    NAME, MLDSA_COSIGNATURE, MLDSA44PrivateKey.from_seed_bytes(SEED).public_key().public_bytes_raw()
)

TEXT = "ledger.example/acme/1\n8\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
TIME = 1_795_000_000
PQ = MLDSA_WITNESS.verifier


def cosigned(
    text: str = TEXT, *, by: MldsaCosigner = MLDSA_WITNESS, time: int = TIME, said: str = ""
) -> bytes:
    """A note over `said`, with the line that was made over `text`."""
    return ((said or text) + "\n" + by.cosign(text, time)).encode()


def test_what_go_signed_verifies_here() -> None:
    assert GO.key_id.hex() == KEY_ID
    _, attested = open_note(NOTE, [GO])
    assert [(each.verifier, each.time) for each in attested] == [(GO, 0)]


def test_a_key_is_written_as_it_was_read() -> None:
    assert parse_verifier(PQ.vkey) == PQ


@pytest.mark.parametrize("kind", KEY_SIZES)
def test_a_key_of_the_size_of_another_type_is_refused(kind: int) -> None:
    for size in {0, *KEY_SIZES.values()} - {KEY_SIZES[kind]}:
        with pytest.raises(FormatError):
            parse_verifier(Verifier("witness.example/pq", kind, bytes(size)).vkey)


def test_it_tells_when_the_witness_saw_the_checkpoint() -> None:
    _, attested = open_note(cosigned(), [PQ])
    assert [each.time for each in attested] == [TIME]


def test_no_flipped_bit_verifies() -> None:
    line = parse_note(cosigned()).signatures[0]
    for place in range(0, len(line.signature), 61):
        altered = bytearray(line.signature)
        altered[place] ^= 1
        with pytest.raises(SignatureError):
            PQ.verify(TEXT, bytes(altered))
    for wrong in (b"", line.signature[:-1], line.signature + b"\0", line.signature[:72]):
        with pytest.raises(SignatureError, match="length"):
            PQ.verify(TEXT, wrong)


@pytest.mark.parametrize(
    "said",
    [
        TEXT.replace("acme", "beta"),
        TEXT.replace("\n8\n", "\n9\n"),
        TEXT.replace("CsUY", "CsUZ"),
        TEXT + "extension\n",
        "a letter\n",
        TEXT.replace("\n8\n", "\n08\n"),
        TEXT.replace("2I=", "2J="),
    ],
    ids=["origin", "size", "root", "an extension line", "no checkpoint", "a leading zero", "loose base64"],
)
def test_it_holds_for_no_other_checkpoint(said: str) -> None:
    with pytest.raises(SignatureError):
        open_note(cosigned(said=said), [PQ])


def test_the_name_is_signed_with_it_as_no_ed25519_cosignature_does() -> None:
    line = parse_note(cosigned()).signatures[0]
    with pytest.raises(SignatureError):
        Verifier("witness.example/other", MLDSA_COSIGNATURE, PQ.public).verify(TEXT, line.signature)


def test_a_time_beyond_any_is_refused() -> None:
    with pytest.raises(SignatureError, match="no time"):
        open_note(cosigned(time=2**63), [PQ])


def test_an_openssl_that_has_no_ml_dsa_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Missing:
        @staticmethod
        def from_public_bytes(_: bytes) -> None:
            raise UnsupportedAlgorithm("none")

    note = cosigned()
    monkeypatch.setattr(cosignatures, "MLDSA44PublicKey", Missing)
    with pytest.raises(SignatureError, match="OpenSSL of this machine"):
        open_note(note, [PQ])


def test_a_policy_names_such_witnesses_beside_others() -> None:
    lines = f"witness a {WITNESS.verifier.vkey}\nwitness b {PQ.vkey}\ngroup both all a b\nquorum both\n"
    policy = parse_policy(lines.encode())
    assert policy.is_met_by([WITNESS.verifier, PQ])
    assert not policy.is_met_by([PQ])


def test_what_such_a_witness_answers_is_taken_and_its_line_kept_as_it_is() -> None:
    line = MLDSA_WITNESS.cosign(TEXT, TIME)
    ((attested, kept),) = cosignatures_in(line.encode(), TEXT, [PQ])
    assert (attested.verifier, attested.time, kept) == (PQ, TIME, line)


def test_a_bundle_it_cosigned_reaches_level_2() -> None:
    world = trusted_world()

    def cosign(bundle: dict[str, str]) -> None:
        note = bundle["checkpoint"].encode()
        bundle["checkpoint"] = with_signatures(
            note, [MLDSA_WITNESS.cosign(parse_note(note).text, TIME)]
        ).decode()

    raw = changed(world.anchored, cosign, world.new)
    policy = parse_policy(f"log {world.new.verifier.vkey}\nwitness pq {PQ.vkey}\nquorum pq\n".encode())
    verdict = verify_bundle(raw, policy=policy)
    assert (verdict.verified, verdict.level) == (True, "L2")
    assert not verify_bundle(world.anchored, policy=policy).verified
