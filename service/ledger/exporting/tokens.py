"""The token by which one export is fetched: bound to it, short-lived, and worthless for anything else.

    token = "cle_" ‖ base64url( body ‖ HMAC-SHA-256(derived key, "clv1/export-token" ‖ export id ‖ body) )
    body  = expires_at_ms[8] ‖ nonce[12] ‖ len[1] who

Nothing of it is kept: a key follows from each of the ledger's wrapping keys; the first makes tokens, all read
them. Who asked for it stands in it, so that the event that tells of the download names them; the nonce makes
one token one download.
"""

import hmac
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from msgspec import Struct

from service.core.errors import FormatError
from service.core.token import decode_base64url, encode_base64url
from service.ledger.wrapping import WrappingRing

PREFIX: Final = "cle_"
LIFETIME_MS: Final = 3_600_000
NONCE_SIZE: Final = 12
_TAG: Final = b"clv1/export-token"
_KEY_SIZE: Final = 32
_TIME_SIZE: Final = 8
_WHO_MAX: Final = 200


class Pass(Struct, frozen=True):
    """What a token says: who asked for it, until when it holds, and which download it is."""

    by: str
    expires_at_ms: int
    download: str


class ExportTokens:
    """Makes and reads tokens of one ledger."""

    def __init__(self, wrapping: WrappingRing) -> None:
        self._keys = [HKDFExpand(SHA256(), _KEY_SIZE, _TAG).derive(key) for key in wrapping.keys]

    def make(self, export_id: str, by: str, expires_at_ms: int, nonce: bytes) -> str:
        """A token for this export."""
        who = by.encode()[:_WHO_MAX]
        body = expires_at_ms.to_bytes(_TIME_SIZE) + nonce + bytes([len(who)]) + who
        return PREFIX + encode_base64url(body + _mac(self._keys[0], export_id, body))

    def read(self, token: str, export_id: str) -> Pass:
        """What this token says. Raises `FormatError` for one of another export, or of nobody."""
        try:
            raw = decode_base64url(token.removeprefix(PREFIX))
        except FormatError as error:
            raise FormatError("this is no token of an export") from error
        body, mac = raw[: -sha256().digest_size], raw[-sha256().digest_size :]
        ours = [hmac.compare_digest(mac, _mac(key, export_id, body)) for key in self._keys]
        if not token.startswith(PREFIX) or not any(ours):
            raise FormatError("this is no token of this export")
        nonce = body[_TIME_SIZE : _TIME_SIZE + NONCE_SIZE]
        who = body[_TIME_SIZE + NONCE_SIZE + 1 :].decode()
        return Pass(who, int.from_bytes(body[:_TIME_SIZE]), nonce.hex())


def _mac(key: bytes, export_id: str, body: bytes) -> bytes:
    return hmac.digest(key, _TAG + bytes.fromhex(export_id) + body, sha256)
