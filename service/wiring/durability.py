"""Whether a server keeps what it says it has kept: asked before anything is acknowledged on its word.

An acknowledged event may never be lost (a promise of this program), and a PostgreSQL with `fsync` or
`full_page_writes` off loses or tears acknowledged pages when the machine stops. Both belong to the server
and no session can turn them on, so a start is refused. `synchronous_commit` belongs to the session, which
turns it on (`service.storage.postgres`). Checksums only tell damage early: they are reported.
"""

import asyncio
from dataclasses import dataclass

import asyncpg
import structlog

from service.settings import Settings
from service.storage.postgres import unavailable_on_failure
from service.wiring.database import UNREACHABLE, DatabaseError, explain

_CONNECT_SECONDS = 10
_ASKED = "SELECT name, setting FROM pg_settings WHERE name = ANY ($1)"
_NAMES = ("fsync", "full_page_writes", "data_checksums", "synchronous_commit", "synchronous_standby_names")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Durability:
    """What the server says of itself; `settings` by PostgreSQL's own names and words."""

    settings: dict[str, str]

    @property
    def faults(self) -> list[str]:
        """The settings with which an acknowledged event can be lost."""
        return [name for name in ("fsync", "full_page_writes") if self.settings[name] != "on"]

    @property
    def has_checksums(self) -> bool:
        """Whether the server tells a damaged page from a sound one."""
        return self.settings["data_checksums"] == "on"


async def durability(connection: asyncpg.Connection) -> Durability:
    """Ask the server. Raises `UnavailableError`."""
    with unavailable_on_failure():
        rows = await connection.fetch(_ASKED, _NAMES)
    return Durability({row["name"]: row["setting"] for row in rows})


def require_durable(dsn: str, settings: Settings) -> None:
    """Raise `DatabaseError` when the server may lose what it acknowledged and that is not allowed. Blocks."""
    found = asyncio.run(_ask(dsn))
    _log.info("database_durability", **found.settings)
    if not found.faults:
        return
    if settings.allow_volatile_database:
        _log.warning("database_is_volatile", off=found.faults)
        return
    raise DatabaseError(
        f"the server has {' and '.join(found.faults)} off and would lose acknowledged events: turn it on, or,"
        " for trials only, set CONSENT_LEDGER_ALLOW_VOLATILE_DATABASE=true"
    )


async def _ask(dsn: str) -> Durability:
    try:
        connection = await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS)
    except UNREACHABLE as error:
        raise DatabaseError(explain(error)) from error
    try:
        return await durability(connection)
    finally:
        await connection.close()
