"""One event at its place in the log, as the folds take it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.core.events import Form, RecordedEvent
from service.core.law.facts import Standing


@dataclass(frozen=True, slots=True)
class Entry:
    """One event at its place in the log."""

    recorded: RecordedEvent
    index: int
    recorded_at_ms: int
    forms: Mapping[str, Form]

    @property
    def ms(self) -> int:
        """When it happened, as declared."""
        return self.recorded.occurred_ms


Fold = Callable[[Standing, Any, Entry], Standing]
"""How one type of event changes a standing."""
