"""What replacing a wrapping key wants of a database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

Place = tuple[bytes | str | int, ...]
"""The primary key of a row inside its ledger."""

BEAT_SECONDS: Final = 10.0
"""How often a process says which keys it holds."""

SILENT_SECONDS: Final = 60.0
"""After how long without a word a process is believed dead: for so long it could have written nothing."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What stands sealed in one row."""

    place: Place
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Replacement:
    """The same, sealed anew."""

    place: Place
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, and the ids of the wrapping keys it holds, the one it seals with first."""

    process: str
    keys: tuple[str, ...]
    silent_seconds: float
    ended: bool = False

    @property
    def is_alive(self) -> bool:
        """Whether it may seal something yet."""
        return not self.ended and self.silent_seconds < SILENT_SECONDS


class SealedColumn(Protocol):
    """One ledger's rows of one table, in the order of their keys. Every method raises `UnavailableError`."""

    name: str

    async def count(self) -> int:
        """How many rows hold something."""

    async def page(self, after: Place | None, limit: int) -> list[Sealed]:
        """Up to `limit` of them, from behind this place, or from the first."""

    async def replace(self, rows: Sequence[Replacement]) -> int:
        """Replace what still is as it was read and nobody holds; how many that were."""


class KeyHolders(Protocol):
    """The processes that seal for one ledger. Every method raises `UnavailableError`."""

    async def hold(self, process: str, keys: Sequence[str], *, ended: bool = False) -> None:
        """Note that this process is there and holds these keys, the one that seals first."""

    async def all(self) -> list[Holder]:
        """Every process that was seen within a day, the newest first."""
