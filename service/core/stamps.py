"""Time stamps of a log's checkpoints (RFC 3161), and the epochs that hold them.

An epoch holds the SHA-256 of the newest stamp there was. So all that lies below a stamped checkpoint existed
when it was stamped, and all that an epoch with that hash covers anew was recorded afterwards: on the word of
the authority, whatever the operator's clock says. Where the two clocks contradict each other by more than
`TOLERANCE_MS`, that is a finding.

No time stamp is verified here: whoever knows an authority's certificates hands in what does (`Stamped`). That
it is of its checkpoint is seen without: a response holds the hash of what it is of (RFC 3161 §2.4.2).
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from service.core.checkpoint import Checkpoint
from service.core.entries import EpochEntry
from service.core.errors import ProofError
from service.core.records import ZERO_HASH

TOLERANCE_MS: Final = 300_000
"""Five minutes: by how much an authority's clock and an operator's may differ."""

_IMPRINTS: Final = (hashlib.sha256, hashlib.sha384, hashlib.sha512)

Stamped = Callable[[bytes, bytes], int]
"""From a time-stamp response (DER) and what it is of to its time, in ms; raises `ProofError`."""

Find = Callable[[str, int | None, str], None]
"""Told the code of a finding, the index of the entry it is about, and the sentence."""


class _Stamp(NamedTuple):
    size: int
    at_ms: int | None


class StampTrail:
    """Follows the stamps of one log while it is replayed. `stamped`: None where no authority is trusted."""

    def __init__(self, stamped: Stamped | None, find: Find) -> None:
        self._stamped = stamped
        self._find = find
        self._known: dict[bytes, _Stamp] = {}
        self._held = ZERO_HASH
        self._held_size = 0
        self._since: tuple[int, int] | None = None
        self.verified: list[_Stamp] = []

    def meet(self, responses: Sequence[bytes], checkpoint: Checkpoint, recorded_at_ms: int) -> None:
        """The stamps of a checkpoint, whose newest entry was recorded at that time."""
        for response in responses:
            self._meet(response, checkpoint, recorded_at_ms)

    def _meet(self, response: bytes, checkpoint: Checkpoint, recorded_at_ms: int) -> None:
        size, at_ms = checkpoint.size, None
        text = checkpoint.text.encode()
        if not any(hashed(text).digest() in response for hashed in _IMPRINTS):
            message = f"a time stamp that stands beside the checkpoint of {size} entries is not of it"
            self._find("stamp_of_another", size - 1, message)
        elif self._stamped is not None:
            try:
                at_ms = self._stamped(response, text)
            except ProofError:
                pass  # by an authority that the reader does not know: it says nothing, as an unknown witness
            else:
                self.verified.append(_Stamp(size, at_ms))
        if at_ms is not None and at_ms < recorded_at_ms - TOLERANCE_MS:
            self._find(
                "stamp_contradicts",
                size - 1,
                f"entry {size - 1} says it was recorded after it was stamped, at {_time(at_ms)}",
            )
        self._known[hashlib.sha256(response).digest()] = _Stamp(size, at_ms)

    def follow(self, index: int, epoch: EpochEntry) -> None:
        """An epoch, and the hash of the stamp that it holds."""
        if epoch.anchor_hash == self._held:
            return
        self._held = epoch.anchor_hash
        stamp = self._known.get(epoch.anchor_hash)
        if epoch.anchor_hash == ZERO_HASH:
            self._find("stamp_dropped", index, f"the epoch at entry {index} no longer holds a time stamp")
        elif stamp is None:
            message = f"the epoch at entry {index} holds a time stamp that is not at hand"
            self._find("stamp_missing", index, message)
        else:
            self._compare(index, epoch, stamp)

    def _compare(self, index: int, epoch: EpochEntry, stamp: _Stamp) -> None:
        if stamp.size < self._held_size:
            message = f"the epoch at entry {index} holds an older time stamp than the epochs before it"
            self._find("stamp_out_of_order", index, message)
        self._held_size = stamp.size
        if stamp.at_ms is not None and self._since is None:
            self._since = epoch.previous_epoch_index + 1, stamp.at_ms
        if stamp.at_ms is not None and epoch.recorded_at_ms < stamp.at_ms - TOLERANCE_MS:
            self._find(
                "stamp_contradicts",
                index,
                f"entry {index} holds the time stamp of {_time(stamp.at_ms)}, and says it was there before",
            )

    def told(self) -> tuple[bool, str] | None:
        """Whether anything is shown, and what, in a sentence; None where the log has no stamps."""
        count = len(self._known)
        if not count:
            return None
        if self._stamped is None:
            return False, f"There are {count}, and no certificates to check them by."
        if not self.verified:
            return False, f"There are {count}, and none verifies by these certificates."
        first, last = self.verified[0], self.verified[-1]
        others = f" {count - len(self.verified)} do not, by these certificates." * (
            count > len(self.verified)
        )
        return True, (
            f"{len(self.verified)} of {count} verify: the first {first.size} entries existed at"
            f" {_time(first.at_ms)}, the first {last.size} at {_time(last.at_ms)}."
            f"{self._between(last)}{others}"
        )

    def _between(self, last: _Stamp) -> str:
        """Which entries lie between two stamps: behind the first that an epoch holds, below the last."""
        if self._since is None or last.size <= self._since[0]:
            return ""
        after, times = self._since, f"between {_time(self._since[1])} and {_time(last.at_ms)}"
        return f" Entries {after[0]} to {last.size - 1} were recorded {times}."


def _time(at_ms: int | None) -> str:
    return datetime.fromtimestamp((at_ms or 0) / 1000, UTC).isoformat(timespec="seconds")
