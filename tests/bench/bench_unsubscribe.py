"""What the way out costs each allow, beside the three primitives it cannot do without."""

import base64
import hmac

from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from service.core.unsubscribe import LinkKeys, UnsubscribeLink
from service.ledger.addresses import canonical_address
from service.ledger.appending.admission import Admission
from tests.bench.bench_decide import median_us
from tests.bench.table import Line
from tests.support.small_ledger import keys_from

SUBJECT = bytes(range(32))
NAMES_BYTES = 76


def measure_unsubscribe() -> list[Line]:
    """Medians of making and opening a token."""
    keys = keys_from("bench")
    links = LinkKeys(keys.all_link_secrets(), keys.origin)
    admission = Admission(keys, bytes)
    address = canonical_address("email", "jane@example.org")
    cipher, plain, tag = AESSIV(bytes(range(64))), bytes(NAMES_BYTES), [b"clv1/unsubscribe" + b"o" * 18]

    def floor() -> str:
        hmac.digest(SUBJECT, plain, "sha256")
        return base64.urlsafe_b64encode(cipher.encrypt(plain, tag)).decode()

    def header() -> str:
        link = UnsubscribeLink(admission.subject_of(address), "acme", "newsletter", "email")
        return f"<https://prefs.example.com/u/{links.seal(link)}>"

    token = links.seal(UnsubscribeLink(SUBJECT, "acme", "newsletter", "email"))
    lowest, took = median_us(floor), median_us(header)
    opened = median_us(lambda: links.open(token))
    return [
        Line("unsubscribe header of an allow", f"{took:.1f} us", f"{lowest:.1f} us", f"{lowest / took:.2f}"),
        Line("unsubscribe token opened", f"{opened:.1f} us"),
    ]
