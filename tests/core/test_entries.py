"""Entries: one sequence of bytes for each meaning, and no other bytes are read."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.entries import (
    ENTRY_BYTES_MAX,
    HASH_SUITE,
    Entry,
    EpochEntry,
    ErasureEntry,
    EventEntry,
    GenesisEntry,
    SuccessionEntry,
    decode_entry,
    encode_epoch,
    encode_erasure,
    encode_event,
    encode_genesis,
    encode_succession,
    recorded_at_ms,
)
from service.core.errors import FormatError

hashes = st.binary(min_size=32, max_size=32)
numbers = st.integers(0, 2**64 - 1)
times = st.integers(0, 2**64 - 1)
names = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=80)

events = st.builds(EventEntry, hashes, times, hashes)
epochs = st.builds(EpochEntry, hashes, times, numbers, numbers, numbers, hashes, hashes, hashes)
geneses = st.builds(
    GenesisEntry, hashes, times, names, st.just(HASH_SUITE), st.integers(0, 255), hashes, hashes, names
)
erasures = st.builds(
    ErasureEntry,
    hashes,
    times,
    st.integers(0, 255),
    st.sets(numbers, min_size=1, max_size=9).map(sorted).map(tuple),
)
successions = st.builds(SuccessionEntry, hashes, times, names, st.binary(max_size=200))
entries = events | epochs | geneses | erasures | successions

PREV, COMMITMENT = b"\x01" * 32, b"\x02" * 32
EVENT = encode_event(PREV, 1_795_000_000_000, COMMITMENT)
EPOCH = encode_epoch(EpochEntry(PREV, 7, 3, 2, 1, b"\x03" * 32, b"\x04" * 32, bytes(32)))
GENESIS = encode_genesis(
    GenesisEntry(
        bytes(32), 7, "ledger.test/a/1", HASH_SUITE, 1, b"\x05" * 32, b"\x06" * 32, "ledger.test/a/1+k"
    )
)
ERASURE = encode_erasure(ErasureEntry(PREV, 7, 1, (2, 5, 9)))
SUCCESSION = encode_succession(SuccessionEntry(PREV, 7, "log-key", b'{"vkey":"x"}'))
SAMPLES = {
    "event": EVENT,
    "epoch": EPOCH,
    "genesis": GENESIS,
    "erasure": ERASURE,
    "succession": SUCCESSION,
}


def encode(entry: Entry) -> bytes:
    match entry:
        case EventEntry():
            return encode_event(entry.prev_leaf_hash, entry.recorded_at_ms, entry.commitment)
        case EpochEntry():
            return encode_epoch(entry)
        case GenesisEntry():
            return encode_genesis(entry)
        case ErasureEntry():
            return encode_erasure(entry)
        case SuccessionEntry():
            return encode_succession(entry)
        case _:
            raise AssertionError(entry)


@given(entries)
def test_every_entry_is_read_back_as_what_was_written(entry: Entry) -> None:
    raw = encode(entry)
    assert decode_entry(raw) == entry
    assert recorded_at_ms(raw) == entry.recorded_at_ms


@given(
    st.binary(max_size=300)
    | entries.map(encode).flatmap(lambda raw: st.sampled_from([raw, raw[:-1], raw + raw]))
)
def test_whatever_is_read_has_no_other_spelling(raw: bytes) -> None:
    try:
        entry = decode_entry(raw)
    except FormatError:
        return
    assert encode(entry) == raw


def test_an_event_entry_is_type_link_time_and_commitment() -> None:
    assert b"\x01" + PREV + (1_795_000_000_000).to_bytes(8) + COMMITMENT == EVENT
    assert len(EVENT) == 73


def test_an_epoch_entry_is_laid_out_as_documented() -> None:
    number = [value.to_bytes(8) for value in (7, 3, 2, 1)]
    rest = b"\x03" * 32 + b"\x04" * 32 + bytes(32)
    assert b"\x02" + PREV + b"".join(number) + rest == EPOCH


@pytest.mark.parametrize("raw", SAMPLES.values(), ids=SAMPLES.keys())
def test_an_entry_cut_anywhere_or_with_a_byte_after_it_is_refused(raw: bytes) -> None:
    for damaged in [*(raw[:length] for length in range(len(raw))), raw + b"\x00"]:
        with pytest.raises(FormatError):
            decode_entry(damaged)


@pytest.mark.parametrize("kind", [*range(5, 256)])
def test_unknown_types_are_refused(kind: int) -> None:
    with pytest.raises(FormatError):
        decode_entry(bytes([kind]) + EVENT[1:])


@pytest.mark.parametrize("raw", SAMPLES.values(), ids=SAMPLES.keys())
def test_no_flipped_bit_leaves_the_meaning_as_it_was(raw: bytes) -> None:
    entry = decode_entry(raw)
    for place in range(8 * len(raw)):
        flipped = bytearray(raw)
        flipped[place // 8] ^= 1 << place % 8
        try:
            other: Entry | None = decode_entry(bytes(flipped))
        except FormatError:
            other = None
        assert other != entry


DAMAGED = {
    "an unknown suite of hashes": GENESIS[:41] + b"\x02" + GENESIS[42:],
    "a control character in a name": GENESIS.replace(b"ledger.test/a/1+k", b"ledger.test/a/1\nk"),
    "a name beyond ASCII": GENESIS.replace(b"ledger.test/a/1+k", b"ledger.test/a/\xc3\xa9+"),
    "an empty name": SUCCESSION[:41] + b"\x00\x00" + SUCCESSION[50:],
    "a length beyond the entry": SUCCESSION[:41] + b"\xff\xff" + SUCCESSION[43:],
    "erased indices out of order": ERASURE[:46] + ERASURE[54:62] + ERASURE[46:54] + ERASURE[62:],
    "an erased index twice": ERASURE[:46] + ERASURE[46:54] * 3,
    "an erasure of nothing": ERASURE[:42] + bytes(4),
    "four thousand million erased indices announced": ERASURE[:42] + b"\xff" * 4 + ERASURE[46:],
    "more than a bundle can hold": SUCCESSION + bytes(ENTRY_BYTES_MAX),
    "nothing": b"",
}


@pytest.mark.parametrize("raw", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_entries_are_refused(raw: bytes) -> None:
    with pytest.raises(FormatError):
        decode_entry(raw)


@pytest.mark.parametrize("field", ["prev_leaf_hash", "map_root", "rulebook_hash", "anchor_hash"])
def test_a_hash_of_another_length_in_an_epoch_is_never_padded_or_cut(field: str) -> None:
    epoch = decode_entry(EPOCH)
    assert isinstance(epoch, EpochEntry)
    with pytest.raises(FormatError):
        encode_epoch(msgspec.structs.replace(epoch, **{field: b"short"}))


@pytest.mark.parametrize(("prev", "committed"), [(PREV[1:], COMMITMENT), (PREV, COMMITMENT + b"x")])
def test_a_hash_of_another_length_in_an_event_is_never_padded_or_cut(prev: bytes, committed: bytes) -> None:
    with pytest.raises(FormatError):
        encode_event(prev, 7, committed)


def test_what_no_bundle_could_hold_is_not_written() -> None:
    with pytest.raises(FormatError):
        encode_erasure(ErasureEntry(PREV, 7, 1, tuple(range(8_200))))
    with pytest.raises(FormatError):
        encode_succession(SuccessionEntry(PREV, 7, "log-key", bytes(ENTRY_BYTES_MAX)))
    assert len(encode_erasure(ErasureEntry(PREV, 7, 1, tuple(range(8_186))))) <= ENTRY_BYTES_MAX


@pytest.mark.parametrize("indices", [(), (3, 2), (2, 2)], ids=["none", "unordered", "twice"])
def test_an_erasure_notice_lists_its_indices_once_and_in_order(indices: tuple[int, ...]) -> None:
    with pytest.raises(FormatError):
        encode_erasure(ErasureEntry(PREV, 7, 1, indices))


def test_no_time_is_read_from_less_than_an_entry() -> None:
    with pytest.raises(FormatError):
        recorded_at_ms(EVENT[:40])
