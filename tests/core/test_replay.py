"""The replay alone: a good log gives no findings, and each kind of tampering is named with its index."""

from collections.abc import Callable

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.entries import (
    ErasureEntry,
    SuccessionEntry,
    encode_erasure,
    encode_event,
    encode_succession,
)
from service.core.notes import Signer
from service.core.records import commitment
from service.core.replay import FINDINGS_MAX, Opened, Replay
from tests.support.log_writer import LogWriter, named, purchase, replayed, small_log

Found = list[tuple[str, int | None]]

# The small log: 0 genesis, 1 epoch, 2 Jane, 3 Left, 4 epoch, 5 Jane, 6 Left, 7 epoch.
OTHER = b"\x02" * 32
STRANGER = Signer("ledger.example/acme/1", Ed25519PrivateKey.from_private_bytes(OTHER))


def begun() -> LogWriter:
    """The small log up to its first epoch with events: the next index is 5."""
    log = LogWriter().begin()
    log.epoch()
    log.event("jane@example.org", evidence=b"{}")
    log.event("left@example.org")
    log.epoch()
    return log


def ended(log: LogWriter) -> LogWriter:
    log.epoch()
    return log


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


def rewritten(index: int) -> Callable[[], LogWriter]:
    def change() -> LogWriter:
        log = small_log()
        log.lines[index].entry = log.lines[index].entry[:-1] + b"\0"
        return log

    return change


def dropped(index: int) -> Callable[[], LogWriter]:
    def change() -> LogWriter:
        log = small_log()
        del log.lines[index]
        return log

    return change


def exchanged() -> LogWriter:
    log = small_log()
    log.lines[5], log.lines[6] = log.lines[6], log.lines[5]
    return log


def cut() -> LogWriter:
    log = small_log()
    del log.lines[-1]
    return log


ALTERED: dict[str, tuple[Callable[[], LogWriter], Found]] = {
    "an event's leaf rewritten": (
        rewritten(5),
        [("commitment_differs", 5), ("link_broken", 6), ("root_differs", 7)],
    ),
    "an epoch's leaf rewritten": (
        # Its last byte is the anchor's, which says nothing yet; the signature and the next link do.
        lambda: _epoch_rewritten(4),
        [("root_differs", 4), ("link_broken", 5), ("root_differs", 7)],
    ),
    "an event dropped": (
        dropped(5),
        [("link_broken", 5), ("map_differs", 6), ("root_differs", 6)],
    ),
    "an epoch dropped": (
        dropped(4),
        [("link_broken", 4), ("map_differs", 6), ("epoch_out_of_order", 6), ("root_differs", 6)],
    ),
    "two events exchanged": (
        exchanged,
        [("link_broken", 5), ("link_broken", 6), ("link_broken", 7), ("map_differs", 7), ("root_differs", 7)],
    ),
    "the tail cut": (cut, [("tail_uncovered", 6)]),
    "the genesis dropped": (
        dropped(0),
        [
            ("link_broken", 0),
            ("genesis_misplaced", 0),
            ("rulebook_differs", 0),
            ("root_differs", 0),
            ("map_differs", 3),
            ("epoch_out_of_order", 3),
            ("root_differs", 3),
            ("chain_broken", 4),
            ("chain_broken", 5),
            ("epoch_out_of_order", 6),
            ("root_differs", 6),
        ],
    ),
}


def _epoch_rewritten(index: int) -> LogWriter:
    log = small_log()
    log.lines[index].entry = log.lines[index].entry[:-1] + b"\1"
    return log


@pytest.mark.parametrize(("change", "found"), ALTERED.values(), ids=ALTERED.keys())
def test_what_was_altered_behind_the_signatures_is_named(
    change: Callable[[], LogWriter], found: Found
) -> None:
    assert named(replayed(change().lines).findings) == found


def _with_event(**changes: object) -> LogWriter:
    log = begun()
    log.event("jane@example.org", **changes)  # type: ignore[arg-type] # whatever a case overrides
    return ended(log)


def _with_epoch(**changes: object) -> LogWriter:
    log = begun()
    log.event("jane@example.org")
    log.epoch(**changes)  # type: ignore[arg-type] # as above
    return log


def _back_in_time() -> LogWriter:
    log = begun()
    log.now_ms -= 60_000
    log.event("jane@example.org")
    log.now_ms += 60_000
    return ended(log)


def _signed_by_a_stranger() -> LogWriter:
    log = begun()
    log.signer = STRANGER
    log.event("jane@example.org")
    return ended(log)


def _signed_for_another_log() -> LogWriter:
    log = begun()
    log.event("jane@example.org")
    log.origin = "ledger.example/acme/2"
    return ended(log)


def _another_record_held() -> LogWriter:
    log = begun()
    held = log.lines[2].opened
    assert held is not None
    log.lines[2].opened = msgspec.structs.replace(held, record=held.record.replace(b"acme", b"beta"))
    return log


def _evidence_changed() -> LogWriter:
    log = begun()
    held = log.lines[2].opened
    assert held is not None
    log.lines[2].opened = msgspec.structs.replace(held, evidence=b'{"ip":"192.0.2.9"}')
    return log


def _record_lost() -> LogWriter:
    log = small_log()
    log.lines[5].opened = None
    return log


