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
CANONICAL_KINDS = ("email", "phone")

_EMAIL_BYTES_MAX = 254
_LOCAL_BYTES_MAX = 64
_INPUT_CHARS_MAX = 320

# The common case, decided without a library: dot-atom local part, letters-digits-hyphens domain with a
# top-level domain that is not all digits. A property test holds it against `email-validator`.
_PLAIN_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!xn--)[a-z](?:[a-z0-9-]{0,61}[a-z])?"
)
# Hyphens in the third and fourth place are reserved for A-labels (RFC 5891 §4.2.3.1).
_RESERVED_LABEL = re.compile(r"(?:@|\.)[a-z0-9]{2}--")
# Two labels at least, and a top-level domain that ends in a letter, as all do: `user@host` is no address.
_DOMAIN = re.compile(r"(?:[a-z0-9-]+\.)+[a-z0-9-]*[a-z]")
_PHONE = re.compile(r"\+[0-9][0-9 ().\-/]{4,30}")
_NO_DIGIT = re.compile(r"[^0-9]")


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


def plain_email(value: str) -> str | None:
    """The canonical form of an e-mail address that is plain; None: ask `canonical_address`."""
    lowered = value.lower()
    plain = len(value) <= _LOCAL_BYTES_MAX and value.isascii() and _PLAIN_EMAIL.fullmatch(lowered)
    return lowered if plain and "--" not in lowered else None


def _canonical_email(value: str, pointer: str) -> str:
    if len(value) > _INPUT_CHARS_MAX:
        raise AddressError("the address is too long", pointer=pointer, code="address_too_long")
    lowered = value.strip(" \t").lower() if value.isascii() else value
    if _PLAIN_EMAIL.fullmatch(lowered) and not _RESERVED_LABEL.search(lowered):
        _require_short(lowered, pointer)
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
        # The domain is settled already; the library would refuse names such as `intern.local`, which have one
        # form like any other.
        validate_email(f"{local}@example.org", check_deliverability=False)
        if not _DOMAIN.fullmatch(ascii_domain):
            raise AddressError("an e-mail address ends in a domain", pointer=pointer, code="address_syntax")
    except (EmailNotValidError, idna.IDNAError, UnicodeError) as error:
        raise AddressError(
            "this is not an e-mail address that can be delivered to", pointer=pointer, code="address_syntax"
        ) from error
    canonical = unicodedata.normalize("NFC", local.lower()) + "@" + ascii_domain
    _require_short(canonical, pointer)
    return canonical


def _require_short(canonical: str, pointer: str) -> None:
    """RFC 5321 §4.5.3.1: octets, and RFC 3696 (erratum 1690) for the whole."""
    local = canonical.rpartition("@")[0]
    if len(canonical.encode()) > _EMAIL_BYTES_MAX or len(local.encode()) > _LOCAL_BYTES_MAX:
        raise AddressError("the address is too long", pointer=pointer, code="address_too_long")


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
    canonical = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    # The library drops a national prefix ("+31 06…"). Whether that was meant is a guess.
    if canonical != "+" + _NO_DIGIT.sub("", trimmed):
        raise AddressError(
            "a phone number has no national prefix after its country code",
            pointer=pointer,
            code="address_syntax",
        )
    return canonical
