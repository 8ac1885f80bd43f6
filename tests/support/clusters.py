"""Embedded servers for tests whose subject is something else: in memory, and made once to be copied."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from service.wiring.embedded.server import EmbeddedPostgres, throw_away
from tests.support.memory import roomy_memory

_NOT_SYNCED = "\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


@contextmanager
def a_throw_away_server(*, durable: bool = False) -> Iterator[EmbeddedPostgres]:
    """As the product's own, in memory where there is room."""
    with throw_away(durable=durable, within=roomy_memory()) as server:
        yield server


@contextmanager
def a_made_cluster() -> Iterator[Path]:
    """An embedded server's directory with an empty, migrated database; nothing runs on it.

    A program that starts on a copy finds what it would have made itself, and syncs nothing.
    """
    from service.storage.migrate import upgrade  # noqa: PLC0415 - the core's tests do not wait for Alembic

    with TemporaryDirectory(prefix="consent-ledger-made-", dir=roomy_memory()) as folder:
        directory = Path(folder) / "postgres"
        with EmbeddedPostgres.start(directory, durable=False) as server:
            upgrade(server.dsn)
        with (directory / "data" / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(_NOT_SYNCED)
        yield directory


@contextmanager
def a_folder_for_servers() -> Iterator[Path]:
    """A folder in memory where there is room, through which a server's own user can pass."""
    with TemporaryDirectory(prefix="consent-ledger-data-", dir=roomy_memory()) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@contextmanager
def a_data_folder(made: Path) -> Iterator[Path]:
    """A data folder for the program, with a copy of this cluster in it; gone with the block."""
    from service.wiring.database import embedded_directory  # noqa: PLC0415 - see above

    with a_folder_for_servers() as folder:
        subprocess.run(["cp", "-a", made, embedded_directory(folder)], check=True)
        yield folder
