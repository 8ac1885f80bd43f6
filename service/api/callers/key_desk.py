"""Where API keys are made, listed and revoked: what the routes need of it, and what a key is to its owner."""

from dataclasses import dataclass
from typing import Protocol

from service.api.callers.principal import Quota
from service.core.errors import LedgerError

KEY_DAYS_MAX = 365
LIVE_KEYS_MAX = 2
"""Live keys of one client (one label): the present one, and the next while the first is being replaced."""


class TooManyKeysError(LedgerError):
    """The client has two live keys: revoke one first."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key is to be. `label` names the client: its keys replace each other."""

    label: str
    scopes: frozenset[str]
    days: int
    quota: Quota | None = None
    """None: the service's default, also when that changes."""


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key without its secret. Times in milliseconds since 1970."""

    key_id: str
    label: str
    scopes: frozenset[str]
    created_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int | None
    last_used_at_ms: int | None
    quota: Quota


class KeyDesk(Protocol):
    """Makes, lists and revokes the keys of ledgers. Every method raises `UnavailableError`."""

    async def issue(self, ledger_id: int, wanted: NewKey) -> tuple[str, KeyInfo]:
        """A new key: its text, which is not kept, and what is. Raises `TooManyKeysError`."""

    async def keys(self, ledger_id: int) -> list[KeyInfo]:
        """The ledger's keys, oldest first, live or not."""

    async def revoke(self, ledger_id: int, key_id: str) -> bool:
        """Revoke a key; False when it was revoked before. Raises `NotFoundError`."""
