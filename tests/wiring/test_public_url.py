"""Where links lead: the address people reach the service at, checked before any link is sent."""

import pytest

from service.settings import SettingsError, read_settings
from service.wiring.compose import public_url


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://prefs.example.com", "https://prefs.example.com"),
        ("https://prefs.example.com/", "https://prefs.example.com"),
        ("https://example.com/mail/prefs/", "https://example.com/mail/prefs"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_links_begin_with_the_public_url(given: str, url: str) -> None:
    assert public_url(read_settings({"CONSENT_LEDGER_PUBLIC_URL": given})) == url


def test_without_one_links_lead_to_where_the_service_listens() -> None:
    assert public_url(read_settings({"CONSENT_LEDGER_PORT": "8080"})) == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "given",
    [
        "prefs.example.com",
        "ftp://prefs.example.com",
        "https://",
        "https://a b",
        "https://x/?y",
        "https://x/#y",
        "https://user@x",
        "https://x>",
        "https://x\n",
        f"https://{'x' * 101}",
    ],
)
def test_what_would_break_a_header_is_refused_by_name(given: str) -> None:
    with pytest.raises(SettingsError, match="CONSENT_LEDGER_PUBLIC_URL"):
        read_settings({"CONSENT_LEDGER_PUBLIC_URL": given})
