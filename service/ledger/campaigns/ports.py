"""What campaigns need of a ledger's storage, as a contract."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from service.core.merkle import HashRange


class State(NamedTuple):
    """The state of the log that standings were read under."""

    position: int
    recorded_at_ms: int
    rulebook_hash: bytes


class Run(NamedTuple):
    """From line `first_line` (counted from 1) on, answers are of the state at `position`, for `at_ms`."""

    first_line: int
    position: int
    at_ms: int


class Tile(NamedTuple):
    """Up to 256 hashes, joined, of the tree of a campaign's answers: leaves at level 0, tile roots above."""

    level: int
    number: int
    hashes: bytes


class CampaignStore(Protocol):
    """Campaigns of one ledger. What was kept is never changed."""

    async def standings(self, keys: Sequence[bytes]) -> tuple[State, dict[bytes, bytes]]:
        """The state, and the encoded standings of those of the subjects that exist, read as one."""

    async def begin(self, campaign: bytes, question: bytes) -> None:
        """Keep what is asked of every line (canonical JSON)."""

    async def keep(self, campaign: bytes, tiles: Sequence[Tile], runs: Sequence[Run]) -> None:
        """Keep what a later proof needs; returns when it is durable."""

    async def question(self, campaign: bytes) -> bytes | None:
        """What was asked of every line; None for a campaign that is not known."""

    async def event_index(self, dedup_key: bytes) -> int | None:
        """Where the log holds the event that was recorded under this key."""

    async def hashes(self, campaign: bytes, ranges: Iterable[HashRange]) -> dict[HashRange, list[bytes]]:
        """Leaf hashes and tile roots, as a Merkle plan asks for them."""

    async def names(self) -> list[bytes]:
        """Every campaign that answered anything, the newest first; not all of them were ended."""

    async def leaves(self, campaign: bytes, start: int, stop: int) -> bytes:
        """The leaf hashes of the places (counted from 0) from `start` to `stop`, joined."""

    async def runs(self, campaign: bytes) -> list[Run]:
        """Every run of a campaign, in the order of its lines."""

    async def run_of(self, campaign: bytes, line: int) -> Run | None:
        """The run that a line belongs to."""
