"""The replay alone: a good log gives no findings, and each kind of tampering is named with its index."""

import pytest

from service.core.entries import ErasureEntry, SuccessionEntry, encode_erasure, encode_succession
from service.core.law.standing import encode_standing, suppressed
from service.core.replay import FINDINGS_MAX, Replay
from tests.support.erasure_lies import ERASURES
from tests.support.log_lies import (
    ALTERED,
    GENESES,
    SIGNED,
    SUCCESSIONS,
    Found,
    Write,
    begun,
    ended,
    rotated,
)
from tests.support.log_writer import ORIGIN, SUCCESSOR, named, replayed, small_log


def test_a_good_log_gives_no_findings() -> None:
    log = small_log()
    replay = replayed(log.lines)
    assert named(replay.findings) == []
    assert replay.counts == {"events": 4, "epochs": 3, "checkpoints": 3, "subjects": 2}


def test_what_is_derived_is_what_the_writer_had() -> None:
    log = small_log()
    replay = replayed(log.lines)
    assert replay.frontier.to_bytes() == log.frontier.to_bytes()
    assert {prefix: row.to_bytes() for prefix, row in replay.strata.items()} == {
        prefix: row.to_bytes() for prefix, row in log.strata.items()
    }
    assert {key: head[:3] for key, head in replay.subjects.items()} == log.heads


@pytest.mark.parametrize(("write", "found"), ALTERED.values(), ids=ALTERED.keys())
def test_what_was_altered_behind_the_signatures_is_named(write: Write, found: Found) -> None:
    assert named(replayed(write().lines).findings) == found


@pytest.mark.parametrize(("write", "found"), SIGNED.values(), ids=SIGNED.keys())
def test_a_lie_that_was_signed_is_found_alone_and_named(write: Write, found: Found) -> None:
    assert named(replayed(write().lines).findings) == found


@pytest.mark.parametrize(("write", "found"), GENESES.values(), ids=GENESES.keys())
def test_a_genesis_of_another_log_is_found(write: Write, found: Found) -> None:
    assert named(replayed(write().lines).findings) == found


@pytest.mark.parametrize(("write", "found"), ERASURES.values(), ids=ERASURES.keys())
def test_an_erasure_leaves_the_map_provable(write: Write, found: Found) -> None:
    assert named(replayed(write().lines).findings) == found


def test_all_that_is_left_of_an_erased_person_is_the_suppression() -> None:
    write, _ = ERASURES["an erasure of a whole history"]
    log = write()
    replay = replayed(log.lines)
    head = replay.subjects[log.owners[2]]
    assert head[:3] == log.heads[log.owners[2]]
    assert head.standing == encode_standing(suppressed(index=8, at_ms=log.now_ms - 1_000))


def test_an_erasure_that_was_declared_is_no_finding() -> None:
    log = begun()
    log.erase(2)
    replay = replayed(ended(log).lines)
    assert named(replay.findings) == []
    assert replay.counts["erased"] == 1


def test_an_erasure_declared_of_another_event_leaves_the_finding() -> None:
    log = begun()
    log.erase(3)
    log.lines[2].opened = None
    assert named(replayed(ended(log).lines).findings) == [("record_missing", 2)]


def test_a_notice_about_an_event_to_come_declares_nothing() -> None:
    log = begun()
    log.put(encode_erasure(ErasureEntry(log.last_leaf_hash, log.now_ms, 1, (6,))))
    log.event("jane@example.org")
    log.lines[6].opened = None
    assert ("record_missing", 6) in named(replayed(ended(log).lines).findings)


def test_a_log_whose_key_gave_way_to_another_gives_no_findings() -> None:
    log = rotated()
    log.event("jane@example.org")
    replay = replayed(ended(log).lines)
    assert named(replay.findings) == []
    assert replay.counts["successions"] == 1
    assert replay.keys == (SUCCESSOR.verifier,)


@pytest.mark.parametrize(("write", "found"), SUCCESSIONS.values(), ids=SUCCESSIONS.keys())
def test_a_succession_that_is_none_is_found_and_named(write: Write, found: Found) -> None:
    assert named(replayed(write().lines).findings) == found


def test_a_succession_of_another_kind_changes_nothing() -> None:
    log = begun()
    log.put(encode_succession(SuccessionEntry(log.last_leaf_hash, log.now_ms, "note", b"{}")))
    assert named(replayed(ended(log).lines).findings) == []


def test_a_log_that_is_wrong_everywhere_is_not_described_entry_by_entry() -> None:
    replay = Replay(origin=ORIGIN, verifiers=[], forms={})
    for _ in range(FINDINGS_MAX + 50):
        replay.feed(b"", None, None)
    replay.finish()
    assert len(replay.findings) == FINDINGS_MAX


def test_nothing_at_all_is_no_sound_log() -> None:
    assert named(replayed([]).findings) == [("tail_uncovered", -1)]
