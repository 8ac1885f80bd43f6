"""An OAuth 2 authorisation server, as far as a resource server sees one: keys, and tokens signed by them."""

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from jwt.algorithms import get_default_algorithms

AUDIENCE = "https://ledger.example"


@dataclass
class AuthorisationServer:
    """One issuer. Its first key of each algorithm has the algorithm's name as id."""

    name: str = "https://idp.example"
    keys: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = {
            "RS256": generate_rsa_key(65537, 2048),
            "ES256": generate_private_key(SECP256R1()),
            "EdDSA": Ed25519PrivateKey.generate(),
        }

    def jwks(self) -> bytes:
        """Its public keys (RFC 7517)."""
        algorithms: Any = get_default_algorithms()
        listed = [
            {**json.loads(algorithms[name].to_jwk(key.public_key())), "kid": name, "alg": name, "use": "sig"}
            for name, key in self.keys.items()
        ]
        return json.dumps({"keys": [{"kty": "unheard of"}, *listed]}).encode()

    def claims(self, **changes: object) -> dict[str, Any]:
        """The claims of RFC 9068 section 2.2; a change to None leaves one out."""
        now = int(time.time())
        claims = {
            "iss": self.name,
            "exp": now + 7_200,
            "aud": AUDIENCE,
            "sub": "crm",
            "client_id": "crm",
            "iat": now,
            "jti": "1",
            "scope": "openid check:read check:detail",
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self,
        algorithm: str = "EdDSA",
        *,
        header: dict[str, Any] | None = None,
        claims: dict[str, Any] | None = None,
    ) -> str:
        """A signed access token, also one that no library would write; what is None is left out."""
        head = {"alg": algorithm, "typ": "at+jwt", "kid": algorithm, **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        signing = f"{encoded(head)}.{encoded(self.claims(**(claims or {})))}"
        algorithms: Any = get_default_algorithms()
        return f"{signing}.{encoded(algorithms[algorithm].sign(signing.encode(), self.keys[algorithm]))}"


def encoded(part: object) -> str:
    """One part of a token: base64url of bytes, or of a value's JSON."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
