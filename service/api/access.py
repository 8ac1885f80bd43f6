"""Who is calling: API keys, request ids and scopes, in one ASGI middleware.

Keys look like `clk_<12-character id>_<43-character secret><8-digit checksum>`. Only the SHA-256 of the secret
is stored: the secret is 256 random bits, so a slow hash would add nothing but load.
"""

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass
from typing import Protocol, cast

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import ApiError
from service.core.token import encode_base64url

SCOPES = {
    "record:write": "append events",
    "withdrawal:write": "append withdrawals and objections",
    "record:read": "read forms, senders and rulebooks",
    "check:read": "ask whether a message may be sent",
    "check:detail": "see why, and on which events an answer rests",
    "event:read": "hear of every event, under pseudonyms",
    "subject:resolve": "see the address an event concerns",
    "proof:read": "fetch proof bundles",
    "proof:disclose": "fetch bundles with the secret that ties them to addresses: for a regulator",
    "link:write": "make unsubscribe links",
    "form:write": "publish forms",
    "sender:write": "register senders",
    "rulebook:write": "publish rulebooks",
}
PUBLIC = "public"

_KEY = re.compile(r"clk_(?P<id>[0-9a-z]{12})_(?P<secret>[A-Za-z0-9_-]{43})(?P<sum>[0-9a-f]{8})")
_ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is kept of a key."""

    key_id: str
    ledger_id: int
    secret_sha256: bytes
    scopes: frozenset[str]
    expires_at_ms: int
    revoked: bool


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller: its ledger comes from the credential, never from the request."""

    key_id: str
    ledger_id: int
    scopes: frozenset[str]


class KeyRing(Protocol):
    """Where keys are looked up."""

    async def authenticate(self, authorization: str) -> Principal | None:
        """The caller of this `Authorization` header, or None when it holds no live key."""


def new_key(random: bytes) -> tuple[str, str, bytes]:
    """A new key from 44 random bytes: its text (shown once), its id and the SHA-256 of its secret."""
    key_id = "".join(_ID_ALPHABET[byte % len(_ID_ALPHABET)] for byte in random[:12])
    secret = encode_base64url(random[12:44])
    return (
        f"clk_{key_id}_{secret}{_checksum(key_id, secret)}",
        key_id,
        hashlib.sha256(secret.encode()).digest(),
    )


def parse_authorization(header: str) -> tuple[str, bytes] | None:
    """Key id and SHA-256 of the secret of `Bearer clk_…`; None for anything else, told by its checksum."""
    scheme, _, credential = header.partition(" ")
    found = _KEY.fullmatch(credential)
    if scheme.lower() != "bearer" or found is None:
        return None
    if not hmac.compare_digest(_checksum(found["id"], found["secret"]), found["sum"]):
        return None
    return found["id"], hashlib.sha256(found["secret"].encode()).digest()


def _checksum(key_id: str, secret: str) -> str:
    # Lets a scanner tell a leaked key from a look-alike without asking us; it protects nothing.
    return f"{zlib.crc32(f'{key_id}_{secret}'.encode()):08x}"


class Access(ASGIMiddleware):
    """Gives every request an id and refuses what the route's `scope` does not allow."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Authenticate, then pass on with the principal in the request's state."""
        headers = dict(scope["headers"])
        state = scope.setdefault("state", {})
        sent = headers.get(b"x-request-id", b"")
        request_id = sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(8).encode()
        state["request_id"] = request_id.decode()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start" and b"x-request-id" not in dict(message["headers"]):
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        wanted = cast("str | None", scope["route_handler"].opt.get("scope"))
        if wanted != PUBLIC:
            state["principal"] = await self._authenticated(headers, wanted)
        await next_app(scope, receive, send_with_id)

    async def _authenticated(self, headers: dict[bytes, bytes], wanted: str | None) -> Principal:
        header = headers.get(b"authorization", b"").decode("latin-1")
        principal = await self._keys.authenticate(header)
        if principal is None:
            raise ApiError(401, "unauthenticated", "A valid API key is needed")
        require_scope(principal, wanted)
        return principal


def require_scope(principal: Principal, wanted: str | None) -> None:
    """Refuse a caller whose key does not hold the scope. None: any live key will do."""
    if wanted is not None and wanted not in principal.scopes:
        raise ApiError(403, "insufficient-scope", "The key may not do this", f"the key lacks {wanted}")
