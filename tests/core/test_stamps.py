"""Time stamps and the epochs that hold them: in order, at hand, and not against the clock of the log."""

import hashlib

import pytest

from service.core.checkpoint import Checkpoint
from service.core.entries import EpochEntry
from service.core.errors import ProofError
from service.core.records import ZERO_HASH
from service.core.stamps import TOLERANCE_MS, StampTrail

NOON_MS = 1_795_003_200_000
"""2026-11-18T12:00Z."""


def stamp(size: int, at_ms: int) -> bytes:
    """A response of the authority of these tests: what it is of, when it was made, and the imprint."""
    return f"{size} {at_ms} ".encode() + hashlib.sha512(checkpoint(size).text.encode()).digest()


def stamped(response: bytes, message: bytes) -> int:
    """What checks such a response."""
    size, at_ms, _ = response.split(b" ", 2)
    if message != checkpoint(int(size)).text.encode():
        raise ProofError("of something else")
    return int(at_ms)


def checkpoint(size: int) -> Checkpoint:
    return Checkpoint("ledger.example/acme/1", size, b"\1" * 32)


def epoch(recorded_at_ms: int, anchor: bytes | None) -> EpochEntry:
    held = hashlib.sha256(anchor).digest() if anchor is not None else ZERO_HASH
    return EpochEntry(ZERO_HASH, recorded_at_ms, 3, 1, 1, ZERO_HASH, ZERO_HASH, held)


class Log:
    """What a replay tells a trail, and what comes of it."""

    def __init__(self, *, trusted: bool = True) -> None:
        self.found: list[tuple[str, int | None]] = []
        self.trail = StampTrail(stamped if trusted else None, self._find)

    def _find(self, code: str, index: int | None, _message: str) -> None:
        self.found.append((code, index))


def test_each_event_lies_between_two_stamps_and_the_trail_says_so() -> None:
    log = Log()
    first, second = stamp(8, NOON_MS + 1_000), stamp(16, NOON_MS + 9_000)
    log.trail.follow(7, epoch(NOON_MS, None))
    log.trail.meet([first], checkpoint(8), NOON_MS)
    log.trail.follow(11, epoch(NOON_MS + 2_000, first))
    log.trail.follow(15, epoch(NOON_MS + 8_000, first))
    log.trail.meet([second], checkpoint(16), NOON_MS + 8_000)
    log.trail.follow(19, epoch(NOON_MS + 10_000, second))
    assert not log.found
    first_told = "2 of 2 verify: the first 8 entries existed at 2026-11-18T12:00:01+00:00,"
    last_told = "the first 16 at 2026-11-18T12:00:09+00:00."
    between = "Entries 2 to 15 were recorded between 2026-11-18T12:00:01+00:00 and 2026-11-18T12:00:09+00:00."
    assert log.trail.told() == (True, f"{first_told} {last_told} {between}")


LATE, EARLY = NOON_MS + TOLERANCE_MS + 1_000, NOON_MS - TOLERANCE_MS - 1_000

CONTRADICTIONS = {
    "an epoch holds a stamp that nobody shows": (
        [("epoch", 11, NOON_MS, stamp(8, NOON_MS))],
        ("stamp_missing", 11),
    ),
    "an epoch holds no stamp any more": (
        [
            ("stamp", 8, NOON_MS, stamp(8, NOON_MS)),
            ("epoch", 11, NOON_MS, stamp(8, NOON_MS)),
            ("epoch", 13, NOON_MS, None),
        ],
        ("stamp_dropped", 13),
    ),
    "an epoch holds an older stamp than the one before": (
        [
            ("stamp", 8, NOON_MS, stamp(8, NOON_MS)),
            ("stamp", 12, NOON_MS, stamp(12, NOON_MS)),
            ("epoch", 13, NOON_MS, stamp(12, NOON_MS)),
            ("epoch", 15, NOON_MS, stamp(8, NOON_MS)),
        ],
        ("stamp_out_of_order", 15),
    ),
    "a stamp stands beside another checkpoint than its own": (
        [("stamp", 12, NOON_MS, stamp(8, NOON_MS))],
        ("stamp_of_another", 11),
    ),
    "what was stamped says it was recorded later": (
        [("stamp", 8, LATE, stamp(8, NOON_MS))],
        ("stamp_contradicts", 7),
    ),
    "what was recorded after a stamp says it was before": (
        [("stamp", 8, EARLY, stamp(8, NOON_MS)), ("epoch", 11, EARLY, stamp(8, NOON_MS))],
        ("stamp_contradicts", 11),
    ),
}


@pytest.mark.parametrize(("told", "expected"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_what_does_not_fit_is_found_at_its_entry(
    told: list[tuple[str, int, int, bytes]], expected: tuple[str, int]
) -> None:
    log = Log()
    for kind, place, at_ms, response in told:
        if kind == "stamp":
            log.trail.meet([response], checkpoint(place), at_ms)
        else:
            log.trail.follow(place, epoch(at_ms, response))
    assert log.found == [expected]


def test_two_clocks_may_differ_by_five_minutes() -> None:
    log = Log()
    own = stamp(8, NOON_MS)
    log.trail.meet([own], checkpoint(8), NOON_MS + TOLERANCE_MS)
    log.trail.follow(11, epoch(NOON_MS - TOLERANCE_MS, own))
    assert not log.found


def test_a_stamp_of_an_unknown_authority_says_nothing_and_is_no_finding() -> None:
    log = Log()
    other = b"9" + stamp(8, NOON_MS)  # which the one that is known does not know for its own
    log.trail.meet([other], checkpoint(8), NOON_MS)
    log.trail.follow(11, epoch(EARLY, other))
    assert not log.found
    assert log.trail.told() == (False, "There are 1, and none verifies by these certificates.")


def test_without_certificates_the_epochs_are_followed_all_the_same() -> None:
    log = Log(trusted=False)
    log.trail.meet([stamp(8, NOON_MS)], checkpoint(8), NOON_MS)
    log.trail.follow(11, epoch(EARLY, stamp(8, NOON_MS)))
    log.trail.follow(13, epoch(EARLY, stamp(4, NOON_MS)))
    assert log.found == [("stamp_missing", 13)]
    assert log.trail.told() == (False, "There are 1, and no certificates to check them by.")


def test_a_log_without_stamps_has_nothing_to_tell() -> None:
    log = Log()
    log.trail.follow(3, epoch(NOON_MS, None))
    assert (log.found, log.trail.told()) == ([], None)
