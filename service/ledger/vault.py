"""What only this service may read again: webhook secrets and what receivers answered, sealed at rest.

Two keys are derived from each of the ledger's wrapping keys (HKDF, RFC 5869), so that neither can stand in
for the other: one that seals (AES-256-GCM), one that signs webhooks (Ed25519). The key that signs checkpoints
is not needed to deliver anything.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from service.ledger.ports import Randomness
from service.ledger.wrapping import WrappingRing


def _derived(wrapping_key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=purpose).derive(wrapping_key)


def webhook_signing_keys(wrapping: WrappingRing) -> tuple[Ed25519PrivateKey, ...]:
    """The keys of `v1a` signatures: their public halves stand in the JWKS.

    Every one of them signs every webhook: a receiver that knows one verifies by it, whichever it is.
    """
    return tuple(
        Ed25519PrivateKey.from_private_bytes(_derived(key, b"clv1/webhook-ed25519")) for key in wrapping.keys
    )


class Vault:
    """Seals bytes so that they open only in the same context."""

    def __init__(self, wrapping: WrappingRing, random: Randomness) -> None:
        self.cipher = wrapping.cipher(random, lambda key: _derived(key, b"clv1/vault"))

    def seal(self, plain: bytes, context: str) -> bytes:
        """Seal these bytes."""
        return self.cipher.seal(plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Open what `seal` made. Raises `cryptography.exceptions.InvalidTag` on anything else."""
        return self.cipher.open(sealed, context.encode())
