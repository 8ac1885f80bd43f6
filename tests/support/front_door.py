"""What stands before several services, as an ingress does: connections go to those that are ready."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

from tests.support.cutting_proxy import HttpProxy

_LOOK_SECONDS = 0.1


class FrontDoor(HttpProxy):
    """Connections go round those of `ports` that answered `/readyz` with 200 when they were last asked."""

    def __init__(self, *ports: int) -> None:
        self.ready = list(ports)
        self._turn = count()
        super().__init__(0)
        self._connect = self._next

    def _next(self) -> socket.socket:
        """A connection to the next that takes one; one that died a moment ago is passed over."""
        for port in [self.ready[next(self._turn) % len(self.ready)], *self.ready]:
            with suppress(ConnectionError):
                return socket.create_connection(("127.0.0.1", port), 5)
        raise ConnectionRefusedError

    def look(self, ports: list[int]) -> None:
        """Ask each whether it is ready."""
        self.ready = [port for port in ports if _is_ready(port)] or ports


@contextmanager
def a_front_door(*ports: int) -> Iterator[FrontDoor]:
    """A front door that asks every moment who is ready."""
    over = threading.Event()
    with FrontDoor(*ports) as door:

        def watch() -> None:
            while not over.wait(_LOOK_SECONDS):
                door.look(list(ports))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield door
        finally:
            over.set()
            watcher.join()


def _is_ready(port: int) -> bool:
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        asked.request("GET", "/readyz")
        return asked.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()
