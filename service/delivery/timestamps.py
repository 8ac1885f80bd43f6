"""Time stamps of bytes (RFC 3161): what is asked, and what an answer shows. No network here.

The authority is one that the reader names by its certificates: PEM, one root at least, the others on the way
to it. A stamp shows that these bytes existed at its time, on the word of that authority.
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from service.core.errors import ProofError


@dataclass(frozen=True, slots=True)
class TimestampTrust:
    """The certificates of an authority: self-signed ones are roots, the others lead to them."""

    roots: tuple[Certificate, ...]
    intermediates: tuple[Certificate, ...] = ()


def read_trust(path: Path) -> TimestampTrust:
    """Read certificates in PEM. Raises `ProofError` when there is no root among them."""
    try:
        found = load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        raise ProofError(f"{path} holds no certificates in PEM") from None
    roots = tuple(each for each in found if each.issuer == each.subject)
    if not roots:
        raise ProofError(f"{path} holds no self-signed certificate: add the authority's root")
    return TimestampTrust(roots, tuple(each for each in found if each.issuer != each.subject))


def timestamp_request(message: bytes) -> tuple[bytes, int]:
    """A request over the SHA-256 of these bytes (DER), and its nonce."""
    request = (
        TimestampRequestBuilder().data(message).nonce(nonce=True).cert_request(cert_request=True).build()
    )
    nonce = request.nonce
    if nonce is None:
        raise ProofError("a request has a nonce")
    return request.as_bytes(), nonce


def verified_time(response: bytes, message: bytes, trust: TimestampTrust, *, nonce: int | None = None) -> int:
    """When these bytes were stamped, in milliseconds since 1970.

    The chain is verified at the time of the stamp, so a stamp outlives its certificate. Raises `ProofError`.
    """
    builder = VerifierBuilder()
    for certificate in trust.roots:
        builder = builder.add_root_certificate(certificate)
    for certificate in trust.intermediates:
        builder = builder.add_intermediate_certificate(certificate)
    if nonce is not None:
        builder = builder.nonce(nonce)
    try:
        decoded = decode_timestamp_response(response)
        builder.build().verify_message(decoded, message)
        return round(decoded.tst_info.gen_time.timestamp() * 1000)
    except (ValueError, VerificationError) as error:
        raise ProofError(f"the time stamp does not verify: {error}") from error
