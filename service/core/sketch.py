"""How many different keys were seen, in 4 KiB however many they are: HyperLogLog (Flajolet et al., 2007).

Keys are uniformly distributed bytes (subject keys are). The estimate's standard error is 1.6 %; for few keys
the empty registers are counted instead (linear counting), which is nearly exact. Two sketches merge into the
sketch of the union, whatever the order and however often, and registers tell how many, not which.
"""

import math
from collections.abc import Iterable

_INDEX_BITS = 12
REGISTERS = 1 << _INDEX_BITS
_REST_BITS = 64 - _INDEX_BITS
_ALPHA = 0.7213 / (1 + 1.079 / REGISTERS)
_LINEAR_BELOW = 2.5 * REGISTERS


class Sketch:
    """A set of keys, of which only the size is remembered."""

    __slots__ = ("_empty", "_inverse_sum", "_registers")

    def __init__(self, registers: bytes | None = None) -> None:
        self._registers = bytearray(registers or bytes(REGISTERS))
        if len(self._registers) != REGISTERS:
            raise ValueError(f"a sketch has {REGISTERS} registers")
        self._recount()

    def _recount(self) -> None:
        self._empty = self._registers.count(0)
        self._inverse_sum = sum(2.0**-rank for rank in self._registers)

    def add(self, key: bytes) -> bool:
        """Count a key of at least 8 bytes; True when the estimate changed."""
        number = int.from_bytes(key[:8])
        place = number & (REGISTERS - 1)
        rank = _REST_BITS + 1 - (number >> _INDEX_BITS).bit_length()
        before = self._registers[place]
        if rank <= before:
            return False
        self._registers[place] = rank
        self._inverse_sum += 2.0**-rank - 2.0**-before
        self._empty -= before == 0
        return True

    def merge(self, registers: Iterable[int]) -> bool:
        """Count everything that another sketch saw; True when the estimate changed."""
        merged = bytearray(map(max, self._registers, registers))
        changed = merged != self._registers
        if changed:
            self._registers = merged
            self._recount()
        return changed

    def __bytes__(self) -> bytes:
        return bytes(self._registers)

    def estimate(self) -> int:
        """About how many different keys were added."""
        raw = _ALPHA * REGISTERS * REGISTERS / self._inverse_sum
        if raw <= _LINEAR_BELOW and self._empty:
            raw = REGISTERS * math.log(REGISTERS / self._empty)
        return round(raw)
