"""PostgreSQL for the tests: a server, however this machine can give one, and databases on it."""

import asyncio
import os
import secrets
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from urllib.parse import urlsplit

import asyncpg

from tests.support.clusters import a_throw_away_server

IMAGE = "postgres:18-alpine"

_DOCKER = "unix:///var/run/docker.sock"
_FAST = "postgres -c fsync=off -c synchronous_commit=off -c full_page_writes=off"


@contextmanager
def a_server() -> Iterator[str]:
    """Yield the DSN of a server on which databases may be made.

    `DATABASE_URL` where it is set, else a container where a Docker engine answers and has or gets the image,
    else the embedded server, in memory where there is room, without fsync.
    """
    if configured := os.environ.get("DATABASE_URL"):
        yield configured
        return
    with ExitStack() as stack:
        answers = docker_answers(os.environ.get("DOCKER_HOST") or _DOCKER)
        yield (answers and _container(stack)) or stack.enter_context(a_throw_away_server()).dsn


def docker_answers(engine: str) -> bool:
    """Whether a Docker engine answers at this URL, found out within two seconds."""
    where = urlsplit(engine)
    with (
        suppress(OSError),
        closing(socket.socket(socket.AF_UNIX if where.path else socket.AF_INET)) as client,
    ):
        client.settimeout(1)
        client.connect(where.path or (where.hostname, where.port or 2375))
        client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        return client.recv(5) == b"HTTP/"
    return False


@contextmanager
def a_database(server_dsn: str, *, template: str = "template1") -> Iterator[str]:
    """Yield the DSN of a new database, a copy of `template`, that is dropped afterwards."""
    name = f"consent_ledger_test_{secrets.token_hex(6)}"
    # Copied as files, and not through the log of a server that does not sync: twice as fast.
    execute(server_dsn, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    try:
        yield urlsplit(server_dsn)._replace(path=f"/{name}").geturl()
    finally:
        execute(server_dsn, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def a_copy(dsn: str) -> Iterator[str]:
    """Yield the DSN of a copy of a database that nobody uses just now: a backup, brought back elsewhere."""
    with a_database(dsn, template=database_name(dsn)) as copy:
        yield copy


def database_name(dsn: str) -> str:
    """The database that a DSN names."""
    return urlsplit(dsn).path.removeprefix("/")


def execute(dsn: str, statement: str) -> None:
    """Run one statement outside any transaction, whether or not an event loop already runs here."""

    async def run() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()


def fetch_value(dsn: str, query: str) -> object:
    """The first column of a query's first row, as `execute`; None where there is none."""

    async def run() -> object:
        connection = await asyncpg.connect(dsn)
        try:
            value: object = await connection.fetchval(query)
            return value
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, run()).result()


def _container(stack: ExitStack) -> str | None:
    """A container's DSN; None where the engine has no such image and cannot get it."""
    # The SDK ships no types; both are slow to import, and seldom needed.
    from docker.errors import DockerException  # type: ignore[import-untyped]  # noqa: PLC0415 - see above
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415 - see above

    try:
        container = stack.enter_context(PostgresContainer(IMAGE, driver=None, command=_FAST))
    except DockerException:
        return None
    return container.get_connection_url()
