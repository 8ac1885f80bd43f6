"""OAuth 2 access tokens as JWTs (RFC 9068): verified here, by keys that are here already.

Refused is whatever RFC 8725 warns of: an algorithm that was not allowed for this issuer, a `typ` that is not
`at+jwt` (an ID token is no access token), another audience, a key that the token brings along, an unknown
`crit`. A token that was verified is remembered until it expires, so that a client's next request costs a hash
and not a signature.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from service.api.callers.principal import Principal, Quota, is_scope
from service.ledger.ports import Clock
from service.wiring.issuers import IssuerKeys

LEEWAY_SECONDS = 30
"""How far clocks may differ."""

TOKEN_BYTES_MAX = 8_192

_TYPES = ("at+jwt", "application/at+jwt")
_REQUIRED = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]
_KNOWN_MAX = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    expires_at_ms: int
    keys: IssuerKeys
    generation: int


class AccessTokens:
    """Implements `api.principal.KeyRing` for access tokens. `ledgers`: ids of ledgers by name, live."""

    def __init__(
        self, issuers: list[IssuerKeys], ledgers: Mapping[str, int], clock: Clock, quota: Quota
    ) -> None:
        self._issuers = {keys.issuer.issuer: keys for keys in issuers}
        self._ledgers = ledgers
        self._clock = clock
        self._quota = quota
        self._known: dict[bytes, _Known] = {}

    async def authenticate(self, authorization: str) -> Principal | None:
        """The caller of this `Authorization` header, or None when it holds no valid token for us."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or len(token) > TOKEN_BYTES_MAX or not token.isascii():
            return None
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None:
            if known.generation == known.keys.generation and self._clock() < known.expires_at_ms:
                return known.principal
            del self._known[digest]
        verified = self._verify(token)
        if verified is None:
            return None
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known[digest] = verified
        return verified.principal

    def _verify(self, token: str) -> _Known | None:
        try:
            unverified = jwt.decode_complete(token, options={"verify_signature": False})
            keys = self._issuers.get(str(unverified["payload"].get("iss")))
            key = _key(keys, unverified["header"]) if keys is not None else None
            if keys is None or key is None:
                return None
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=keys.issuer.audience,
                issuer=keys.issuer.issuer,
                # The library has a clock of its own; times are compared with ours, below.
                options={
                    "require": _REQUIRED,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "enforce_minimum_key_length": True,
                },
            )
            return self._known_of(keys, claims)
        except (PyJWTError, ArithmeticError, RecursionError, TypeError, ValueError):
            # The others: what the library itself does not foresee in a hostile token.
            return None

    def _known_of(self, keys: IssuerKeys, claims: dict[str, Any]) -> _Known | None:
        now, leeway = self._clock(), LEEWAY_SECONDS * 1000
        expiry, issued = _milliseconds(claims["exp"]), _milliseconds(claims["iat"])
        begin = _milliseconds(claims.get("nbf", claims["iat"]))
        if not (now < expiry + leeway and max(issued, begin) <= now + leeway):
            return None
        issuer = keys.issuer
        name = claims.get(issuer.ledger_claim) if issuer.ledger_claim is not None else issuer.ledger
        ledger_id = self._ledgers.get(name) if isinstance(name, str) else None
        if ledger_id is None:
            return None
        principal = Principal(
            key_id=_client(issuer.issuer, claims["client_id"]),
            ledger_id=ledger_id,
            scopes=_scopes(claims.get(issuer.scope_claim)),
            quota=self._quota,
        )
        return _Known(principal, expiry + leeway, keys, keys.generation)


def _key(keys: IssuerKeys, header: dict[str, Any]) -> jwt.PyJWK | None:
    typ, key_id, algorithm = header.get("typ"), header.get("kid"), header.get("alg")
    if not isinstance(typ, str) or typ.lower() not in _TYPES or "crit" in header:
        return None
    if not isinstance(key_id, str) or not isinstance(algorithm, str):
        return None
    return keys.key(key_id, algorithm)


def _milliseconds(claim: object) -> int:
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise TypeError("a time is a number")
    return int(claim * 1000)


def _client(issuer: str, client_id: object) -> str:
    # A digest: a client id may be anything, and this stands in logs and in the table of quotas.
    return "jwt_" + hashlib.sha256(f"{issuer}\0{client_id}".encode()).hexdigest()[:24]


def _scopes(claim: object) -> frozenset[str]:
    """Those of the token's scopes that mean something here (RFC 8693 section 4.2: a spaced string)."""
    named = claim.split() if isinstance(claim, str) else claim
    if not isinstance(named, list):
        return frozenset()
    return frozenset(name for name in named if isinstance(name, str) and is_scope(name))
