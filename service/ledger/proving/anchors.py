"""What others attested of a log, as a bundle shows it: its newest cosigned and newest stamped checkpoint."""

from dataclasses import dataclass

import msgspec
from msgspec import UNSET

from service.core.bundle import Bundle, PlacedEntry, ShownAnchor, join_hashes
from service.core.errors import ForkError
from service.core.merkle import plan_consistency, prove_consistency
from service.core.notes import with_signatures
from service.ledger.ports import Head, Snapshot


@dataclass(frozen=True, slots=True)
class Attested:
    """The head's checkpoint with its cosignatures, and what else others attested."""

    checkpoint: bytes
    anchors: tuple[ShownAnchor, ...]

    def shown_in(self, bundle: Bundle, successions: tuple[PlacedEntry, ...]) -> Bundle:
        """The bundle with all that, and the successions of the log's key."""
        return msgspec.structs.replace(
            bundle,
            checkpoint=self.checkpoint.decode(),
            anchors=self.anchors or UNSET,
            successions=successions or UNSET,
        )


async def read_attested(snapshot: Snapshot, head: Head) -> Attested:
    """All that others attested of this head and what came before it."""
    return Attested(await cosigned(snapshot, head), await read_anchors(snapshot, head))


async def cosigned(snapshot: Snapshot, head: Head) -> bytes:
    """The head's checkpoint with the cosignatures that there are of it."""
    size, lines = await snapshot.cosignatures(head.size)
    return with_signatures(head.checkpoint, lines if size == head.size else ())


async def read_anchors(snapshot: Snapshot, head: Head) -> tuple[ShownAnchor, ...]:
    """At most two; none where nobody attests of this log but of this very head, by cosigning it."""
    size, lines = await snapshot.cosignatures(head.size)
    stamps = {row.size: row.token for row in await snapshot.timestamps(1, head.size, 1)}
    sizes = {size} if 0 < size < head.size else set()
    anchors = []
    for each in sorted(sizes | stamps.keys()):
        note = await snapshot.checkpoint(each)
        if note is None:
            raise ForkError(f"the checkpoint of size {each} is not kept")
        hashes = await snapshot.hashes(plan_consistency(each, head.size))
        proof = prove_consistency(each, head.size, hashes)
        anchors.append(
            ShownAnchor(
                checkpoint=with_signatures(note, lines if each == size else ()).decode(),
                proof=join_hashes(proof),
                timestamp=stamps.get(each, UNSET),
            )
        )
    return tuple(anchors)
