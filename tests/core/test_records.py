"""Records, commitments, chains and the names of subjects."""

import hashlib
import hmac

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from service.core.canonical import INTEGER_MAX, canonical_json
from service.core.errors import FormatError
from service.core.records import (
    SCHEMA_VERSION,
    ZERO_HASH,
    body_tag,
    chain,
    commitment,
    dedup_key,
    evidence_commitment,
    head_value,
    parse_record,
    record_bytes,
    secret_commitment,
    subject_key,
)

hashes = st.binary(min_size=32, max_size=32)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
)
keys = st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=8)
bodies = st.dictionaries(
    keys, scalars | st.lists(scalars, max_size=3) | st.dictionaries(keys, scalars, max_size=3), max_size=5
)

SECRET = bytes(range(32))
SUBJECT = subject_key(SECRET, "email", "jane@example.org")
BODY = canonical_json({"type": "consent_granted", "occurred_at": "2026-11-23T10:15:00.000Z"})
RECORD = record_bytes(
    BODY, origin="ledger.test/a/1", subject_key=SUBJECT, seq=3, prev=b"\xaa" * 32, evidence=b"\xbb" * 32
)


@given(bodies, hashes, st.integers(0, INTEGER_MAX), hashes, st.none() | hashes)
def test_a_spliced_record_is_what_a_canonical_encoder_would_write(
    body: dict[str, object], subject: bytes, seq: int, prev: bytes, evidence: bytes | None
) -> None:
    raw = record_bytes(
        canonical_json(body),
        origin="ledger.test/a/1",
        subject_key=subject,
        seq=seq,
        prev=prev,
        evidence=evidence,
    )
    value = {
        "event": body,
        "origin": "ledger.test/a/1",
        "prev": prev.hex(),
        "schema": SCHEMA_VERSION,
        "seq": seq,
        "subject": subject.hex(),
    } | ({"evidence": evidence.hex()} if evidence is not None else {})
    assert raw == canonical_json(value) == rfc8785.dumps(value)  # type: ignore[arg-type] # its type is recursive
    record = parse_record(raw)
    assert (record.event, record.seq, record.prev, record.subject_key, record.evidence) == (
        body,
        seq,
        prev,
        subject,
        evidence,
    )


MUTATED_RECORDS = {
    "nothing": b"",
    "an array": b"[]",
    "a space inside": RECORD.replace(b":", b": ", 1),
    "a newline after it": RECORD + b"\n",
    "fields in another order": RECORD.replace(b',"seq":3', b"").replace(b'"schema"', b'"seq":3,"schema"'),
    "a field too many": RECORD.replace(b'"seq"', b'"see":1,"seq"'),
    "a field too few": RECORD.replace(b'"seq":3,', b""),
    "a field twice": RECORD.replace(b'"seq":3', b'"seq":3,"seq":3'),
    "another version": RECORD.replace(b'"schema":1', b'"schema":2'),
    "true as a version": RECORD.replace(b'"schema":1', b'"schema":true'),
    "a negative seq": RECORD.replace(b'"seq":3', b'"seq":-3'),
    "a seq with a fraction": RECORD.replace(b'"seq":3', b'"seq":3.0'),
    "a seq as text": RECORD.replace(b'"seq":3', b'"seq":"3"'),
    "a seq with a leading zero": RECORD.replace(b'"seq":3', b'"seq":03'),
    "capital hexadecimal digits": RECORD.replace(b"aa" * 32, b"AA" * 32),
    "a short hash": RECORD.replace(b"aa" * 32, b"aa" * 31),
    "evidence that is null": RECORD.replace(b'"' + b"bb" * 32 + b'"', b"null"),
    "an event that is text": RECORD.replace(BODY, b'"x"'),
    "an escape that was not needed": RECORD.replace(b"consent_granted", b"\\u0063onsent_granted"),
    "invalid UTF-8": RECORD.replace(b"consent_granted", b"\xff"),
}


@pytest.mark.parametrize("raw", MUTATED_RECORDS.values(), ids=MUTATED_RECORDS.keys())
def test_what_would_not_have_been_written_is_not_read(raw: bytes) -> None:
    assert raw != RECORD
    with pytest.raises(FormatError):
        parse_record(raw)


def test_a_commitment_is_the_tagged_hash_of_opening_and_record() -> None:
    opening = b"\x07" * 32
    assert commitment(opening, RECORD) == hashlib.sha256(b"clv1/commit" + opening + RECORD).digest()
    assert evidence_commitment(opening, b"{}") == hashlib.sha256(b"clv1/evidence" + opening + b"{}").digest()


@pytest.mark.parametrize("opening", [b"", bytes(31), bytes(33)])
def test_an_opening_of_another_length_is_refused(opening: bytes) -> None:
    with pytest.raises(FormatError):
        commitment(opening, RECORD)
    with pytest.raises(FormatError):
        evidence_commitment(opening, b"{}")


def test_a_chain_and_its_head_bind_place_number_and_content() -> None:
    first = chain(ZERO_HASH, 41, b"\x01" * 32)
    assert first == hashlib.sha256(b"clv1/chain" + bytes(32) + (41).to_bytes(8) + b"\x01" * 32).digest()
    assert len({first, chain(ZERO_HASH, 42, b"\x01" * 32), chain(ZERO_HASH, 41, b"\x02" * 32)}) == 3
    head = head_value(1, 41, first)
    assert head == hashlib.sha256(b"clv1/head" + (1).to_bytes(8) + (41).to_bytes(8) + first).digest()
    assert len({head, head_value(2, 41, first), head_value(1, 42, first), head_value(1, 41, head)}) == 4


def test_a_subject_key_is_the_keyed_hash_of_kind_and_canonical_address() -> None:
    message = b"clv1/subject" + b"\x05email" + b"\x00\x10jane@example.org"
    assert hmac.new(SECRET, message, "sha256").digest() == SUBJECT
    assert subject_key(SECRET, "phone", "+31612345678") != subject_key(SECRET, "sender", "+31612345678")


@given(
    st.text("ab", max_size=3), st.text("ab", max_size=3), st.text("ab", max_size=3), st.text("ab", max_size=3)
)
def test_no_two_ids_of_different_sources_share_a_key(a: str, b: str, c: str, d: str) -> None:
    assert (dedup_key(SECRET, a, b) == dedup_key(SECRET, c, d)) == ((a, b) == (c, d))
    assert (subject_key(SECRET, a, b) == subject_key(SECRET, c, d)) == ((a, b) == (c, d))


def test_every_keyed_hash_has_a_domain_of_its_own() -> None:
    assert len({subject_key(SECRET, "", ""), dedup_key(SECRET, "", ""), body_tag(SECRET, b"")}) == 3
    assert body_tag(SECRET, b"x") == hmac.new(SECRET, b"clv1/bodyx", "sha256").digest()


@pytest.mark.parametrize("secret", [b"", SECRET[:31], SECRET + b"\x00"], ids=["none", "short", "zero-padded"])
def test_a_secret_of_another_length_is_refused_since_hmac_would_pad_it(secret: bytes) -> None:
    with pytest.raises(FormatError):
        subject_key(secret, "email", "a@example.org")
    with pytest.raises(FormatError):
        dedup_key(secret, "crm", "1")
    with pytest.raises(FormatError):
        body_tag(secret, b"x")
    with pytest.raises(FormatError):
        secret_commitment(secret)


def test_the_secret_is_committed_under_its_tag() -> None:
    assert secret_commitment(SECRET) == hashlib.sha256(b"clv1/ksub" + SECRET).digest()
