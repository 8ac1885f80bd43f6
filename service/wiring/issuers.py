"""The public keys of OAuth 2 issuers, fetched in the background and never because of a request's contents.

Each issuer has one place where its keys are, by configuration; `jku`, `x5u` and the like in a token are not
looked at. Keys are read at start and every `REFRESH_SECONDS`; a token that names an unknown key lets the next
refresh come early, at most once in `EARLY_SECONDS`. While an issuer cannot be reached its last keys hold for
`STALE_SECONDS`.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

import msgspec
import structlog
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from service.settings import Issuer

REFRESH_SECONDS = 300.0
EARLY_SECONDS = 60.0
STALE_SECONDS = 86_400.0

_FETCH_SECONDS = 5
_BYTES_MAX = 262_144
_KEYS_MAX = 64
_RSA_BITS_MIN = 2048
_KEY_TYPES = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "ES384": "EC", "EdDSA": "OKP"}
_CURVES = {"ES256": "P-256", "ES384": "P-384", "EdDSA": "Ed25519"}

_log = structlog.get_logger(__name__)

KeySet = dict[tuple[str, str], PyJWK]
"""Public keys by key id and algorithm."""

Fetch = Callable[[str], bytes]


class JwksError(Exception):
    """The issuer's keys cannot be had; the message says why, without the URL."""


class IssuerKeys:
    """One issuer's keys, as last read."""

    def __init__(self, issuer: Issuer, fetch: Fetch | None = None) -> None:
        self.issuer = issuer
        self.generation = 0
        """Grows whenever the keys change: what was verified under older ones is verified again."""
        self._fetch = fetch or read_jwks
        self._keys: KeySet = {}
        self._read_at = float("-inf")
        self._wanted = asyncio.Event()

    def key(self, key_id: str, algorithm: str) -> PyJWK | None:
        """The key of this id for this algorithm; an unknown one lets the next refresh come early."""
        if time.monotonic() - self._read_at > STALE_SECONDS:
            self._wanted.set()
            return None
        found = self._keys.get((key_id, algorithm))
        if found is None:
            self._wanted.set()
        return found

    async def refresh(self) -> None:
        """Read the keys now; what was read last stays when that fails."""
        try:
            raw = await asyncio.to_thread(self._fetch, self.issuer.jwks)
            keys = parse_jwks(raw, self.issuer.algorithms)
        except JwksError as error:
            _log.warning("issuer_keys_not_read", issuer=self.issuer.issuer, reason=str(error))
            return
        self._read_at = time.monotonic()
        self.generation += 1
        self._keys = keys

    async def keep_fresh(self) -> None:
        """Refresh again and again, until cancelled."""
        while True:
            self._wanted.clear()
            await asyncio.sleep(EARLY_SECONDS)
            try:
                async with asyncio.timeout(REFRESH_SECONDS - EARLY_SECONDS):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            await self.refresh()


def parse_jwks(raw: bytes, algorithms: Sequence[str]) -> KeySet:
    """The usable signing keys of a JWK set (RFC 7517); what is not usable is passed over.

    Raises `JwksError` when it is no JWK set.
    """
    try:
        listed = msgspec.json.decode(raw, type=dict[str, Any])["keys"]
    except (msgspec.DecodeError, KeyError):
        raise JwksError("it is no JWK set") from None
    keys: KeySet = {}
    for jwk in listed[:_KEYS_MAX] if isinstance(listed, list) else []:
        if isinstance(jwk, dict) and jwk.get("use", "sig") == "sig":
            keys |= _usable(jwk, algorithms)
    return keys


def _usable(jwk: dict[str, Any], algorithms: Sequence[str]) -> KeySet:
    keys: KeySet = {}
    for algorithm in algorithms:
        fits = jwk.get("kty") == _KEY_TYPES[algorithm] and jwk.get("alg", algorithm) == algorithm
        if not fits or jwk.get("crv") != _CURVES.get(algorithm) or not isinstance(jwk.get("kid"), str):
            continue
        try:
            # Only the public members: an issuer that published a private key must not end up in our memory.
            public: dict[str, Any] = {
                name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk
            }
            key = PyJWK(public, algorithm)
        except PyJWTError:
            continue
        if getattr(key.key, "key_size", _RSA_BITS_MIN) >= _RSA_BITS_MIN or jwk["kty"] != "RSA":
            keys[jwk["kid"], algorithm] = key
    return keys


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow nothing: the configured URL is the only one that is ever fetched."""


# No proxy from the environment: what is configured is asked, and nobody in between.
_OPENER = build_opener(_NoRedirects, ProxyHandler({}))


def read_jwks(where: str) -> bytes:
    """The bytes at a URL, or in a file. Blocks; raises `JwksError`."""
    try:
        if "://" not in where:
            with Path(where).open("rb") as file:
                return file.read(_BYTES_MAX)
        with _OPENER.open(where, timeout=_FETCH_SECONDS) as response:
            body: bytes = response.read(_BYTES_MAX)
            return body
    except (OSError, HTTPException) as error:
        raise JwksError(type(error).__name__) from error
