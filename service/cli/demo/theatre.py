"""The theatre: a throw-away ledger with its own server and database, and a client that speaks HTTP to it."""

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.core.cosignatures import ED25519
from service.core.notes import Verifier
from service.core.token import decode_base64url

SCOPES = (
    *("record:write", "record:read", "check:read", "check:detail", "proof:read", "proof:disclose"),
    *("form:write", "sender:write"),
)
"""What the stories' key may do."""

_START_SECONDS = 180
_STOP_SECONDS = 20


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Client:
    """Speaks to the service as any integrator would."""

    port: int
    key: str

    def call(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Status and body of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            content = json.dumps(body).encode() if body is not None else None
            headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def post(self, path: str, body: object) -> dict[str, Any]:
        """The answer to a POST. Raises `DemoError` when the service refuses it."""
        status, raw = self.call("POST", path, body)
        answer: dict[str, Any] = json.loads(raw)
        if status not in (200, 201):
            raise DemoError(f"POST {path} was answered {status}: {answer.get('detail', '')}")
        return answer

    def verifier(self) -> Verifier:
        """The key the log signs with, from where the service publishes it."""
        _, note = self.call("GET", "/log/main/checkpoint")
        _, raw = self.call("GET", "/.well-known/jwks.json")
        public = decode_base64url(json.loads(raw)["keys"][0]["x"])
        Ed25519PublicKey.from_public_bytes(public)
        return Verifier(note.decode().partition("\n")[0], ED25519, public)


def program(*arguments: str) -> list[str]:
    """This very program, as another process."""
    return [sys.executable, "-P", "-m", "service", *arguments]


@contextmanager
def opened(data: Path) -> Iterator[Client]:
    """A running service over an empty ledger under `data`; stopped on leaving.

    Raises `DemoError` when it does not start.
    """
    port = free_port()
    log_path = data / "service.log"
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    with log_path.open("wb") as log:
        service = subprocess.Popen(  # noqa: S603 - this very program
            program("serve", "--port", str(port), "--data", str(data)),
            stdout=log,
            stderr=log,
            env=environment,
        )
    try:
        wait_until_ready(service, port, log_path)
        yield Client(port, create_key(data, environment))
    finally:
        service.send_signal(signal.SIGTERM)
        try:
            service.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            service.kill()
            service.wait()


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(service: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Return when the service takes requests. Raises `DemoError` with its last line when it gives up."""
    probe = Client(port, secrets.token_hex(4))
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if service.poll() is not None:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise DemoError(f"the service did not start: {lines[-1] if lines else 'no output'}")
        try:
            if probe.call("GET", "/readyz")[0] == http.client.OK:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise DemoError(f"the service was not ready after {_START_SECONDS} seconds")


def create_key(data: Path, environment: dict[str, str]) -> str:
    """Make a key with every scope the stories need, by the command line. Raises `DemoError`."""
    arguments = [part for scope in SCOPES for part in ("--scope", scope)]
    created = subprocess.run(  # noqa: S603 - this very program
        program("keys", "create", "--data", str(data), "--label", "demo", "--json", *arguments),
        capture_output=True,
        check=False,
        env=environment,
        timeout=_START_SECONDS,
    )
    if created.returncode != 0:
        raise DemoError(f"no key could be created: {created.stderr.decode(errors='replace').strip()}")
    return str(json.loads(created.stdout)["key"])
