"""A link's token says nothing, cannot be changed, and works for ever."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.errors import FormatError
from service.core.unsubscribe import (
    CHANNELS,
    LINK_SECRET_SIZE,
    TOKEN_CHARS,
    LinkKey,
    LinkKeys,
    UnsubscribeLink,
    act_id,
)

ORIGIN = "ledger.test/main/1"
OLD, NEW = bytes(range(64)), bytes(range(64, 128))
KEYS = LinkKeys([NEW, OLD], ORIGIN)

ids = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)
links = st.builds(
    UnsubscribeLink,
    subject_key=st.binary(min_size=32, max_size=32),
    sender=ids,
    category=ids,
    channel=st.sampled_from(CHANNELS),
    message=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=100),
)


def link(**changes: object) -> UnsubscribeLink:
    fields: dict[str, object] = {
        "subject_key": bytes(32),
        "sender": "acme",
        "category": "newsletter",
        "channel": "email",
    }
    return UnsubscribeLink(**(fields | changes))  # type: ignore[arg-type]  # fields of the struct


@given(links)
def test_what_was_sealed_opens(what: UnsubscribeLink) -> None:
    assert KEYS.open(KEYS.seal(what)) == what


@given(links)
def test_the_same_link_is_the_same_token(what: UnsubscribeLink) -> None:
    assert KEYS.seal(what) == KEYS.seal(what)


@given(links, links)
def test_different_links_are_different_tokens(one: UnsubscribeLink, other: UnsubscribeLink) -> None:
    assert (one == other) == (KEYS.seal(one) == KEYS.seal(other))


@given(links, st.data())
def test_no_bit_can_be_another(what: UnsubscribeLink, data: st.DataObject) -> None:
    sealed = bytearray(base64.urlsafe_b64decode(KEYS.seal(what)))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(FormatError):
        KEYS.open(base64.urlsafe_b64encode(sealed).decode())


def test_no_single_bit_of_a_token_can_be_another() -> None:
    sealed = base64.urlsafe_b64decode(KEYS.seal(link()))
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            KEYS.open(base64.urlsafe_b64encode(changed).decode())


@given(
    st.text(max_size=400) | st.sampled_from(TOKEN_CHARS).flatmap(lambda n: st.text(min_size=n, max_size=n))
)
def test_anything_else_is_refused_and_nothing_breaks(text: str) -> None:
    with pytest.raises(FormatError):
        KEYS.open(text)


@pytest.mark.parametrize("cut", [1, 4, 64])
def test_a_token_that_was_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(FormatError):
        KEYS.open(KEYS.seal(link())[:-cut])


@given(st.binary(min_size=32, max_size=32), ids, ids)
def test_the_length_tells_nothing_of_the_address(subject: bytes, sender: str, category: str) -> None:
    what = link(subject_key=subject, sender=sender, category=category)
    other = link(subject_key=bytes(32), sender=sender, category=category)
    assert len(KEYS.seal(what)) == len(KEYS.seal(other))


@given(links)
def test_the_length_is_one_of_three_whatever_the_names(what: UnsubscribeLink) -> None:
    assert len(KEYS.seal(what)) in TOKEN_CHARS
    if len(what.sender) + len(what.category) + len(what.message) <= 40:
        assert len(KEYS.seal(what)) == min(TOKEN_CHARS)


@given(links)
def test_nothing_of_the_link_stands_in_the_token(what: UnsubscribeLink) -> None:
    sealed = base64.urlsafe_b64decode(KEYS.seal(what))
    assert what.subject_key[:8] not in sealed
    assert len(what.sender) < 4 or what.sender.encode() not in sealed


@given(links)
def test_an_old_token_works_after_the_key_was_replaced(what: UnsubscribeLink) -> None:
    before = LinkKeys([OLD], ORIGIN).seal(what)
    assert KEYS.open(before) == what
    assert KEYS.seal(what) != before


def test_a_token_of_another_key_or_another_log_is_refused() -> None:
    token = KEYS.seal(link())
    for other in (LinkKeys([OLD], ORIGIN), LinkKeys([NEW], "ledger.test/other/1")):
        with pytest.raises(FormatError):
            other.open(token)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sender": "x" * 101},
        {"category": ""},
        {"sender": ""},
        {"message": "x" * 101},
        {"category": "né"},
        {"channel": "pigeon"},
        {"subject_key": bytes(31)},
    ],
)
def test_names_that_are_none_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        KEYS.seal(link(**wrong))


def test_a_secret_of_another_length_is_refused() -> None:
    with pytest.raises(FormatError):
        LinkKey(bytes(LINK_SECRET_SIZE - 1), ORIGIN)


def test_a_channels_number_never_changes() -> None:
    assert CHANNELS == ("email", "sms", "phone_live", "robocall", "fax", "inbox_ad")


def test_an_act_is_known_by_what_it_stops_what_it_follows_and_its_day() -> None:
    secret = bytes(32)
    first = act_id(secret, link(), extent="category", after=4, day=20_000)
    assert act_id(secret, link(message="<1@acme>"), extent="category", after=4, day=20_000) == first
    others = {
        act_id(secret, link(), extent="sender", after=4, day=20_000),
        act_id(secret, link(), extent="category", after=5, day=20_000),
        act_id(secret, link(), extent="category", after=4, day=20_001),
        act_id(secret, link(category="offers"), extent="category", after=4, day=20_000),
        act_id(bytes(31) + b"\1", link(), extent="category", after=4, day=20_000),
    }
    assert len(others - {first}) == 5
