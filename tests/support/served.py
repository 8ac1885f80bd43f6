"""The program itself behind a real socket, with as many workers as wanted, and a bare client of it."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.http_service import JANE, question
from tests.support.own_service import made_key, serving
from tests.support.program_nursery import Nursery, own_environment

_SCOPES = ("record:write", "check:read", "check:detail", "proof:read", "proof:disclose", "link:write")
_PUBLISHING = ("sender:write", "rulebook:write", "record:read", "event:read")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def json(self) -> Any:  # noqa: ANN401 - whatever it is
        """The body, parsed."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Served:
    """A running program. Every request has a connection of its own, so it may reach any worker."""

    port: int
    key: str

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request as it is given: nothing is added that was not asked for."""
        where = urlsplit(url)
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            target = where.path + (f"?{where.query}" if where.query else "")
            connection.request(method, target, body, dict(headers or {}))
            got = connection.getresponse()
            return Answer(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())

    def call(self, method: str, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        """A call with the key; its answer."""
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        answer = self.ask(method, path, json.dumps(body).encode(), headers)
        assert answer.status in (200, 201), answer.text
        return answer.json()

    def check(self, **changes: object) -> dict[str, Any]:
        """The answer to the usual question."""
        answer: dict[str, Any] = self.call("POST", "/v1/checks", question(**changes))
        return answer

    def link(self, **changes: object) -> str:
        """The URL of Jane's way out of Acme's newsletter."""
        asked = {"sender": "acme", "category": "newsletter", "channel": "email", "address": JANE}
        return str(self.call("POST", "/v1/unsubscribe-links", asked | changes)["url"])


@contextmanager
def served(
    nursery: Nursery, dsn: str, data: Path, *, workers: int = 1, **environment: str
) -> Iterator[Served]:
    """The program over this migrated database, with the sender Acme; stopped on leaving."""
    settings = own_environment(DATABASE_URL=dsn, **environment)
    more = ("--example-sender", "--workers", str(workers))
    with serving(nursery, data, *more, environment=settings) as port:
        yield Served(port, made_key(nursery, data, (*_SCOPES, *_PUBLISHING), settings))
