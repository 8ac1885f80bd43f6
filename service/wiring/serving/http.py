"""HTTP/1.1 with limits that uvicorn does not set: size and time of heads, pace of bodies, readers that stall.

Whoever is refused here is told by a problem (RFC 9457), where there is still somebody to tell, and cut off.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from signal import SIGINT, SIGTERM
from socket import socket
from typing import Any, NoReturn

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.limits import (
    BODY_BYTES_PER_SECOND_MIN,
    BODY_GRACE_SECONDS,
    HEAD_BYTES_MAX,
    HEAD_SECONDS_MAX,
    HEADERS_MAX,
    KEEP_ALIVE_SECONDS,
    LINGER_SECONDS,
    READ_IDLE_SECONDS_MAX,
    STREAM_IDLE_SECONDS_MAX,
    URL_BYTES_MAX,
)
from service.api.problems import MEDIA_TYPE, plain_problem

ASGIApplication = Callable[..., Awaitable[None]]

BACKLOG = 2048

_LOOK_SECONDS = 1.0
_STREAM = b"application/x-ndjson"


class _RefusedError(Exception):
    """Stops the parser; what is answered is known already."""


class BoundedProtocol(HttpToolsProtocol):
    """Drops whoever sends too much, too slowly, or does not read what was asked for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's own, passed on
        super().__init__(*args, **kwargs)
        self._refusal: int | None = None
        self._head_since: float | None = None
        self._head_bytes = 0
        self._body_since: float | None = None
        self._body_bytes = 0
        self._last_bytes = 0.0
        self._streams = False
        self._unread_since: float | None = None
        self._look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin to wait for the head of the first request."""
        super().connection_made(transport)
        self._head_since = self.loop.time()
        self._look = self.loop.call_later(_LOOK_SECONDS, self._look_at_clock)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Count a new head."""
        super().on_message_begin()
        self._head_since = self.loop.time()
        self._head_bytes = 0
        self._body_since = None

    def on_url(self, url: bytes) -> None:
        """Refuse a URL that is too long (RFC 9110 section 15.5.15)."""
        super().on_url(url)
        if len(self.url) > URL_BYTES_MAX:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_headers_complete(self) -> None:
        """Refuse a head that is too large (RFC 6585 section 5), then wait for the body."""
        size = sum(len(name) + len(value) for name, value in self.headers)
        if len(self.headers) > HEADERS_MAX or size > HEAD_BYTES_MAX:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        self._head_since = None
        self._body_since = self._last_bytes = self.loop.time()
        self._body_bytes = 0
        self._streams = any(
            name == b"content-type" and value.lower().startswith(_STREAM) for name, value in self.headers
        )
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count what arrives."""
        self._body_bytes += len(body)
        self._last_bytes = self.loop.time()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop counting."""
        self._body_since = None
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Parse, then refuse a head that is too large before it is complete."""
        if self._head_since is not None and self._head_bytes == 0:
            self._head_since = self.loop.time()
        super().data_received(data)
        if self._head_since is not None and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser could not read, or what stopped it."""
        del msg
        self._answer(self._refusal or HTTPStatus.BAD_REQUEST)

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered."""
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has read on."""
        self._unread_since = None
        super().resume_writing()

    def _refuse(self, status: int) -> NoReturn:
        self._refusal = status
        raise _RefusedError

    def _answer(self, status: int) -> None:
        """Answer without asking the application, and close; only close where it has begun to answer."""
        if self.transport.is_closing():
            return
        cycle: Any = self.cycle  # None before the first request, whatever its type says
        if cycle is None or cycle.response_complete or not cycle.response_started:
            request_id = secrets.token_hex(8)
            body = plain_problem(status, request_id)
            head = (
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
                f"content-length: {len(body)}\r\ncache-control: no-store\r\nx-request-id: {request_id}\r\n"
                "connection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()

    def _look_at_clock(self) -> None:
        # One timer a connection, not one a request.
        now = self.loop.time()
        if self._unread_since is not None and now - self._unread_since > READ_IDLE_SECONDS_MAX:
            self.transport.abort()
        elif self._head_since is not None and now - self._head_since > HEAD_SECONDS_MAX:
            # A connection on which nothing was ever asked is closed without a word.
            if self._head_bytes:
                self._answer(HTTPStatus.REQUEST_TIMEOUT)
            else:
                self.transport.close()
        elif self._body_since is not None and self.cycle.response_complete:
            # Answered before all of it had come. What still comes is thrown away for a moment, because a
            # connection that is closed at once may take the answer with it.
            if now - self._last_bytes > LINGER_SECONDS or now - self._body_since > BODY_GRACE_SECONDS:
                self.transport.close()
        elif self._is_too_slow(now):
            self._answer(HTTPStatus.REQUEST_TIMEOUT)
        if not self.transport.is_closing():
            self._look = self.loop.call_later(_LOOK_SECONDS, self._look_at_clock)

    def _is_too_slow(self, now: float) -> bool:
        # While reading is paused it is we who are slow: the application has not taken what came.
        if self._body_since is None or self.flow.read_paused:
            return False
        if self._streams:
            return now - self._last_bytes > STREAM_IDLE_SECONDS_MAX
        return now - self._body_since > BODY_GRACE_SECONDS + self._body_bytes / BODY_BYTES_PER_SECOND_MIN


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
