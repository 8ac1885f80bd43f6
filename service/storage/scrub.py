"""What was deleted or replaced PostgreSQL still has on its pages; this rewrites it away.

A deleted row becomes free space at the next VACUUM, and its bytes stay there until they are written over.
What is sealed is useless without the person's key, so the table of keys is what matters; the others follow
because nothing speaks for keeping what was deleted. The last three hold what was sealed under a wrapping key
that gave way to another.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from service.core.errors import UnavailableError
from service.storage.postgres import unavailable_on_failure
from service.storage.roles import OWNER

TABLES = (
    *("subject_secret", "sealed_record", "delivery", "delivery_attempt"),
    *("subscription", "export", "export_file"),
)

_LOCK_MS = 5_000
_SIZE = "SELECT pg_total_relation_size($1::regclass)"


async def scrub(dsn: str) -> dict[str, tuple[int, int]]:
    """Rewrite the erasable tables; bytes before and after, by table.

    Each table is locked while it is rewritten: appends and checks wait. The login must be able to act for
    their owner. Raises `UnavailableError`, also where a table is in use for longer than is waited.
    """
    sizes: dict[str, tuple[int, int]] = {}
    with unavailable_on_failure():
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(f"SET lock_timeout = {_LOCK_MS}")
            await _become_owner(connection)
            for table in TABLES:
                before = await connection.fetchval(_SIZE, table)
                with _told_when_busy(table):
                    await connection.execute(f"VACUUM (FULL, ANALYZE) {table}")
                sizes[table] = before, await connection.fetchval(_SIZE, table)
        finally:
            await connection.close()
    return sizes


async def _become_owner(connection: asyncpg.Connection) -> None:
    """Act for the owner of the tables: whom PostgreSQL only warns, it passes the table over."""
    try:
        await connection.execute(f"SET ROLE {OWNER}")
    except asyncpg.InsufficientPrivilegeError as error:
        raise UnavailableError(f"this login is no member of {OWNER}: use the one that migrates") from error


@contextmanager
def _told_when_busy(table: str) -> Iterator[None]:
    try:
        yield
    except asyncpg.LockNotAvailableError as error:
        raise UnavailableError(f"{table} is in use; try again at a quieter moment") from error
