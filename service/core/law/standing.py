"""A subject's standing: its events folded one by one, in the order of the log.

What holds whatever comes in:

1. A no is kept for ever, with its latest time; nothing removes it, no correction either.
2. A yes is kept with its own time; whether it lifts a no is decided by comparing both times and both indices.
3. The fold looks at one event and the standing before it, so any split into batches gives the same standing.
4. Every list is bounded; when the noes overflow they merge into one that covers everything.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from service.core.events import Form, RecordedEvent
from service.core.law.entry import Entry
from service.core.law.facts import Mark, No, Standing
from service.core.law.folding import FOLDS

__all__ = [
    "EMPTY",
    "Standing",
    "decode_standing",
    "encode_standing",
    "fold",
    "links",
    "predecessors",
    "suppressed",
]

EMPTY: Final = Standing()
"""The standing of an address nobody has recorded anything about."""

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Standing)


def fold(
    standing: Standing,
    recorded: RecordedEvent,
    *,
    index: int,
    recorded_at_ms: int,
    forms: Mapping[str, Form],
) -> Standing:
    """Return the standing after `recorded`, which the log holds at `index` since `recorded_at_ms`.

    `forms` must hold the form the event names; a form that is missing leaves the consent unproven.
    """
    step = FOLDS.get(type(recorded.event))
    if step is not None:
        standing = step(standing, recorded.event, Entry(recorded, index, recorded_at_ms, forms))
    return msgspec.structs.replace(standing, events=standing.events + 1)


def suppressed(*, index: int, at_ms: int) -> Standing:
    """Return the standing of a subject whose events were erased: all that is left is that it was."""
    no = No("objection", "all_marketing", (), (), None, None, at_ms, at_ms, index)
    return Standing(nos=(no,), erased=Mark(index, at_ms), events=1)


def links(standing: Standing) -> tuple[str, ...]:
    """Return the subjects, in hex, whose standings a decision about this one needs too: former addresses."""
    return tuple(dict.fromkeys(move.other for move in standing.origins))


def predecessors(standing: Standing, sender: str) -> tuple[str, ...]:
    """Return the senders whose standings a decision about `sender` needs too, given the sender's own."""
    others = (s.predecessor if s.successor == sender else s.successor for s in standing.successions)
    return tuple(dict.fromkeys(others))


def encode_standing(standing: Standing) -> bytes:
    """Return the standing as MessagePack; equal standings give equal bytes."""
    return _ENCODER.encode(standing)


def decode_standing(data: bytes) -> Standing:
    """Read what `encode_standing` wrote. Raises msgspec.DecodeError for anything else."""
    return _DECODER.decode(data)
