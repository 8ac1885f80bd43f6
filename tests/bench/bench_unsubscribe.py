"""What the way out costs each allow, beside the three primitives it cannot do without.

Run: `python tests/bench/bench_unsubscribe.py`.
"""

import base64
import hmac
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from service.core.unsubscribe import LinkKeys, UnsubscribeLink
from service.ledger.addresses import canonical_address
from service.ledger.admission import Admission
from tests.bench.bench_decide import median_us, report
from tests.support.small_ledger import keys_from

SUBJECT = bytes(range(32))
NAMES_BYTES = 76


def main() -> None:
    """Measure and write the medians."""
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
    report("HMAC, AES-SIV, base64", lowest)
    report("header of an allow", took, f"the floor is {lowest / took:.2f} of it; {len(token)} characters")
    report("open a token", median_us(lambda: links.open(token)))


if __name__ == "__main__":
    main()
