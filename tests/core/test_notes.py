"""Signed notes: the public vectors verify, and nothing that differs from them does."""

import base64
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.cosignatures import COSIGNATURE
from service.core.errors import FormatError, SignatureError
from service.core.notes import (
    NOTE_BYTES_MAX,
    Attested,
    Note,
    Signer,
    Verifier,
    open_note,
    parse_note,
    parse_signer,
    parse_verifier,
    sign_note,
)

# golang.org/x/mod/sumdb/note: Ed25519 is deterministic, so these are vectors for signing as well.
PETER_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH_VKEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann"
    " x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot"
    " rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
NOTE = TEXT + "\n" + PETER_LINE + ENOCH_LINE

PETER, ENOCH = parse_verifier(PETER_VKEY), parse_verifier(ENOCH_VKEY)
OURS = Signer("ledger.test/a/1", Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
WITNESS = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
WITNESS_VERIFIER = Verifier("witness.test/w1", COSIGNATURE, WITNESS.public_key().public_bytes_raw())


def cosigned(note: bytes, time: int) -> bytes:
    """Append what a witness would answer (C2SP tlog-cosignature)."""
    text = parse_note(note).text
    signature = struct.pack(">Q", time) + WITNESS.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
    blob = base64.b64encode(WITNESS_VERIFIER.key_id + signature).decode()
    return note + f"— {WITNESS_VERIFIER.name} {blob}\n".encode()


def test_the_public_note_verifies_by_both_of_its_keys() -> None:
    note, attested = open_note(NOTE.encode(), [PETER, ENOCH])
    assert note.text == TEXT
    assert attested == (Attested(PETER, None), Attested(ENOCH, None))


def test_the_public_key_signs_the_public_signature() -> None:
    assert sign_note(TEXT, [parse_signer(PETER_SKEY)]).decode() == TEXT + "\n" + PETER_LINE


@pytest.mark.parametrize(
    "vkey",
    [
        PETER_VKEY,
        ENOCH_VKEY,
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
        WITNESS_VERIFIER.vkey,
    ],
)
def test_verifier_keys_are_written_as_they_were_read(vkey: str) -> None:
    assert parse_verifier(vkey).vkey == vkey


def test_a_signer_key_is_written_as_it_was_read() -> None:
    assert parse_signer(PETER_SKEY).skey == PETER_SKEY
    assert parse_signer(PETER_SKEY).verifier == PETER


BAD_VKEYS = {
    "nothing": "",
    "without its id": PETER_VKEY.replace("+c74f20a3", ""),
    "another id": PETER_VKEY.replace("c74f20a3", "c74f20a4"),
    "another name": PETER_VKEY.replace("Peter", "Petra"),
    "capitals in the id": PETER_VKEY.replace("c74f20a3", "C74F20A3"),
    "another key": PETER_VKEY.replace("ARpc", "ARpd"),
    "an unknown type": PETER_VKEY.replace("+ARpc", "+Axpc"),
    "a key cut off": PETER_VKEY[:-4],
    "a space": " " + PETER_VKEY,
    "a newline": PETER_VKEY + "\n",
    "a control character in the name": "Peter\x01" + PETER_VKEY,
    "base64 with bits to spare": "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdo=",
}


@pytest.mark.parametrize("vkey", BAD_VKEYS.values(), ids=BAD_VKEYS.keys())
def test_a_verifier_key_that_is_not_exactly_one_is_refused(vkey: str) -> None:
    with pytest.raises(FormatError):
        parse_verifier(vkey)


@pytest.mark.parametrize(
    "skey",
    [
        "",
        PETER_VKEY,
        PETER_SKEY.replace("c74f20a3", "c74f20a4"),
        PETER_SKEY[:-4],
        PETER_SKEY.replace("+AY", "+BI"),
    ],
    ids=["nothing", "a verifier key", "another id", "cut off", "another type"],
)
def test_a_signer_key_that_is_not_exactly_one_is_refused_without_repeating_it(skey: str) -> None:
    with pytest.raises(FormatError) as refusal:
        parse_signer(skey)
    assert "AYEKFALV" not in str(refusal.value)


BAD_NOTES = {
    "nothing": "",
    "no signatures": TEXT,
    "an empty line and no signatures": TEXT + "\n",
    "no empty line": TEXT + PETER_LINE,
    "no newline at the end": NOTE[:-1],
    "a control character in the text": "\x01" + NOTE,
    "a carriage return": NOTE.replace("\n", "\r\n"),
    "a tab": NOTE.replace(" ", "\t", 1),
    "a hyphen for the dash": NOTE.replace("—", "-"),
    "two spaces": NOTE.replace("PeterNeumann ", "PeterNeumann  "),
    "a plus in the name": NOTE.replace("— Peter", "— Peter+"),
    "no name": NOTE.replace("— PeterNeumann", "— "),
    "no signature": NOTE.replace(PETER_LINE, "— PeterNeumann\n"),
    "a key id alone": NOTE.replace(PETER_LINE, "— PeterNeumann x08gow==\n"),
    "a signature that is not base64": NOTE.replace("x08go", "x08g*"),
    "base64 with a bit to spare": NOTE.replace("wJnAM=", "wJnAN="),
    "base64 of the other alphabet": NOTE.replace("x08go/", "x08go_"),
    "base64 without its padding": NOTE.replace("wJnAM=", "wJnAM"),
    "a line that is no signature": NOTE + "hello\n",
    "more signatures than anybody needs": NOTE + ENOCH_LINE * 100,
}


@pytest.mark.parametrize("note", BAD_NOTES.values(), ids=BAD_NOTES.keys())
def test_a_note_that_is_not_exactly_one_is_refused(note: str) -> None:
    with pytest.raises(FormatError):
        open_note(note.encode(), [PETER, ENOCH])


def test_notes_of_another_encoding_or_of_a_million_bytes_are_refused() -> None:
    for raw in (b"\xff" + NOTE.encode(), b"a" * NOTE_BYTES_MAX + NOTE.encode()):
        with pytest.raises(FormatError):
            parse_note(raw)


def test_the_text_ends_at_the_last_empty_line() -> None:
    text = "one\n\ntwo\n"
    assert parse_note(sign_note(text, [OURS])).text == text


def test_no_flipped_bit_verifies() -> None:
    raw = sign_note("log\n1\n", [OURS])
    for place in range(8 * len(raw)):
        flipped = bytearray(raw)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises((FormatError, SignatureError)):
            open_note(bytes(flipped), [OURS.verifier])


def test_signatures_by_unknown_keys_say_nothing_even_if_wrong() -> None:
    wrong = PETER_LINE.replace("x08go/ZJ", "x08go/ZK")
    _, attested = open_note((TEXT + "\n" + wrong + ENOCH_LINE).encode(), [ENOCH])
    assert attested == (Attested(ENOCH, None),)


def test_a_known_name_with_an_unknown_id_is_an_unknown_key() -> None:
    other = Signer("PeterNeumann", OURS.private)
    _, attested = open_note(NOTE.encode(), [other.verifier, ENOCH])
    assert attested == (Attested(ENOCH, None),)


def test_one_wrong_signature_by_a_known_key_condemns_the_note() -> None:
    wrong = PETER_LINE.replace("x08go/ZJ", "x08go/ZK")
    with pytest.raises(SignatureError):
        open_note((TEXT + "\n" + wrong + ENOCH_LINE).encode(), [PETER, ENOCH])
    with pytest.raises(SignatureError):
        open_note((TEXT + "\n" + PETER_LINE + wrong).encode(), [PETER])


def test_a_note_signed_by_nobody_known_is_refused() -> None:
    for known in ([], [OURS.verifier]):
        with pytest.raises(SignatureError):
            open_note(NOTE.encode(), known)


def test_sixteen_signatures_and_more_are_read_and_each_key_counts_once() -> None:
    signers = [
        Signer(f"signer{number}.test", Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))
        for number in range(40)
    ]
    raw = sign_note(TEXT, signers)
    _, attested = open_note(raw + ENOCH_LINE.encode() * 2, [ENOCH, *(signer.verifier for signer in signers)])
    assert len(attested) == 41


