"""A witness that cosigns by ML-DSA-44, as those of others do: ours is Ed25519."""

import base64
import struct
from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from service.core.cosignatures import MLDSA_COSIGNATURE
from service.core.notes import Verifier


@dataclass(frozen=True)
class MldsaCosigner:
    """A name and the seed of its key."""

    name: str
    seed: bytes

    @cached_property
    def key(self) -> MLDSA44PrivateKey:
        """The private key."""
        return MLDSA44PrivateKey.from_seed_bytes(self.seed)

    @cached_property
    def verifier(self) -> Verifier:
        """The public side."""
        return Verifier(self.name, MLDSA_COSIGNATURE, self.key.public_key().public_bytes_raw())

    def cosign(self, text: str, time: int) -> str:
        """The signature line, by the words of the specification rather than by our code."""
        origin, size, root = text[:-1].split("\n")
        signed = b"subtree/v1\n\0" + _counted(self.name) + struct.pack(">Q", time) + _counted(origin)
        signed += struct.pack(">QQ", 0, int(size)) + base64.b64decode(root)
        blob = self.verifier.key_id + struct.pack(">Q", time) + self.key.sign(signed)
        return f"\u2014 {self.name} {base64.b64encode(blob).decode()}\n"


def _counted(text: str) -> bytes:
    return bytes([len(text.encode())]) + text.encode()


MLDSA_WITNESS = MldsaCosigner("witness.example/pq", b"\x06" * 32)
