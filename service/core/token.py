"""The decision token: a JWS (RFC 7515 compact, EdDSA by RFC 8037) over one answer, checkable with the JWKS.

Header `{"alg":"EdDSA","kid":…,"typ":"clv1-decision+jwt"}`; payload: canonical JSON of `iss` (the log's
origin), `iat` (seconds), `subject` (subject key, hex), `question`, `decision`, `rulebook` (hash, hex), `size`
and `root` (hex) of the log it was answered from. No address.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from service.core.canonical import canonical_json, parse_canonical
from service.core.errors import FormatError, SignatureError

TOKEN_TYPE = "clv1-decision+jwt"  # noqa: S105 - a media type, not a password
CAMPAIGN_TOKEN_TYPE = "clv1-campaign+jwt"  # noqa: S105 - same
_PARTS = 3


def encode_base64url(raw: bytes) -> str:
    """Unpadded base64url (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes:
    """The bytes of unpadded base64url. Raises `FormatError` for what would not encode to the same."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise FormatError("not base64url") from error
    if encode_base64url(raw) != text:
        raise FormatError("not base64url in its only form")
    return raw


def token_header(kid: str, typ: str = TOKEN_TYPE) -> str:
    """The first part of every token of one type under one key."""
    return encode_base64url(canonical_json({"alg": "EdDSA", "kid": kid, "typ": typ}))


def sign_token(key: Ed25519PrivateKey, header: str, payload: Mapping[str, object]) -> str:
    """A token over `payload`; `header` comes from `token_header`."""
    signed = signed_part(header, payload)
    return f"{signed.decode()}.{encode_base64url(key.sign(signed))}"


def signed_part(header: str, payload: Mapping[str, object]) -> bytes:
    """What is signed of a token over `payload`: its first two parts."""
    return f"{header}.{encode_base64url(canonical_json(payload))}".encode()


def open_token(token: str, keys: Mapping[str, Ed25519PublicKey], typ: str = TOKEN_TYPE) -> dict[str, Any]:
    """The payload of a token of this type signed by one of `keys` (by `kid`).

    Raises `FormatError` when it is no such token and `SignatureError` when no known key signed it.
    """
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise FormatError("a token has three parts")
    header = parse_canonical(decode_base64url(parts[0]))
    if not isinstance(header, dict) or header.keys() != {"alg", "kid", "typ"}:
        raise FormatError("not the header of a decision token")
    if header["alg"] != "EdDSA" or header["typ"] != typ:
        raise FormatError("not an EdDSA decision token")
    key = keys.get(str(header["kid"]))
    if key is None:
        raise SignatureError("the token names a key that is not known")
    try:
        key.verify(decode_base64url(parts[2]), f"{parts[0]}.{parts[1]}".encode())
    except InvalidSignature as error:
        raise SignatureError("the token's signature is wrong") from error
    payload = parse_canonical(decode_base64url(parts[1]))
    if not isinstance(payload, dict):
        raise FormatError("the payload of a token is an object")
    return payload


def jwk(kid: str, key: Ed25519PublicKey) -> dict[str, str]:
    """The key as a JSON Web Key (RFC 8037)."""
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "use": "sig",
        "alg": "EdDSA",
        "kid": kid,
        "x": encode_base64url(key.public_bytes_raw()),
    }
