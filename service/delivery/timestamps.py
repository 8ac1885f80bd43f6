"""Time stamps of bytes (RFC 3161): what is asked, and what an answer shows. No network here.

The authority is one that the reader names by its certificates: PEM, one root at least, the others on the way
to it, and best its own, so that no other certificate of that root can stamp. A stamp shows that these bytes
existed at its time, on the word of that authority.
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography.x509 import (
    Certificate,
    ExtendedKeyUsage,
    ExtensionNotFound,
    load_pem_x509_certificates,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import (
    TimestampRequestBuilder,
    VerificationError,
    Verifier,
    VerifierBuilder,
    decode_timestamp_response,
)

from service.core.errors import ProofError


@dataclass(frozen=True, slots=True)
class TimestampTrust:
    """The certificates of an authority: roots, what leads to them, and its own where they are pinned."""

    roots: tuple[Certificate, ...]
    intermediates: tuple[Certificate, ...] = ()
    own: tuple[Certificate, ...] = ()


def read_trust(path: Path) -> TimestampTrust:
    """Read certificates in PEM. Raises `ProofError` when there is no root among them."""
    try:
        found = load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        raise ProofError(f"{path} holds no certificates in PEM") from None
    roots = tuple(each for each in found if each.issuer == each.subject)
    if not roots:
        raise ProofError(f"{path} holds no self-signed certificate: add the authority's root")
    others = [each for each in found if each.issuer != each.subject]
    own = tuple(each for each in others if _stamps(each))
    return TimestampTrust(roots, tuple(each for each in others if each not in own), own)


def timestamp_request(message: bytes, trust: TimestampTrust) -> tuple[bytes, int]:
    """A request over the SHA-256 of these bytes (DER), and its nonce.

    An authority whose own certificate is at hand is not asked for it, and its stamps are shorter.
    """
    builder = TimestampRequestBuilder().data(message).nonce(nonce=True)
    request = builder.cert_request(cert_request=not trust.own).build()
    nonce = request.nonce
    if nonce is None:
        raise ProofError("a request has a nonce")
    return request.as_bytes(), nonce


def verified_time(response: bytes, message: bytes, trust: TimestampTrust, *, nonce: int | None = None) -> int:
    """When these bytes were stamped, in milliseconds since 1970.

    The chain is verified at the time of the stamp, so a stamp outlives its certificate. Raises `ProofError`.
    """
    failure = ""
    for own in trust.own or (None,):
        try:
            decoded = decode_timestamp_response(response)
            _verifier(trust, own, nonce).verify_message(decoded, message)
            return round(decoded.tst_info.gen_time.timestamp() * 1000)
        except (ValueError, VerificationError) as error:
            failure = str(error)
    raise ProofError(f"the time stamp does not verify: {failure}")


def _verifier(trust: TimestampTrust, own: Certificate | None, nonce: int | None) -> Verifier:
    builder = VerifierBuilder(roots=list(trust.roots), intermediates=list(trust.intermediates))
    if own is not None:
        builder = builder.tsa_certificate(own)
    if nonce is not None:
        builder = builder.nonce(nonce)
    return builder.build()


def _stamps(certificate: Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(ExtendedKeyUsage)
    except ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.TIME_STAMPING in usage.value
