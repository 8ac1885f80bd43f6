"""A service that says what a test tells it to, with a key of its own: for everything that can go wrong."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from service.core.token import jwk, sign_token, token_header

Said = tuple[int, bytes, dict[str, str]]
"""Status, body and header fields of an answer."""

KID = "0a1b2c3d"


@dataclass(slots=True)
class Asked:
    """One request: its body, its header fields (lower case) and when it came (monotonic)."""

    body: bytes
    headers: Mapping[str, str]
    at: float


@dataclass(slots=True)
class Scripted:
    """What the service says to one POST after the other, the last for ever; and what it was asked."""

    answers: list[Said]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    keys: dict[str, Ed25519PrivateKey] = field(default_factory=lambda: {KID: Ed25519PrivateKey.generate()})
    keys_read: int = 0
    keys_away: bool = False

    def jwks(self) -> bytes:
        """Its public keys."""
        self.keys_read += 1
        return json.dumps({"keys": [jwk(kid, key.public_key()) for kid, key in self.keys.items()]}).encode()

    def answer(self, question: Mapping[str, Any], **changes: Any) -> Said:  # noqa: ANN401 - claims
        """A signed allow of this question; `changes` to what is shown, or in `claims` to what is signed."""
        shown = {
            "decision": "allow",
            "reason_code": "CONSENT",
            "basis": "consent",
            "needs_human": False,
            "evaluated_at": "2026-11-23T10:16:00.000Z",
            "expires_at": None,
        }
        asked = {name: value for name, value in question.items() if name not in ("address", "proof")}
        claims = {"iss": "ledger.test/main/1", "iat": int(time.time()), "question": asked, "decision": shown}
        claims |= changes.pop("claims", {})
        kid = changes.pop("kid", KID)
        token = sign_token(self.keys[kid], token_header(kid), claims)
        return 200, json.dumps({**shown, "position": 1, "token": token, **changes}).encode(), {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    told: Scripted

    def do_GET(self) -> None:
        self._say((503, b"", {}) if self.told.keys_away else (200, self.told.jwks(), {}))

    def do_POST(self) -> None:
        told, body = self.told, self._body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        told.asked.append(Asked(body, headers, time.monotonic()))
        self._say(told.answers[min(len(told.asked), len(told.answers)) - 1])

    def _body(self) -> bytes:
        if self.headers["transfer-encoding"] != "chunked":
            return self.rfile.read(int(self.headers["content-length"]))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _say(self, said: Said) -> None:
        status, body, headers = said
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def a_service_that_says(*answers: Said) -> Iterator[Scripted]:
    """One on the loopback address."""
    told = Scripted(list(answers))
    handler = type("Handler", (_Handler,), {"told": told})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
