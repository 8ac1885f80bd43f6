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


def read(query: str, status: int) -> Sent:
    """The feed, with this query."""
    return Sent(status, method="GET", path="/v1/events?" + query, headers=())


def typed(status: int, *headers: str, body: bytes | None = None) -> Sent:
    """The usual event under other headers."""
    return Sent(status, event() if body is None else body, headers=headers)
