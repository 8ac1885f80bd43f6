"""The keys that may be escrowed, encrypted to a certificate: for the day the machine that held them is gone.

An escrow file is CMS EnvelopedData (RFC 5652; AES-256-CBC, RSA recipients) in PEM, so that `openssl cms
-decrypt` opens it on a machine where this program was never installed. Inside is one JSON object. It holds
what opens and names the past: the subject key, the wrapping keys and the secrets of unsubscribe links. It
never holds a signing key: who could take that from an escrow could sign another history, and a log whose
signing key is lost goes on under a new one (docs/operations.md, Keys).
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import (
    PKCS7EnvelopeBuilder,
    PKCS7Options,
    pkcs7_decrypt_pem,
)

from service.ledger.keys import LedgerKeys
from service.wiring.durable import make_private_directory, replace_durably
from service.wiring.keys.files import LINKS, SUBJECT, WRAPPING, KeysError

FORMAT = "consent-ledger-escrow/1"


class Escrowed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=FORMAT):
    """What an escrow file holds; keys in hexadecimal digits, `verifier` the vkey of the log it belongs to.

    `wrapping_key`: every key of the ring, a line each, as its file has them.
    """

    origin: str
    verifier: str
    subject_key: str
    wrapping_key: str
    unsubscribe_keys: tuple[str, ...] = ()

    def files(self) -> dict[str, str]:
        """The key files that this restores, by name."""
        links = {LINKS: "\n".join(self.unsubscribe_keys)} if self.unsubscribe_keys else {}
        return {SUBJECT: self.subject_key, WRAPPING: self.wrapping_key, **links}


def escrow(keys: LedgerKeys, certificates: Sequence[bytes]) -> bytes:
    """Encrypt what may be escrowed so that each of these PEM certificates' keys opens it.

    Raises `KeysError` when one is no certificate of an RSA key.
    """
    held = Escrowed(
        origin=keys.origin,
        verifier=keys.signer.verifier.vkey,
        subject_key=keys.subject_key_secret.hex(),
        wrapping_key="\n".join(key.hex() for key in keys.wrapping.keys),
        unsubscribe_keys=tuple(secret.hex() for secret in keys.link_secrets),
    )
    envelope = PKCS7EnvelopeBuilder().set_data(msgspec.json.encode(held))
    envelope = envelope.set_content_encryption_algorithm(AES256)
    try:
        for certificate in certificates:
            envelope = envelope.add_recipient(x509.load_pem_x509_certificate(certificate))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeysError("a recipient is a PEM certificate of an RSA key") from None
    return envelope.encrypt(Encoding.PEM, [PKCS7Options.Binary])


def open_escrow(sealed: bytes, certificate: bytes, private_key: bytes, password: bytes | None) -> Escrowed:
    """What an escrow file holds. Raises `KeysError` when this key does not open it, or it is none."""
    try:
        key = load_pem_private_key(private_key, password)
        recipient = x509.load_pem_x509_certificate(certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeysError(
            "certificate and private key are PEM files; a private key with a password needs --ask-password"
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise KeysError("the private key is not an RSA key")
    try:
        plain = pkcs7_decrypt_pem(sealed, recipient, key, [])
        return msgspec.json.decode(plain, type=Escrowed)
    except (ValueError, UnsupportedAlgorithm, msgspec.MsgspecError):
        raise KeysError("this is no escrow file, or it was made for another certificate") from None


def recover(held: Escrowed, directory: Path) -> list[str]:
    """Write the key files that are missing; returns their names. A file that is there is never replaced.

    Raises `KeysError` when one that is there is another, or the directory cannot be written.
    """
    written = []
    try:
        make_private_directory(directory)
        for name, text in held.files().items():
            path = directory / name
            if not path.exists():
                replace_durably(path, f"{text}\n".encode())
                written.append(name)
            elif path.read_text(encoding="ascii").split() != text.split():
                raise KeysError(f"{path} is there and is another key: move it away first, and keep it")
    except OSError as error:
        raise KeysError(f"cannot keep the ledger's keys in {directory}: {error.strerror}") from error
    return written
