"""What every test may ask for: databases, and leave to take long."""

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis as _hypothesis  # noqa: F401 - else its plugin does at the end, when CPython 3.11 may fail to compile it
import pytest

from service.wiring.embedded.server import EmbeddedPostgres, EmbeddedPostgresMissingError
from tests.support.clusters import a_made_cluster, a_throw_away_server
from tests.support.databases import a_database, a_server, database_name
from tests.support.program_nursery import Nursery, a_nursery

# The servers of the tests do not sync, which takes half the time. Tests that pull plugs have their own.
os.environ.setdefault("CONSENT_LEDGER_ALLOW_VOLATILE_DATABASE", "true")

LONG = ("soak", "fuzz", "interop")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected lives to the end: the garbage collector need not look at it, ever."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    for name in LONG:
        config.addinivalue_line("markers", f"{name}: takes minutes; run by `make {name}` only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for name in LONG:
        if name not in config.option.markexpr:
            long = [item for item in items if item.get_closest_marker(name)]
            items[:] = [item for item in items if item not in long]
            config.hook.pytest_deselected(items=long)


@pytest.fixture(scope="session")
def server_dsn() -> Iterator[str]:
    """A server to make databases on: `DATABASE_URL`, a container, or the embedded one."""
    with a_server() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def migrated_template(server_dsn: str) -> Iterator[str]:
    """The name of a migrated database that is only ever copied."""
    from service.storage.migrate import upgrade  # noqa: PLC0415 - the core's tests do not wait for Alembic

    with a_database(server_dsn) as dsn:
        upgrade(dsn)
        yield database_name(dsn)


@pytest.fixture
def database_dsn(server_dsn: str, migrated_template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    with a_database(server_dsn, template=migrated_template) as dsn:
        yield dsn


@pytest.fixture
def empty_database_dsn(server_dsn: str) -> Iterator[str]:
    """A database of the test's own without any tables."""
    with a_database(server_dsn) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where runs of the program come from, without a second of imports each."""
    with a_nursery() as nursery:
        yield nursery


@pytest.fixture(scope="session")
def made_cluster() -> Iterator[Path]:
    """The directory of an embedded server with a migrated database, to be copied."""
    with a_made_cluster() as directory:
        yield directory


@pytest.fixture
def durable_server() -> Iterator[EmbeddedPostgres]:
    """A server of the test's own that may be killed: its data survive, as in production."""
    try:
        with a_throw_away_server(durable=True) as server:
            yield server
    except EmbeddedPostgresMissingError as missing:
        pytest.skip(str(missing))
