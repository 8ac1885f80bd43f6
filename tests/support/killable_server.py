"""A durable PostgreSQL of the test's own: killed, stopped, started again as its keeper would."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from service.wiring.database import embedded_directory
from service.wiring.embedded.postmaster import Postmaster, shut_down
from service.wiring.embedded.server import OWNER, EmbeddedPostgres
from tests.support.clusters import a_throw_away_server
from tests.support.databases import fetch_value

A_BACKEND = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'consent-ledger'
ORDER BY state = 'active' DESC, random() LIMIT 1
"""


class KillableServer:
    """The server of one directory. Its data survive whatever is done to it here."""

    def __init__(self, directory: Path, dsn: str, stack: ExitStack) -> None:
        self.directory = directory
        self.dsn = dsn
        self._stack = stack

    @property
    def unix_socket(self) -> Path:
        """Where it listens."""
        asked = parse_qs(urlsplit(self.dsn).query)
        return Path(asked["host"][0], f".s.PGSQL.{asked['port'][0]}")

    def dsn_through(self, port: int) -> str:
        """The way to the same database through a proxy on this port."""
        return urlsplit(self.dsn)._replace(netloc=f"{OWNER}@127.0.0.1:{port}", query="").geturl()

    def kill(self) -> None:
        """Kill -9 of the postmaster."""
        os.kill(self._postmaster().pid, signal.SIGKILL)

    def kill_a_backend(self) -> None:
        """Kill -9 of a session of the service, at work where one is: the server then restarts them all."""
        pid = fetch_value(self.dsn, A_BACKEND)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(int(str(pid)), signal.SIGKILL)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop its processes where they are: connections stay open, and nobody answers."""
        postmaster = self._postmaster().pid
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text(encoding="ascii").split()
        everyone = [postmaster, *map(int, children)]
        try:
            self._tell(everyone, signal.SIGSTOP)
            yield
        finally:
            self._tell(everyone, signal.SIGCONT)

    @staticmethod
    def _tell(pids: list[int], number: signal.Signals) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> None:
        """Shut it down, though it has users."""
        shut_down(self.directory / "data")

    def start(self) -> None:
        """Start it, unless it runs."""
        server = EmbeddedPostgres.start(self.directory)
        assert server.dsn == self.dsn
        self._stack.callback(server.stop)

    def _postmaster(self) -> Postmaster:
        found = Postmaster.of(self.directory / "data")
        assert found is not None
        return found


@contextmanager
def the_server_of(data_dir: Path) -> Iterator[KillableServer]:
    """The embedded server of a service's data directory, made if it is new; used here to the end as well."""
    with EmbeddedPostgres.start(embedded_directory(data_dir)) as server, ExitStack() as stack:
        yield KillableServer(server.directory, server.dsn, stack)


@contextmanager
def a_killable_server() -> Iterator[KillableServer]:
    """A new one, gone with the block; raises `EmbeddedPostgresMissingError` where none can be had."""
    with a_throw_away_server(durable=True) as server, ExitStack() as stack:
        yield KillableServer(server.directory, server.dsn, stack)