def _second_genesis() -> LogWriter:
    return ended(begun().begin())


def _checkpoint_within_a_batch() -> LogWriter:
    log = begun()
    index = log.event("jane@example.org")
    log.lines[index].note = log.checkpoint()
    return ended(log)


def _garbled(entry: bytes) -> Callable[[], LogWriter]:
    def change() -> LogWriter:
        log = begun()
        log.put(entry)
        return ended(log)

    return change


def _no_record_at_all() -> LogWriter:
    """An entry whose commitment opens to something that is not a record."""
    log = begun()
    opening, text = b"\x07" * 32, b'{"not":"a record"}'
    log.put(encode_event(log.last_leaf_hash, log.now_ms, commitment(opening, text)), Opened(opening, text))
    return ended(log)


SIGNED: dict[str, tuple[Callable[[], LogWriter], Found]] = {
    "an epoch with another map root": (lambda: _with_epoch(map_root=OTHER), [("map_differs", 6)]),
    "an epoch with another number of subjects": (
        lambda: _with_epoch(subject_count=3),
        [("subject_count_differs", 6)],
    ),
    "an epoch with another rulebook": (lambda: _with_epoch(rulebook_hash=OTHER), [("rulebook_differs", 6)]),
    "an epoch that skips the one before": (
        lambda: _with_epoch(previous_epoch_index=1),
        [("epoch_out_of_order", 6)],
    ),
    "an epoch with a number left out": (lambda: _with_epoch(epoch_no=3), [("epoch_out_of_order", 6)]),
    "an epoch that links elsewhere": (lambda: _with_epoch(prev_leaf_hash=OTHER), [("link_broken", 6)]),
    "an event that links elsewhere": (lambda: _with_event(prev_leaf_hash=OTHER), [("link_broken", 5)]),
    "an event that repeats a number of its chain": (lambda: _with_event(seq=0), [("chain_broken", 5)]),
    "an event that leaves its chain": (lambda: _with_event(prev=OTHER), [("chain_broken", 5)]),
    "a record of another generation": (
        lambda: _with_event(origin="ledger.example/acme/2"),
        [("record_of_another_log", 5)],
    ),
    "a record of an event that nobody knows": (
        lambda: _with_event(body=purchase() | {"type": "horoscope"}),
        [("record_garbled", 5)],
    ),
    "a commitment to something else than a record": (_no_record_at_all, [("record_garbled", 5)]),
    "a record held that was not committed to": (
        _another_record_held,
        [("commitment_differs", 2)],
    ),
    "evidence that was not recorded": (_evidence_changed, [("evidence_differs", 2)]),
    "a record lost without a notice": (_record_lost, [("record_missing", 5)]),
    "a time that goes back": (_back_in_time, [("time_went_back", 5)]),
    "another root signed": (lambda: _with_epoch(root=OTHER), [("root_differs", 6)]),
    "a checkpoint by another key": (_signed_by_a_stranger, [("checkpoint_unsigned", 6)]),
    "a checkpoint of another generation": (_signed_for_another_log, [("checkpoint_unsigned", 6)]),
    "a checkpoint within a batch": (_checkpoint_within_a_batch, [("checkpoint_off_epoch", 5)]),
    "a second genesis": (_second_genesis, [("genesis_misplaced", 5)]),
    "an entry of no known type": (_garbled(b"\x09" * 73), [("entry_garbled", 5)]),
    "an empty entry": (_garbled(b""), [("entry_garbled", 5)]),
}


@pytest.mark.parametrize(("write", "found"), SIGNED.values(), ids=SIGNED.keys())
def test_a_lie_that_was_signed_is_found_alone_and_named(write: Callable[[], LogWriter], found: Found) -> None:
    assert named(replayed(write().lines).findings) == found


GENESES: dict[str, tuple[dict[str, object], str]] = {
    "another generation": ({"origin": "ledger.example/acme/2"}, "origin_differs"),
    "another subject secret": ({"secret_commitment": OTHER}, "subject_secret_differs"),
    "another key": ({"vkey": STRANGER.verifier.vkey}, "key_differs"),
    "a link before it": ({"prev_leaf_hash": OTHER}, "link_broken"),
}


@pytest.mark.parametrize(("changes", "code"), GENESES.values(), ids=GENESES.keys())
def test_a_genesis_of_another_log_is_found(changes: dict[str, object], code: str) -> None:
    log = ended(LogWriter().begin(**changes))
    assert named(replayed(log.lines).findings) == [(code, 0)]


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


def test_a_succession_is_read_and_changes_nothing_yet() -> None:
    log = begun()
    log.put(encode_succession(SuccessionEntry(log.last_leaf_hash, log.now_ms, "note", b"{}")))
    assert named(replayed(ended(log).lines).findings) == []


def test_a_log_that_is_wrong_everywhere_is_not_described_entry_by_entry() -> None:
    replay = Replay(origin="ledger.example/acme/1", verifiers=[], forms={})
    for _ in range(FINDINGS_MAX + 50):
        replay.feed(b"", None, None)
    replay.finish()
    assert len(replay.findings) == FINDINGS_MAX


def test_nothing_at_all_is_no_sound_log() -> None:
    assert named(replayed([]).findings) == [("tail_uncovered", -1)]
