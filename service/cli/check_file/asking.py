"""One campaign with a running service: rows go out while answers come in."""

import http.client
import json
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import click

from service.cli.remote import told

SECONDS: Final = 60
_WAITING_ROWS_MAX: Final = 20_000
_PIECE_ROWS: Final = 500
_ADDRESS_CHARS_SENT: Final = 321  # one more than an address may have: what is longer is refused anyway
_TOO_LARGE: Final = 413
_NOT_NOW: Final = (429, 500, 502, 503, 504)

Row = tuple[list[str], str]
"""A row of the list, and the address in it."""


class AwayError(Exception):
    """The service is not there, or went away: what it had answered stands."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to ask, and with what key."""

    url: str
    key: str


@dataclass(frozen=True, slots=True)
class Began:
    """The campaign has this id."""

    campaign: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A row with its answer, as the service gave it."""

    row: list[str]
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """Every row was answered."""

    summary: dict[str, Any]


def ask(service: Target, defaults: dict[str, Any], rows: Iterator[Row]) -> Iterator[Began | Answered | Ended]:
    """Check all rows as one campaign.

    Raises `AwayError` when it broke off, and `click.ClickException` when the service refuses the question.
    """
    connection = _connection(service.url)
    with closing(connection):
        sender = _Sender(connection, rows)
        try:
            _begin(connection, service, defaults)
            sender.start()
            response = connection.getresponse()
            if response.status in _NOT_NOW:
                raise AwayError
            if response.status != http.client.OK:
                raise click.ClickException(told(response.status, response.read()))
            yield from _read(response, sender)
        except (OSError, http.client.HTTPException, ValueError, queue.Empty) as error:
            raise AwayError from error
        finally:
            sender.stop()


def _read(response: http.client.HTTPResponse, sender: "_Sender") -> Iterator[Began | Answered | Ended]:
    expected = 0
    for raw in response:
        said = json.loads(raw)
        if "line" not in said:
            if "campaign" in said:
                yield Began(said["campaign"])
            elif "summary" in said and said["summary"]["complete"] and expected == said["summary"]["count"]:
                yield Ended(said["summary"])
                return
            else:
                raise AwayError
            continue
        expected += 1
        if said["status"] in _NOT_NOW or said["status"] == _TOO_LARGE or said["line"] != expected:
            raise AwayError
        yield Answered(sender.sent.get(timeout=SECONDS)[0], said)
    raise AwayError


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.ClickException("--url begins with http:// or https://")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname, parts.port, timeout=SECONDS)


def _begin(connection: http.client.HTTPConnection, service: Target, defaults: dict[str, Any]) -> None:
    connection.putrequest("POST", f"{urlsplit(service.url).path.rstrip('/')}/v1/checks/batch")
    connection.putheader("Authorization", f"Bearer {service.key}")
    connection.putheader("Content-Type", "application/x-ndjson")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.send(_chunk(json.dumps({"defaults": defaults}).encode() + b"\n"))


class _Sender:
    """Sends rows from a thread of its own; what was sent waits, in order, for its answers."""

    def __init__(self, connection: http.client.HTTPConnection, rows: Iterator[Row]) -> None:
        self.sent: queue.Queue[Row] = queue.Queue(_WAITING_ROWS_MAX)
        self._connection = connection
        self._rows = rows
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._connection.close()
            self._thread.join(SECONDS)

    def _send(self) -> None:
        # A connection that broke is noticed, and told, by whoever reads the answers.
        with suppress(OSError, http.client.HTTPException, AttributeError):
            piece: list[Row] = []
            for row in self._rows:
                piece.append(row)
                if len(piece) == _PIECE_ROWS:
                    self._send_piece(piece)
                    piece = []
            self._send_piece(piece)
            if not self._stopped.is_set():
                self._connection.send(b"0\r\n\r\n")

    def _send_piece(self, piece: Sequence[Row]) -> None:
        for row in piece:
            while not self._stopped.is_set():
                with suppress(queue.Full):
                    self.sent.put(row, timeout=0.5)
                    break
        if piece and not self._stopped.is_set():
            self._connection.send(_chunk(b"".join(_line(address) for _, address in piece)))


def _line(address: str) -> bytes:
    kind = "phone" if address.startswith("+") else "email"
    value = address[:_ADDRESS_CHARS_SENT]
    return json.dumps({"address": {"kind": kind, "value": value}}).encode() + b"\n"


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)
