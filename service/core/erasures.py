"""Which events of a log were emptied by erasures, and whether each erasure was whole."""

from collections import Counter
from collections.abc import Callable, Sequence


class Erasures:
    """What a replay keeps of erasures. `emptied`: whose event each was, by index."""

    def __init__(self) -> None:
        self.emptied: dict[int, bytes] = {}
        self._declared: Counter[bytes] = Counter()
        self._pending: dict[bytes, tuple[int, int]] = {}

    def declare(
        self, notice: int, indices: Sequence[int], event_count: Callable[[bytes], int]
    ) -> list[bytes]:
        """Take a notice; whose events it lists, where that is known. `event_count`: of anybody, so far."""
        counts = Counter(self.emptied[index] for index in indices if index in self.emptied)
        for key, count in counts.items():
            self._declared[key] += count
            self._pending[key] = (notice, event_count(key))
        return list(counts)

    def incomplete(self) -> list[int]:
        """At the end of a batch: its notices that leave something older of a person they list."""
        found = [notice for key, (notice, had) in self._pending.items() if self._declared[key] != had]
        self._pending.clear()
        return sorted(set(found))
