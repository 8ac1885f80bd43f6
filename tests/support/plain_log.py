"""A log read and recomputed with hashlib alone: an opinion that shares no code with the service."""

import base64
import hashlib
from dataclasses import dataclass, field

import asyncpg

EVENT, EPOCH = 0x01, 0x02
_LINK = slice(1, 33)
_TIME = slice(33, 41)
_EPOCH_NO = slice(41, 49)

_ENTRIES = "SELECT index, entry, leaf_hash, dedup_key FROM log_entry WHERE ledger_id = $1 ORDER BY index"
_NOTES = "SELECT size, note FROM checkpoint WHERE ledger_id = $1"
_HEAD = "SELECT size, root FROM log_head WHERE ledger_id = $1"


@dataclass(frozen=True)
class PlainLog:
    """What one ledger's tables hold, as it stands there."""

    indices: list[int]
    entries: list[bytes]
    leaves: list[bytes]
    ids: list[bytes | None]
    checkpoints: dict[int, bytes]
    size: int
    root: bytes

    @property
    def leaf_hashes(self) -> list[str]:
        """In hexadecimal digits, by index."""
        return [leaf.hex() for leaf in self.leaves]

    @property
    def event_count(self) -> int:
        """Events that some caller sent."""
        return sum(each is not None for each in self.ids)

    @property
    def recorded_times(self) -> list[int]:
        """Milliseconds since 1970, in the log's order."""
        return [int.from_bytes(entry[_TIME]) for entry in self.entries]

    def faults(self) -> list[str]:
        """Everything that no log may ever show, each in a line; empty for a good one."""
        return [*self._broken_order(), *self._broken_links(), *self._broken_epochs(), *self._broken_roots()]

    def _broken_order(self) -> list[str]:
        found = []
        if self.indices != list(range(self.size)):
            found.append(f"{len(self.indices)} entries do not stand at 0 to {self.size - 1}")
        if self.recorded_times != sorted(self.recorded_times):
            found.append("recorded time goes back")
        ids = [each for each in self.ids if each is not None]
        if len(set(ids)) != len(ids):
            found.append("an id stands twice")
        return found

    def _broken_links(self) -> list[str]:
        found, previous = [], bytes(32)
        for index, entry, leaf in zip(self.indices, self.entries, self.leaves, strict=True):
            if hashlib.sha256(b"\x00" + entry).digest() != leaf:
                found.append(f"entry {index} does not hash to its leaf")
            if entry[_LINK] != previous:
                found.append(f"entry {index} does not follow the one before")
            previous = leaf
        return found

    def _broken_epochs(self) -> list[str]:
        epochs = {
            index: int.from_bytes(entry[_EPOCH_NO])
            for index, entry in zip(self.indices, self.entries, strict=True)
            if entry[0] == EPOCH
        }
        found = []
        if list(epochs.values()) != list(range(len(epochs))):
            found.append("epochs are not numbered one after the other")
        if {index + 1 for index in epochs} != self.checkpoints.keys():
            found.append("not every epoch has its checkpoint, or some checkpoint no epoch")
        return found

    def _broken_roots(self) -> list[str]:
        tree, found = Tree(), []
        for index, leaf in enumerate(self.leaves):
            tree.add(leaf)
            note = self.checkpoints.get(index + 1)
            if note is not None and signed_root(note) != (index + 1, tree.root()):
                found.append(f"the checkpoint of size {index + 1} names another root")
        if tree.root() != self.root:
            found.append("the head names another root")
        return found


@dataclass
class Tree:
    """RFC 6962 section 2.1, leaf by leaf: the complete subtrees so far, widest first."""

    _peaks: list[tuple[int, bytes]] = field(default_factory=list)

    def add(self, leaf: bytes) -> None:
        """Append a leaf hash."""
        width, node = 1, leaf
        while self._peaks and self._peaks[-1][0] == width:
            node = _parent(self._peaks.pop()[1], node)
            width *= 2
        self._peaks.append((width, node))

    def root(self) -> bytes:
        """The root over everything added."""
        if not self._peaks:
            return hashlib.sha256().digest()
        node = self._peaks[-1][1]
        for _, left in reversed(self._peaks[:-1]):
            node = _parent(left, node)
        return node


def _parent(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def signed_root(note: bytes) -> tuple[int, bytes]:
    """Size and root that a checkpoint names. Its signature is for others to check."""
    _, size, root = note.decode().split("\n")[:3]
    return int(size), base64.b64decode(root)


async def read_log(dsn: str, ledger_id: int = 1) -> PlainLog:
    """Read one ledger's log in one snapshot."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await connection.fetch(_ENTRIES, ledger_id)
            notes = await connection.fetch(_NOTES, ledger_id)
            head = await connection.fetchrow(_HEAD, ledger_id)
    finally:
        await connection.close()
    indices, entries, leaves, ids = ([row[place] for row in rows] for place in range(4))
    checkpoints = {note["size"]: note["note"] for note in notes}
    return PlainLog(indices, entries, leaves, ids, checkpoints, head["size"], head["root"])
