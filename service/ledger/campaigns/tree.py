"""The tree of a campaign's answers while it grows, in constant memory: its frontier, and tiles to be kept."""

from collections.abc import Sequence

from service.core.merkle import HASH_SIZE, TILE_WIDTH, Frontier
from service.ledger.campaigns.ports import Tile

_TILE_BYTES = HASH_SIZE * TILE_WIDTH


class AnswerTree:
    """Takes leaf hashes in the order of the lines; hands over each tile of 256 hashes when it is full."""

    def __init__(self) -> None:
        self._frontier = Frontier()
        self._growing: list[bytearray] = [bytearray()]
        self._begun: list[int] = [0]
        self._full: list[Tile] = []

    @property
    def size(self) -> int:
        """How many lines were answered."""
        return self._frontier.size

    def root(self) -> bytes:
        """The root over all answers so far."""
        return self._frontier.root()

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add the leaf hashes of the next lines."""
        roots = self._frontier.extend(leaves)
        self._append(0, b"".join(leaves))
        for level, _, tile_root in roots:
            self._append(level, tile_root)

    def waiting(self) -> int:
        """How many full tiles are to be taken."""
        return len(self._full)

    def take_full(self) -> list[Tile]:
        """The tiles that became full since the last call."""
        taken, self._full = self._full, []
        return taken

    def take_rest(self) -> list[Tile]:
        """Everything not taken yet; nothing may be added afterwards."""
        partial = [
            Tile(level, self._begun[level], bytes(growing))
            for level, growing in enumerate(self._growing)
            if growing
        ]
        return self.take_full() + partial

    def _append(self, level: int, hashes: bytes) -> None:
        if level == len(self._growing):
            self._growing.append(bytearray())
            self._begun.append(0)
        growing = self._growing[level]
        growing += hashes
        while len(growing) >= _TILE_BYTES:
            self._full.append(Tile(level, self._begun[level], bytes(growing[:_TILE_BYTES])))
            del growing[:_TILE_BYTES]
            self._begun[level] += 1
