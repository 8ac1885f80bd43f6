"""From what people type to the one canonical form of an address. Doubtful input is refused, never guessed.

E-mail: trimmed, NFC, lower-cased, domain as its A-label (UTS 46, IDNA 2008). Dots and `+tags` are kept: they
may be different mailboxes. Phone: E.164, and therefore only with its country (`+31…`). The version of these
rules stands in the ledger's genesis entry.
"""

import re
import unicodedata
from dataclasses import dataclass

import idna
import phonenumbers
from email_validator import EmailNotValidError, validate_email

from service.core.errors import AddressError

CANONICALISER_VERSION = 1

_EMAIL_CHARS_MAX = 254
_LOCAL_CHARS_MAX = 64
_INPUT_CHARS_MAX = 320

# The common case, decided without a library: dot-atom local part, letters-digits-hyphens domain with a
# top-level domain that is not all digits. A property test holds it against `email-validator`.
_PLAIN_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!xn--)[a-z](?:[a-z0-9-]{0,61}[a-z])?"
)
# Hyphens in the third and fourth place are reserved for A-labels (RFC 5891 §4.2.3.1).
_RESERVED_LABEL = re.compile(r"(?:@|\.)[a-z0-9]{2}--")
_PHONE = re.compile(r"\+[0-9][0-9 ().\-/]{4,30}")


@dataclass(frozen=True, slots=True)
class CanonicalAddress:
    """An address in the only form under which the ledger knows it."""

    kind: str
    value: str


def canonical_address(kind: str, value: str, *, pointer: str = "/address/value") -> CanonicalAddress:
    """The canonical form of an address of `kind` "email" or "phone".

    Raises `AddressError`, which never repeats the address.
    """
    if kind == "email":
        return CanonicalAddress("email", _canonical_email(value, pointer))
    if kind == "phone":
        return CanonicalAddress("phone", _canonical_phone(value, pointer))
    raise AddressError(
        "an address is of kind email or phone", pointer=pointer.replace("value", "kind"), code="address_kind"
    )


def _canonical_email(value: str, pointer: str) -> str:
    if len(value) > _INPUT_CHARS_MAX:
        raise AddressError("the address is too long", pointer=pointer, code="address_too_long")
    lowered = value.strip(" \t").lower() if value.isascii() else value
    if _PLAIN_EMAIL.fullmatch(lowered) and not _RESERVED_LABEL.search(lowered):
        if len(lowered) > _EMAIL_CHARS_MAX or lowered.index("@") > _LOCAL_CHARS_MAX:
            raise AddressError("the address is too long", pointer=pointer, code="address_too_long")
        return lowered
    return _canonical_unusual_email(value, pointer)


def _canonical_unusual_email(value: str, pointer: str) -> str:
    """International and otherwise unusual addresses: slower, by the library."""
    composed = unicodedata.normalize("NFC", value.strip(" \t"))
    if any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for char in composed):
        raise AddressError(
            "the address holds invisible or control characters", pointer=pointer, code="address_characters"
        )
    local, at, domain = composed.rpartition("@")
    try:
        if not at:
            raise AddressError("an e-mail address has an @", pointer=pointer, code="address_syntax")
        ascii_domain = idna.encode(domain, uts46=True, transitional=False, std3_rules=True).decode().lower()
        validate_email(f"{local}@{ascii_domain}", check_deliverability=False, test_environment=True)
    except (EmailNotValidError, idna.IDNAError, UnicodeError) as error:
        raise AddressError(
            "this is not an e-mail address that can be delivered to", pointer=pointer, code="address_syntax"
        ) from error
    canonical = unicodedata.normalize("NFC", local.lower()) + "@" + ascii_domain
    if len(canonical.encode()) > _EMAIL_CHARS_MAX:
        raise AddressError("the address is too long", pointer=pointer, code="address_too_long")
    return canonical


def _canonical_phone(value: str, pointer: str) -> str:
    trimmed = value.strip(" \t")
    if not _PHONE.fullmatch(trimmed) or "(0)" in trimmed:
        raise AddressError(
            "a phone number starts with + and its country code, and holds digits only",
            pointer=pointer,
            code="address_syntax",
        )
    try:
        number = phonenumbers.parse(trimmed, None)
    except phonenumbers.NumberParseException as error:
        raise AddressError("this is not a phone number", pointer=pointer, code="address_syntax") from error
    if not phonenumbers.is_possible_number(number):
        raise AddressError(
            "no number of that country has this length", pointer=pointer, code="address_syntax"
        )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
