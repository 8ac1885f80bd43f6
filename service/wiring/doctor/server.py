"""The database server: whether it answers, what it promises, who we are there, and what time it has."""

import time

import asyncpg

from service.core.errors import LedgerError
from service.settings import Settings
from service.storage.postgres import unavailable_on_failure
from service.storage.revision import found_revision, known_revisions
from service.storage.roles import WRITER
from service.wiring.database import UNREACHABLE, explain, require_fit_server
from service.wiring.doctor.findings import Finding, fault, notice, ok
from service.wiring.durability import durability

CLOCK_NOTICE_SECONDS, CLOCK_FAULT_SECONDS = 1.0, 60.0
CONNECTIONS_NOTICE = 0.8

_CONNECT_SECONDS = 10
_APPEND_ONLY = ("log_entry", "log_tile", "checkpoint", "document")
_CHANGEABLE = """
    SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = ANY ($1)
    AND has_table_privilege($2, oid, 'UPDATE, DELETE, TRUNCATE')
"""
_UNFENCED = """
    SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
    AND relname <> 'alembic_version' AND NOT (relrowsecurity AND relforcerowsecurity)
"""
_LOGIN = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
_CONNECTIONS = """
    SELECT count(*) AS used, current_setting('max_connections')::int AS room
    FROM pg_stat_activity WHERE backend_type = 'client backend'
"""


async def look_at_server(settings: Settings, dsn: str) -> tuple[list[Finding], bool]:
    """What was found, and whether the ledger inside can be looked at too."""
    try:
        connection = await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS)
    except UNREACHABLE as error:
        return [fault("database", explain(error))], False
    try:
        with unavailable_on_failure():
            schema = await _schema(connection)
            looks = [_clock, _connections]
            if schema.verdict == "ok":
                looks += [_privileges, _fence]
            if settings.database_url is not None:
                looks.append(_login)
            found = [await _server(connection), schema]
            found.append(await _durability(connection, allowed=settings.allow_volatile_database))
            found += [await look(connection) for look in looks]
    except LedgerError as error:
        return [fault("database", str(error))], False
    finally:
        await connection.close(timeout=_CONNECT_SECONDS)
    return found, schema.verdict == "ok"


async def _server(connection: asyncpg.Connection) -> Finding:
    await require_fit_server(connection)
    size = await connection.fetchval("SELECT pg_database_size(current_database())")
    release = ".".join(str(part) for part in connection.get_server_version()[:2])
    return ok("database", f"PostgreSQL {release} answers; the database holds {size / 2**20:.0f} MiB")


async def _schema(connection: asyncpg.Connection) -> Finding:
    found, (*older, expected) = await found_revision(connection), known_revisions()
    if found == expected:
        return ok("schema", f"revision {found}, which this program needs")
    if found is None:
        return notice("schema", "the database is empty", "run `consent-ledger migrate`, or `serve`")
    if found not in older:
        return fault(
            "schema", f"revision {found}, newer than this program's {expected}", "update the program"
        )
    return fault("schema", f"revision {found}, and {expected} is needed", "run `consent-ledger migrate`")


async def _durability(connection: asyncpg.Connection, *, allowed: bool) -> Finding:
    found = await durability(connection)
    told = ", ".join(f"{name} {setting or 'none'}" for name, setting in sorted(found.settings.items()))
    if found.faults:
        advice = f"turn {' and '.join(found.faults)} on: acknowledged events can be lost"
        return (notice if allowed else fault)("durability", told, advice)
    if not found.has_checksums:
        return notice("durability", told, "turn data checksums on (pg_checksums): damage is told early")
    return ok("durability", told)


async def _clock(connection: asyncpg.Connection) -> Finding:
    before = time.time()
    theirs = (await connection.fetchval("SELECT clock_timestamp()")).timestamp()
    apart = theirs - (before + time.time()) / 2
    found = f"the server's clock and ours are {abs(apart):.3f} s apart"
    advice = "synchronise both machines (NTP): an event's recorded time is this machine's"
    if abs(apart) > CLOCK_FAULT_SECONDS:
        return fault("clock", found, advice)
    if abs(apart) > CLOCK_NOTICE_SECONDS:
        return notice("clock", found, advice)
    return ok("clock", found)


async def _privileges(connection: asyncpg.Connection) -> Finding:
    if not await connection.fetchval("SELECT pg_has_role(current_user, $1, 'MEMBER')", WRITER):
        return fault("privileges", f"this login may not act as {WRITER}", f"GRANT {WRITER} TO the login")
    changeable = await connection.fetch(_CHANGEABLE, _APPEND_ONLY, WRITER)
    if changeable:
        names = ", ".join(row["relname"] for row in changeable)
        return fault("privileges", f"{WRITER} may change {names}", f"REVOKE ALL ON {names}, then migrate")
    return ok("privileges", f"{WRITER} may append to the log and change nothing of it")


async def _fence(connection: asyncpg.Connection) -> Finding:
    unfenced = [row["relname"] for row in await connection.fetch(_UNFENCED)]
    if unfenced:
        return fault("row security", f"not forced on {', '.join(unfenced)}", "run `consent-ledger migrate`")
    return ok("row security", "forced on every table")


async def _login(connection: asyncpg.Connection) -> Finding:
    if await connection.fetchval(_LOGIN):
        return notice(
            "login",
            "the service's login passes by row security and every privilege",
            f"let it log in as one that is a member of {WRITER} only, and migrate with another",
        )
    return ok("login", "bound by row security and privileges")


async def _connections(connection: asyncpg.Connection) -> Finding:
    row = await connection.fetchrow(_CONNECTIONS)
    found = f"{row['used']} of {row['room']} in use"
    if row["used"] > CONNECTIONS_NOTICE * row["room"]:
        return notice("connections", found, "raise max_connections, or lower CONSENT_LEDGER_POOL_SIZE")
    return ok("connections", found)
