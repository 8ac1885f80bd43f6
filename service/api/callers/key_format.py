"""The text of an API key: `clk_<12-character id>_<43-character secret><8-digit checksum>`.

The prefix and the CRC-32 (as GitHub's tokens have them) let a secret scanner tell a leaked key from a
look-alike, and let us refuse a typing error without asking the database; neither protects anything. What is
stored is the SHA-256 of the secret, and no slow hash: it is 256 random bits, so there is nothing to guess,
and a slow hash would only be load.
"""

import hashlib
import hmac
import re
import zlib

from service.core.token import encode_base64url

PREFIX = "clk_"
RANDOM_BYTES = 44

_KEY = re.compile(r"clk_(?P<id>[0-9a-z]{12})_(?P<secret>[A-Za-z0-9_-]{43})(?P<sum>[0-9a-f]{8})")
_KEY_ID = re.compile(r"[0-9a-z]{12}")
_ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"


def new_key(random: bytes) -> tuple[str, str, bytes]:
    """A new key from 44 random bytes: its text (shown once), its id and the SHA-256 of its secret."""
    key_id = "".join(_ID_ALPHABET[byte % len(_ID_ALPHABET)] for byte in random[:12])
    secret = encode_base64url(random[12:RANDOM_BYTES])
    return (
        f"{PREFIX}{key_id}_{secret}{_checksum(key_id, secret)}",
        key_id,
        hashlib.sha256(secret.encode()).digest(),
    )


def parse_key(text: str) -> tuple[str, bytes] | None:
    """Key id and SHA-256 of the secret; None for anything else, told by its shape and checksum alone."""
    found = _KEY.fullmatch(text)
    if found is None or not hmac.compare_digest(_checksum(found["id"], found["secret"]), found["sum"]):
        return None
    return found["id"], hashlib.sha256(found["secret"].encode()).digest()


def is_key_id(text: str) -> bool:
    """Whether some key could have this id."""
    return _KEY_ID.fullmatch(text) is not None


def _checksum(key_id: str, secret: str) -> str:
    return f"{zlib.crc32(f'{key_id}_{secret}'.encode()):08x}"