def test_a_cosignature_tells_when_the_witness_saw_the_note() -> None:
    raw = cosigned(sign_note("log\n1\n", [OURS]), time=1_795_000_000)
    _, attested = open_note(raw, [OURS.verifier, WITNESS_VERIFIER])
    assert attested == (Attested(OURS.verifier, None), Attested(WITNESS_VERIFIER, 1_795_000_000))


def test_a_cosignature_holds_for_no_other_time_text_or_length() -> None:
    raw = cosigned(sign_note("log\n1\n", [OURS]), time=1_795_000_000)
    line = parse_note(raw).signatures[-1]
    blob = line.signature
    earlier = struct.pack(">Q", 1_794_999_999) + blob[8:]
    for text, signature in [
        ("log\n1\n", earlier),
        ("log\n2\n", blob),
        ("log\n1\n", blob[8:]),
        ("log\n1\n", blob + b"x"),
    ]:
        with pytest.raises(SignatureError):
            WITNESS_VERIFIER.verify(text, signature)


def test_a_plain_signature_does_not_pass_for_a_cosignature() -> None:
    plain = Verifier(WITNESS_VERIFIER.name, 0x01, WITNESS_VERIFIER.public)
    assert plain.key_id != WITNESS_VERIFIER.key_id
    with pytest.raises(SignatureError):
        WITNESS_VERIFIER.verify("log\n1\n", WITNESS.sign(b"log\n1\n"))


@pytest.mark.parametrize("text", ["", "no newline", "a\tb\n", "a\x00\n"])
def test_what_is_no_text_of_a_note_is_not_signed(text: str) -> None:
    with pytest.raises(FormatError):
        sign_note(text, [OURS])


def test_parsing_alone_verifies_nothing_and_says_so_by_its_type() -> None:
    assert isinstance(parse_note(NOTE.encode()), Note)
    assert [line.name for line in parse_note(NOTE.encode()).signatures] == ["PeterNeumann", "EnochRoot"]
