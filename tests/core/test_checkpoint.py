"""Checkpoints: three lines, signed by the log itself."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from service.core.checkpoint import (
    ORIGIN_CHARS_MAX,
    Checkpoint,
    check_origin,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from service.core.cosignatures import COSIGNATURE
from service.core.errors import FormatError, SignatureError
from service.core.merkle import SIZE_MAX, hash_leaf, root
from service.core.notes import Signer, Verifier, sign_note

ORIGIN = "ledger.test/a/1"
LOG = Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
OTHER = Signer("ledger.test/b/1", Ed25519PrivateKey.from_private_bytes(b"\x02" * 32))
ROOT = bytes(range(32))
TEXT = Checkpoint(ORIGIN, 20_852_163, ROOT).text


@given(st.integers(0, SIZE_MAX), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_as_it_was_written(size: int, root_hash: bytes) -> None:
    checkpoint = Checkpoint(ORIGIN, size, root_hash)
    assert parse_checkpoint(checkpoint.text) == checkpoint
    assert (
        open_checkpoint(sign_checkpoint(ORIGIN, size, root_hash, [LOG]), ORIGIN, [LOG.verifier])[0]
        == checkpoint
    )


def test_a_checkpoint_looks_as_documented() -> None:
    assert f"ledger.test/a/1\n20852163\n{base64.b64encode(ROOT).decode()}\n" == TEXT


def test_the_published_heads_of_the_tessera_test_log_come_out() -> None:
    words = "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten"
    leaves = [hash_leaf(word.encode()) for word in words.split()]
    roots = {
        7: "IrSXADBqJ7EQoUODSDKROySgNveeL6CFhik2w/+fS7U=",
        14: "SvCd38yNade7xEPY1a/aAc1M3A2AHYVF8lIiUnsH1ao=",
        15: "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=",
    }
    for size, expected in roots.items():
        assert Checkpoint(ORIGIN, size, root(leaves[:size])).text.split("\n")[2] == expected


BAD_TEXTS = {
    "nothing": "",
    "two lines": "\n".join(TEXT.split("\n")[:2]) + "\n",
    "an extension line": TEXT + "extension\n",
    "an empty line at the end": TEXT + "\n",
    "no newline at the end": TEXT[:-1],
    "no origin": TEXT.replace(ORIGIN, ""),
    "a leading zero": TEXT.replace("20852163", "020852163"),
    "a plus sign": TEXT.replace("20852163", "+20852163"),
    "a space in the size": TEXT.replace("20852163", " 20852163"),
    "an underscore in the size": TEXT.replace("20852163", "20_852_163"),
    "digits of another script": TEXT.replace("20852163", "\uff12\uff10"),
    "a negative size": TEXT.replace("20852163", "-1"),
    "a size no log can have": TEXT.replace("20852163", str(SIZE_MAX + 1)),
    "a size of twenty digits": TEXT.replace("20852163", "1" * 20),
    "a short root": TEXT.replace(base64.b64encode(ROOT).decode(), base64.b64encode(ROOT[:31]).decode()),
    "a root that is not base64": TEXT.replace("AAEC", "A*EC"),
    "a root in the other alphabet": TEXT.replace(base64.b64encode(ROOT).decode(), "_" * 43 + "="),
    "a root with bits to spare": TEXT.replace("h8=", "h9="),
}


@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS.keys())
def test_what_is_not_exactly_a_checkpoint_is_refused(text: str) -> None:
    assert text != TEXT
    with pytest.raises(FormatError):
        parse_checkpoint(text)


def test_no_flipped_bit_opens() -> None:
    raw = sign_checkpoint(ORIGIN, 15, ROOT, [LOG])
    for place in range(8 * len(raw)):
        flipped = bytearray(raw)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises((FormatError, SignatureError)):
            open_checkpoint(bytes(flipped), ORIGIN, [LOG.verifier])


def test_a_checkpoint_of_another_log_is_refused_even_when_it_is_signed() -> None:
    raw = sign_note(Checkpoint("ledger.test/b/1", 3, ROOT).text, [LOG])
    with pytest.raises(SignatureError):
        open_checkpoint(raw, ORIGIN, [LOG.verifier])


def test_only_the_key_of_the_log_itself_makes_a_checkpoint() -> None:
    witness = Verifier(ORIGIN, COSIGNATURE, OTHER.verifier.public)
    by_other = sign_note(Checkpoint(ORIGIN, 3, ROOT).text, [OTHER])
    with pytest.raises(SignatureError):
        open_checkpoint(by_other, ORIGIN, [OTHER.verifier, LOG.verifier])
    with pytest.raises(SignatureError):
        open_checkpoint(by_other, ORIGIN, [witness])


def test_two_keys_of_one_log_may_both_sign_while_one_succeeds_the_other() -> None:
    successor = Signer(ORIGIN, OTHER.private)
    raw = sign_checkpoint(ORIGIN, 3, ROOT, [LOG, successor])
    for keys in ([LOG.verifier], [successor.verifier], [LOG.verifier, successor.verifier]):
        assert len(open_checkpoint(raw, ORIGIN, keys)[1]) == len(keys)


@pytest.mark.parametrize(
    "origin", ["localhost/main/1", "127.0.0.1:8000/acme/2", "ledger.example.com/a-b_c.d/10"]
)
def test_origins_we_sign_under(origin: str) -> None:
    assert check_origin(origin) == origin


FOREIGN_ORIGINS = (
    "",
    "host",
    "Host/a/1",
    "host/",
    "/a/1",
    "host/a b/1",
    "host/a+b/1",
    "https://host/a/1",
    "host/é/1",
    "host/a/1\n",
    'host/"/1',
    "host//1",
    "h/" + "a" * ORIGIN_CHARS_MAX,
)


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_origins_we_never_sign_under(origin: str) -> None:
    with pytest.raises(FormatError):
        check_origin(origin)
