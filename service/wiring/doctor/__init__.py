"""Is this installation fit to serve? Looks at everything that goes wrong in practice and says what to do."""

import asyncio

from service.core.errors import LedgerError
from service.settings import Settings
from service.wiring.database import database, embedded_directory
from service.wiring.doctor.findings import Finding, Verdict, fault, notice
from service.wiring.doctor.log import look_at_log
from service.wiring.doctor.server import look_at_server
from service.wiring.doctor.surroundings import look_at_surroundings

__all__ = ["Finding", "Verdict", "examine"]


def examine(settings: Settings) -> list[Finding]:
    """Look at keys, disk, server, privileges, clock, log, mark and backlog; changes nothing. Blocks.

    What cannot be looked at is a finding too, so this raises nothing that an installation can cause. An
    embedded server that is there is started for the look.
    """
    found = look_at_surroundings(settings)
    if settings.database_url is None and not embedded_directory(settings.data_dir).exists():
        return [
            *found,
            notice("database", "no DATABASE_URL, no embedded server yet", "`serve` makes one"),
        ]
    try:
        with database(settings) as dsn:
            found += asyncio.run(_in_database(settings, dsn))
    except LedgerError as error:
        found.append(fault("database", str(error)))
    return found


async def _in_database(settings: Settings, dsn: str) -> list[Finding]:
    """The server first: where it does not answer or has another schema, nothing else can be looked at."""
    found, may_look_further = await look_at_server(settings, dsn)
    if may_look_further:
        found += await look_at_log(settings, dsn)
    return found
