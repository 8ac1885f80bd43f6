"""One canonical form for every address, and a refusal wherever it would have to be guessed."""

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from service.core.errors import AddressError
from service.ledger.addresses import canonical_address

SAME_MAILBOX = {
    "upper case": ("Jane@Example.ORG", "jane@example.org"),
    "white space around it": (" jane@example.org\t", "jane@example.org"),
    "full-width domain": ("a@\uff25\uff38ample.com", "a@example.com"),
    "domain with an umlaut": ("a@bücher.example", "a@xn--bcher-kva.example"),
    "its A-label": ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
    "decomposed accent": ("andre\u0301@example.org", "andr\u00e9@example.org"),
    "name that only one house resolves": ("jäne@intern.local", "jäne@intern.local"),
    "soft hyphen": ("a@exam\u00adple.org", None),
}
DISTINCT = ("jane@gmail.com", "ja.ne@gmail.com", "jane+news@gmail.com")
REFUSED = {
    "nothing": "",
    "no at sign": "jane.example.org",
    "two at signs": "a@b@example.org",
    "quoted local part": '"a b"@example.org',
    "comment": "jane(work)@example.org",
    "address literal": "jane@[127.0.0.1]",
    "host without a domain": "jane@localhost",
    "leading dot": ".jane@example.org",
    "two dots": "jane..doe@example.org",
    "line feed": "jane\n@example.org",
    "header injection": "jane@example.org\r\nBcc: x@example.org",
    "trailing line feed": "jane@example.org\n",
    "NUL": "jane\x00@example.org",
    "zero-width space": "ja\u200bne@example.org",
    "bidirectional override": "\u202ejane@example.org",
    "lone surrogate": "jane\ud800@example.org",
    "broken punycode": "a@xn--a.com",
    "label of 64": f"a@{'b' * 64}.org",
    "label that starts with a hyphen": "a@-b.org",
    "local part of 65": f"{'a' * 65}@example.org",
    "local part of 65 before an international domain": f"{'a' * 65}@bücher.example",
    "local part of 66 octets": f"{'é' * 33}@example.org",
    "international host without a domain": "jäne@test",
    "domain that ends in a digit": "jäne@example.a1",
    "321 characters": f"a@{'b' * 60}.{'c' * 260}",
    "spaces inside": "jane doe@example.org",
}
PHONES = {
    "+31 6 1234 5678": "+31612345678",
    "+1-202-555-0143": "+12025550143",
    "+49 30 901820": "+4930901820",
}
REFUSED_PHONES = (
    "0612345678",
    "0031612345678",
    "+49 (0)30 901820",
    "+31 06 1234 5678",
    "+1 1 202 555 0143",
    "+31 6 CALL ME",
    "+999999999999999",
    "+",
)


@pytest.mark.parametrize(("given_form", "canonical"), SAME_MAILBOX.values(), ids=SAME_MAILBOX.keys())
def test_one_mailbox_has_one_form(given_form: str, canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(AddressError):
            canonical_address("email", given_form)
    else:
        assert canonical_address("email", given_form).value == canonical


def test_dots_and_tags_are_never_merged() -> None:
    assert {canonical_address("email", each).value for each in DISTINCT} == set(DISTINCT)


@pytest.mark.parametrize("address", REFUSED.values(), ids=REFUSED.keys())
def test_what_would_have_to_be_guessed_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(AddressError) as refusal:
        canonical_address("email", address)
    assert not address or address not in str(refusal.value)


@pytest.mark.parametrize(("typed", "e164"), PHONES.items())
def test_a_phone_number_is_e164(typed: str, e164: str) -> None:
    assert canonical_address("phone", typed).value == e164


@pytest.mark.parametrize("typed", REFUSED_PHONES)
def test_a_phone_number_without_its_country_is_refused(typed: str) -> None:
    with pytest.raises(AddressError):
        canonical_address("phone", typed)


def test_another_kind_of_address_is_refused() -> None:
    with pytest.raises(AddressError):
        canonical_address("postal", "Main Street 1")


@given(st.emails())
def test_the_canonical_form_is_its_own_canonical_form(address: str) -> None:
    try:
        canonical = canonical_address("email", address).value
    except AddressError:
        return
    assert canonical_address("email", canonical).value == canonical


@pytest.mark.parametrize("domain", ["example.org", "intern.local", "a.test", "x1.invalid"])
def test_the_fast_path_and_the_library_accept_the_same_domains(domain: str) -> None:
    assert canonical_address("email", f"jane@{domain}").value == f"jane@{domain}"
    assert canonical_address("email", f"jäne@{domain}").value == f"jäne@{domain}"


@given(st.from_regex(r"[a-z0-9.+_-]{1,12}@[a-z0-9.-]{1,12}\.(com|org|nl|a1|1a)", fullmatch=True))
def test_the_fast_path_accepts_only_what_the_library_accepts(address: str) -> None:
    try:
        canonical = canonical_address("email", address).value
    except AddressError:
        return
    try:
        validate_email(canonical, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        pytest.fail(f"the library refuses what we accept: {error}")
