"""A sign of life for endpoints that have nothing to hear: silence and breakage look the same to them.

After the verification of the Shared Signals Framework (OpenID SSF 1.0, section "Verification").
"""

from typing import Final, Protocol

from service.ledger.delivering.control_events import VERIFICATION, NewDelivery, control_delivery
from service.ledger.delivering.deliveries import DAY_MS
from service.ledger.ports import Clock, Randomness

HEARTBEAT_MS: Final = DAY_MS


class QuietStore(Protocol):
    """Which subscriptions were told nothing for a while."""

    async def quiet(self, since_ms: int) -> list[str]:
        """Enabled subscriptions to which nothing was sent since, and nothing is on its way."""

    async def tell_quiet(self, subscription_id: str, event: NewDelivery, since_ms: int) -> bool:
        """Make a control delivery if that is still so: of several workers, one does."""


class Heartbeats:
    """Sends a verification to whoever was told nothing for a day."""

    def __init__(self, rows: QuietStore, origin: str, *, clock: Clock, random: Randomness) -> None:
        self._rows = rows
        self._origin = origin
        self._clock = clock
        self._random = random

    async def beat(self) -> int:
        """To how many it is sent now. Raises `UnavailableError`."""
        now = self._clock()
        sent = 0
        for name in await self._rows.quiet(now - HEARTBEAT_MS):
            event_id = f"evt_{self._random(16).hex()}"
            data = {"status": "enabled"}
            event = control_delivery(self._origin, name, event_id, VERIFICATION, data, now_ms=now)
            sent += await self._rows.tell_quiet(name, event, now - HEARTBEAT_MS)
        return sent
