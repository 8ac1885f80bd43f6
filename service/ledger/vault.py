"""What only this service may read again: webhook secrets and what receivers answered, sealed at rest.

Two keys are derived from the ledger's wrapping key (HKDF, RFC 5869), so that neither can stand in for the
other: one that seals (AES-256-GCM), one that signs webhooks (Ed25519). The key that signs checkpoints is not
needed to deliver anything.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from service.ledger.ports import Randomness

_NONCE_SIZE = 12


def _derived(wrapping_key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=purpose).derive(wrapping_key)


def webhook_signing_key(wrapping_key: bytes) -> Ed25519PrivateKey:
    """The key of `v1a` signatures: its public half stands in the JWKS."""
    return Ed25519PrivateKey.from_private_bytes(_derived(wrapping_key, b"clv1/webhook-ed25519"))


class Vault:
    """Seals bytes so that they open only in the same context."""

    def __init__(self, wrapping_key: bytes, random: Randomness) -> None:
        self._cipher = AESGCM(_derived(wrapping_key, b"clv1/vault"))
        self._random = random

    def seal(self, plain: bytes, context: str) -> bytes:
        """Seal these bytes."""
        nonce = self._random(_NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Open what `seal` made. Raises `cryptography.exceptions.InvalidTag` on anything else."""
        return self._cipher.decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], context.encode())
