"""The catalogue of bad input: 101 rows, what is sent for each, and what must come back.

A row is sent over a socket here (`sent`), or is what another test shows (`shown`, its name), or belongs to an
interface that is not this one (`elsewhere`, and why). `differs`: why we do otherwise.
"""

import json
from dataclasses import dataclass

from tests.support.http_service import grant, question


@dataclass(frozen=True)
class Sent:
    """One request: method, path, body and headers, and the statuses that are right for it."""

    status: int
    body: bytes = b""
    path: str = "/v1/events"
    method: str = "POST"
    headers: tuple[str, ...] = ("content-type: application/json",)
    length: bool = True


@dataclass(frozen=True)
class Row:
    """One row of the catalogue."""

    what: str
    wanted: str
    sent: tuple[Sent, ...] = ()
    shown: str = ""
    elsewhere: str = ""
    differs: str = ""


def event(event_id: str = "e-1", **changes: object) -> bytes:
    """The usual event, changed."""
    return json.dumps(grant(event_id, **changes)).encode()


def put(fragment: str) -> bytes:
    """The usual event with a fragment of JSON put in as it is."""
    return event()[:-1] + b"," + fragment.encode() + b"}"


def ask(value: str, status: int, kind: str = "email") -> Sent:
    """A check about an address."""
    body = json.dumps(question(address={"kind": kind, "value": value})).encode()
    return Sent(status, body, "/v1/checks")


INNER_HOSTS = (
    *("127.0.0.1", "0.0.0.0", "10.0.0.1", "100.64.0.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]"),  # noqa: S104 - they are refused
    *("[::ffff:127.0.0.1]", "[2002:7f00:1::]", "[64:ff9b::7f00:1]", "0x7f.1", "0x7f000001", "2130706433"),
    *("0177.0.0.1", "127.1", "localhost", "a.localhost", "metadata.google.internal"),
)
"""Hosts that lead inside. (`localtest.me` is a public name: that it does, only the socket tells.)"""


def webhook(url: str, status: int = 422, **fields: object) -> Sent:
    """A webhook to this URL."""
    body = json.dumps({"name": "CRM", "url": url, **fields}).encode()
    return Sent(status, body, "/v1/subscriptions")


def read(query: str, status: int) -> Sent:
    """The feed, with this query."""
    return Sent(status, method="GET", path="/v1/events?" + query, headers=())


def typed(status: int, *headers: str, body: bytes | None = None) -> Sent:
    """The usual event under other headers."""
    return Sent(status, event() if body is None else body, headers=headers)
