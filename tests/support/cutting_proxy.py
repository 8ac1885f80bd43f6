"""Proxies on the loopback address: they pass everything on, and once armed cut at a bad moment."""

import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_CHUNK = 65_536
_PLAIN_ONLY = {
    80877103,
    80877104,
}  # SSLRequest and GSSENCRequest: PostgreSQL answers both with N over a socket
_WRITES = (b"COPY ", b"INSERT ", b"UPDATE ")


class CutError(Exception):
    """The connection is to be cut here."""


class Link:
    """One connection: the caller's side, and the side to what stands behind."""

    def __init__(self, caller: socket.socket, behind: socket.socket) -> None:
        self.caller = caller
        self.behind = behind
        self.wrote = False
        """Whether the transaction under way has written something (PostgreSQL only)."""

    def close(self) -> None:
        """Cut it, both ways."""
        for side in (self.caller, self.behind):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()


class CuttingProxy(ABC):
    """Listens on `port`. Armed, it cuts as many connections as it was told, and counts them in `cuts`."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connect = connect
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.cuts = 0
        self._armed = 0
        self._lock = threading.Lock()
        self._links: list[Link] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def arm(self, times: int = 1) -> None:
        """Cut the next connections that come to the moment."""
        with self._lock:
            self._armed = times

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listening.close()
        for link in self._links:
            link.close()
        for thread in self._threads:
            thread.join()

    def cut_if_armed(self) -> None:
        """The bad moment: raises `CutError` when it is to be used."""
        with self._lock:
            if not self._armed:
                return
            self._armed -= 1
            self.cuts += 1
        raise CutError

    @abstractmethod
    def to_behind(self, link: Link) -> None:
        """Pass on what the caller says until nothing more comes."""

    @abstractmethod
    def to_caller(self, link: Link) -> None:
        """Pass on what is answered until nothing more comes."""

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listening.accept()
            except OSError:
                return
            caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                link = Link(caller, self._connect())
            except OSError:
                caller.close()
                continue
            self._links.append(link)
            for pass_on in (self.to_behind, self.to_caller):
                thread = threading.Thread(target=self._run, args=(pass_on, link))
                self._threads.append(thread)
                thread.start()

    @staticmethod
    def _run(pass_on: Callable[[Link], None], link: Link) -> None:
        with suppress(OSError, CutError):
            pass_on(link)
        link.close()


class HttpProxy(CuttingProxy):
    """Before a service. The bad moment: the answer is there, and its first byte has not been passed on."""

    def __init__(self, port: int) -> None:
        self.before = port
        """The port of the service, which may be another after a restart."""
        super().__init__(lambda: socket.create_connection(("127.0.0.1", self.before), 5))

    def to_behind(self, link: Link) -> None:
        """Pass the request on."""
        while chunk := link.caller.recv(_CHUNK):
            link.behind.sendall(chunk)

    def to_caller(self, link: Link) -> None:
        """Pass the answer on, or throw it away."""
        while chunk := link.behind.recv(_CHUNK):
            self.cut_if_armed()
            link.caller.sendall(chunk)


class PostgresProxy(CuttingProxy):
    """Before PostgreSQL (message formats: its manual, "Frontend/Backend Protocol").

    The bad moment is the COMMIT of a transaction that wrote: before it reaches the server, or after the
    server has said that it is done, which the service then does not hear.
    """

    def __init__(self, unix_socket: Path, *, after_commit: bool) -> None:
        self._after_commit = after_commit

        def connect() -> socket.socket:
            behind = socket.socket(socket.AF_UNIX)
            try:
                behind.connect(str(unix_socket))
            except OSError:
                behind.close()
                raise
            return behind

        super().__init__(connect)

    def to_behind(self, link: Link) -> None:
        """Pass statements on."""
        while True:
            length = _exactly(link.caller, 4)
            first = length + _exactly(link.caller, int.from_bytes(length) - 4)
            if int.from_bytes(first[4:8]) not in _PLAIN_ONLY:
                break
            link.caller.sendall(b"N")
        link.behind.sendall(first)
        while True:
            message = _message(link.caller)
            if link.wrote and message[:1] in (b"Q", b"P") and b"COMMIT" in message and not self._after_commit:
                self.cut_if_armed()
            link.behind.sendall(message)

    def to_caller(self, link: Link) -> None:
        """Pass results on."""
        while True:
            message = _message(link.behind)
            if message[:1] == b"C":  # CommandComplete, with the command's tag
                tag = message[5:]
                if tag.startswith(b"COMMIT") and link.wrote and self._after_commit:
                    self.cut_if_armed()
                link.wrote = tag.startswith(_WRITES) or (link.wrote and tag.startswith(b"SELECT"))
            link.caller.sendall(message)


def _message(side: socket.socket) -> bytes:
    head = _exactly(side, 5)
    return head + _exactly(side, int.from_bytes(head[1:]) - 4)


def _exactly(side: socket.socket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        chunk = side.recv(count - len(found))
        if not chunk:
            raise CutError
        found += chunk
    return bytes(found)
