"""HTTP/1.1 with limits that uvicorn does not set: how long and how large the head of a request may be."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from signal import SIGINT, SIGTERM
from socket import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ASGIApplication = Callable[..., Awaitable[None]]

HEAD_BYTES_MAX = 32_768
HEAD_SECONDS_MAX = 20.0
KEEP_ALIVE_SECONDS = 30
BACKLOG = 2048


class BoundedProtocol(HttpToolsProtocol):
    """Drops whoever sends an endless head, or one so slowly that it holds a connection for nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own, passed on
        super().__init__(*args, **kwargs)
        self._head_since: float | None = None
        self._head_bytes = 0
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin to wait for the head of the first request."""
        super().connection_made(transport)
        self._head_since = self.loop.time()
        self._patience = self.loop.call_later(HEAD_SECONDS_MAX, self._lose_patience)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Count a new head."""
        super().on_message_begin()
        self._head_since = self.loop.time()
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """Stop counting: bodies have limits of their own, by route."""
        self._head_since = None
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Parse, then refuse a head that is already too large."""
        super().data_received(data)
        if self._head_since is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.send_400_response("The head of the request is too large.")

    def _lose_patience(self) -> None:
        since, now = self._head_since, self.loop.time()
        if since is not None and now - since >= HEAD_SECONDS_MAX and not self.transport.is_closing():
            self.transport.close()
            return
        # One timer a connection, not one a request: the next look is when the present head would be too old.
        due = HEAD_SECONDS_MAX if since is None else since + HEAD_SECONDS_MAX - now
        self._patience = self.loop.call_later(max(due, 0.1), self._lose_patience)


class Server(uvicorn.Server):
    """On SIGTERM or SIGINT: no new connections, what runs is finished, then `serve` returns."""

    def __init__(
        self,
        app: ASGIApplication,
        *,
        shutdown_seconds: int,
        on_ready: Callable[[], None],
        on_drain: Callable[[], None],
    ) -> None:
        config = uvicorn.Config(
            app,
            http=BoundedProtocol,
            loop="none",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=shutdown_seconds,
        )
        super().__init__(config)
        self._on_ready = on_ready
        self._on_drain = on_drain

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start, and tell when connections are accepted."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    def stop(self) -> None:
        """Stop accepting and finish what runs."""
        self._on_drain()
        self.should_exit = True

    def _interrupted(self, number: int) -> None:
        # Somebody at a terminal who presses Ctrl-C again does not want to wait.
        self.force_exit = self.should_exit and number == SIGINT
        self.stop()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn's own would raise the signal again after a clean end, which is then no clean end."""
        loop = asyncio.get_running_loop()
        for number in (SIGTERM, SIGINT):
            loop.add_signal_handler(number, self._interrupted, number)
        try:
            yield
        finally:
            for number in (SIGTERM, SIGINT):
                loop.remove_signal_handler(number)
