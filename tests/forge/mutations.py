"""Forged bundles without end, the same for the same seed: what a thief, and what the operator, could make.

A thief changes bytes and cannot sign. The operator holds the log key, so changes are signed again, with a log
proof for whatever is then shown; what the operator cannot do is find other bytes for a hash that was signed.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.forge.honest import Forged, Source, is_honest, sources
from tests.forge.operator import (
    answer_forged,
    answered_otherwise,
    element_moved,
    history_changed,
    named_otherwise,
    operator,
    part_of_another,
    text_changed,
    value_changed,
)
from tests.forge.thief import bytes_changed, misspelled, respelled, signed_by_another

KINDS_BY_NAME: dict[str, Callable[[random.Random, Source], bytes | None]] = {
    "bytes changed": bytes_changed,
    "spelled otherwise": respelled,
    "misspelled as the vectors are": misspelled,
    "signed with another key": signed_by_another,
    "element moved": operator(element_moved),
    "value changed": operator(value_changed),
    "part of another bundle": operator(part_of_another),
    "history changed": operator(history_changed),
    "checkpoint, genesis or token of others": operator(named_otherwise),
    "form, rulebook or pack changed": operator(text_changed),
    "answered otherwise": operator(answered_otherwise),
    "answer forged": operator(answer_forged),
}
KINDS = tuple(KINDS_BY_NAME)
UNSIGNED = KINDS[:4]
"""Whatever these make is forged: the log has not signed it."""

WEIGHTS = (24, 18, 2, 4, 14, 16, 8, 8, 2, 2, 4, 8)


@dataclass
class Forger:
    """Makes forgeries, the same ones for the same seed."""

    seed: int
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - to be the same at every run

    def forgeries(self, count: int) -> Iterator[Forged]:
        """So many; none is an honest bundle, as it is or but for what may be left out."""
        made = 0
        while made < count:
            source = self.chance.choice(sources())
            kind = self.chance.choices(KINDS, WEIGHTS)[0]
            raw = KINDS_BY_NAME[kind](self.chance, source)
            if raw is not None and raw != source.raw and (kind in UNSIGNED or not is_honest(raw)):
                made += 1
                yield Forged(kind, raw, source)
