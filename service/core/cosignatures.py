r"""What a cosigner signs of a checkpoint (C2SP tlog-cosignature), and how its signature is made up.

A cosignature is u64(time, seconds since 1970) ‖ signature. By Ed25519 (type 0x04) two lines are signed, and
the whole text after them:

    cosignature/v1
    time 1679315147
    …

By ML-DSA-44 (type 0x06, FIPS 204 with an empty context) it is what the three lines of a checkpoint say:

    "subtree/v1\n\0" ‖ u8 + cosigner's name ‖ u64 time ‖ u8 + origin ‖ u64 0 ‖ u64 size ‖ root[32]

Its time may be zero: then nothing is said of this having been the newest state. Every integer is big-endian.
"""

import base64
import binascii
import re
import struct
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from service.core.errors import SignatureError

ED25519: Final = 0x01
COSIGNATURE: Final = 0x04
MLDSA_COSIGNATURE: Final = 0x06

KEY_SIZES: Final = {ED25519: 32, COSIGNATURE: 32, MLDSA_COSIGNATURE: 1312}
"""Bytes of a public key, by the type of its signatures."""

_SIGNATURE_SIZES: Final = {COSIGNATURE: 64, MLDSA_COSIGNATURE: 2420}
_TIME_SIZE: Final = 8
_TIME_MAX: Final = 2**63 - 1
_NAME_BYTES_MAX: Final = 255
_ROOT_SIZE: Final = 32
_LABEL: Final = b"subtree/v1\n\x00"
_CHECKPOINT: Final = re.compile(r"(.+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n")


def split_cosignature(name: str, kind: int, signature: bytes) -> tuple[int, bytes]:
    """Time and signature of a cosignature. Raises `SignatureError` for another length or time."""
    if len(signature) != _TIME_SIZE + _SIGNATURE_SIZES[kind]:
        raise SignatureError(f"the cosignature of {name} has another length")
    (time,) = struct.unpack_from(">Q", signature)
    if time > _TIME_MAX:
        raise SignatureError(f"the cosignature of {name} is of no time")
    return time, signature[_TIME_SIZE:]


def cosigned_message(name: str, kind: int, text: str, time: int) -> bytes:
    """What this cosigner signs at this time. Raises `SignatureError` for a text that is no checkpoint."""
    if kind == COSIGNATURE:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    found = _CHECKPOINT.fullmatch(text)
    if found is None:
        raise SignatureError(f"the cosignature of {name} is of no checkpoint of three lines")
    origin, cosigner = found[1].encode(), name.encode()
    size, root = int(found[2]), _root(found[3])
    if max(len(origin), len(cosigner)) > _NAME_BYTES_MAX or root is None or size > _TIME_MAX:
        raise SignatureError(f"no cosignature of {name} can be of this checkpoint")
    return b"".join(
        (
            _LABEL,
            bytes([len(cosigner)]) + cosigner,
            struct.pack(">Q", time),
            bytes([len(origin)]) + origin,
            struct.pack(">QQ", 0, size),
            root,
        )
    )


def check_signature(name: str, kind: int, public: bytes, signature: bytes, message: bytes) -> None:
    """Raises `SignatureError` unless the key signed this message."""
    try:
        if kind == MLDSA_COSIGNATURE:
            MLDSA44PublicKey.from_public_bytes(public).verify(signature, message)
        else:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature as error:
        raise SignatureError(f"the signature of {name} is wrong") from error
    except UnsupportedAlgorithm as error:
        raise SignatureError(
            f"the signature of {name} is ML-DSA-44, which the OpenSSL of this machine does not have"
        ) from error


def _root(text: str) -> bytes | None:
    try:
        root = base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
    return root if len(root) == _ROOT_SIZE and base64.b64encode(root).decode() == text else None
