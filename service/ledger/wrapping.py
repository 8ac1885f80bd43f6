"""The keys that wrap what a ledger seals: the first seals, every one of them opens.

Usually there is one. While it gives way to another there are two, in every process, and their order may
differ from process to process: what one seals the other opens. Nothing that is sealed names its key; AES-GCM
authenticates, so each key is tried in turn (a wrong one is refused in about a microsecond).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.ledger.ports import Randomness

_NONCE_SIZE = 12
_ID_TAG = b"clv1/wrapping-key-id"
_ID_CHARS = 8


def wrapping_key_id(key: bytes) -> str:
    """How people call a wrapping key: eight hexadecimal digits that give nothing of it away."""
    return hashlib.sha256(_ID_TAG + key).hexdigest()[:_ID_CHARS]


def _itself(key: bytes) -> bytes:
    return key


@dataclass(frozen=True, slots=True)
class WrappingRing:
    """At least one key of 32 bytes, the one that seals first."""

    keys: tuple[bytes, ...] = field(repr=False)

    @property
    def ids(self) -> tuple[str, ...]:
        """What the keys are called, in their order."""
        return tuple(wrapping_key_id(key) for key in self.keys)

    def cipher(self, random: Randomness, derived: Callable[[bytes], bytes] = _itself) -> "RingCipher":
        """What seals and opens with what is `derived` from each key."""
        return RingCipher(tuple(AESGCM(derived(key)) for key in self.keys), random)


class RingCipher:
    """AES-256-GCM under the first of several keys; opens what was sealed under any of them."""

    __slots__ = ("_ciphers", "_random")

    def __init__(self, ciphers: tuple[AESGCM, ...], random: Randomness) -> None:
        self._ciphers = ciphers
        self._random = random

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Seal these bytes so that they open only in this context."""
        nonce = self._random(_NONCE_SIZE)
        return nonce + self._ciphers[0].encrypt(nonce, plain, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Open what `seal` made. Raises `cryptography.exceptions.InvalidTag` on anything else."""
        return self.opened(sealed, context)[1]

    def renewed(self, sealed: bytes, context: bytes) -> bytes | None:
        """The same, sealed under the first key; None where it is already. Raises `InvalidTag`."""
        place, plain = self.opened(sealed, context)
        return self.seal(plain, context) if place else None

    def opened(self, sealed: bytes, context: bytes) -> tuple[int, bytes]:
        """What it holds, and the place in the ring of the key that opened it. Raises `InvalidTag`."""
        nonce, rest = sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:]
        for place, cipher in enumerate(self._ciphers):
            try:
                return place, cipher.decrypt(nonce, rest, context)
            except InvalidTag:
                continue
        raise InvalidTag
