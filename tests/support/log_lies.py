"""Logs that are not what they should be, and what an audit must find: the codes and indices of its findings.

The log they begin from: 0 genesis, 1 epoch, 2 Jane, 3 another person, 4 epoch, 5 Jane, 6 the other, 7 epoch.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.entries import encode_event
from service.core.notes import Signer
from service.core.records import commitment
from service.core.replay import Opened
from tests.support.log_writer import SIGNER, SUCCESSOR, LogWriter, purchase, small_log

Found = list[tuple[str, int | None]]
Write = Callable[[], LogWriter]

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


def rewritten(index: int) -> Write:
    def change() -> LogWriter:
        log = small_log()
        log.lines[index].entry = log.lines[index].entry[:-1] + b"\0"
        return log

    return change


def dropped(index: int) -> Write:
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


ALTERED: dict[str, tuple[Write, Found]] = {
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


def _with_event(**changes: Any) -> LogWriter:  # noqa: ANN401 - whatever a case overrides
    log = begun()
    log.event("jane@example.org", **changes)
    return ended(log)


def _with_epoch(**changes: Any) -> LogWriter:  # noqa: ANN401 - whatever a case overrides
    log = begun()
    log.event("jane@example.org")
    log.epoch(**changes)
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
    assert isinstance(held, Opened)
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


def _garbled(entry: bytes) -> Write:
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


SIGNED: dict[str, tuple[Write, Found]] = {
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


def _genesis(**changes: Any) -> Write:  # noqa: ANN401 - fields of a genesis entry
    return lambda: ended(LogWriter().begin(**changes))


GENESES: dict[str, tuple[Write, Found]] = {
    "a genesis of another generation": (_genesis(origin="ledger.example/acme/2"), [("origin_differs", 0)]),
    "a genesis of another subject secret": (
        _genesis(secret_commitment=OTHER),
        [("subject_secret_differs", 0)],
    ),
    "a genesis of another key": (_genesis(vkey=STRANGER.verifier.vkey), [("key_differs", 0)]),
    "a genesis that links to something": (_genesis(prev_leaf_hash=OTHER), [("link_broken", 0)]),
}


def rotated() -> LogWriter:
    """The log of `begun`, whose key gives way to another at 5; an epoch at 6."""
    log = begun()
    log.succeed()
    return ended(log)


def _signed_by_the_old_key() -> LogWriter:
    log = begun()
    log.succeed()
    log.signer = SIGNER
    return ended(log)


def _signed_by_the_new_key_too_early() -> LogWriter:
    log = begun()
    log.signer = SUCCESSOR
    log.event("jane@example.org")
    log.epoch()
    log.succeed(old=SIGNER)
    return ended(log)


def _succeeding_to_a_key_given_up() -> LogWriter:
    log = rotated()
    log.succeed(SIGNER)
    log.signer = SUCCESSOR
    return ended(log)


def _succession(**changes: Any) -> Write:  # noqa: ANN401 - arguments of `LogWriter.succeed`
    def write() -> LogWriter:
        log = begun()
        log.succeed(**changes)
        log.signer = SIGNER
        return ended(log)

    return write


SUCCESSIONS: dict[str, tuple[Write, Found]] = {
    "the old key signing on": (_signed_by_the_old_key, [("checkpoint_unsigned", 6)]),
    "the new key signing too early": (_signed_by_the_new_key_too_early, [("checkpoint_unsigned", 6)]),
    "a stranger's key giving way": (_succession(old=STRANGER), [("succession_invalid", 5)]),
    "a succession made for another place": (_succession(place=6), [("succession_invalid", 5)]),
    "a key given up that comes back": (_succeeding_to_a_key_given_up, [("succession_invalid", 7)]),
}
