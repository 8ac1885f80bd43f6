"""Which addresses a webhook may go to, as far as the address alone tells.

The host's name decides nothing: it is looked at here only to refuse early what could never work. What counts
is the socket address that is about to be connected to, at every attempt (`service.delivery.guard`).
"""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

import idna

from service.core.errors import InputError

URL_MAX: Final = 2_000
PORTS: Final = frozenset({443, 8443})
_LOCAL: Final = ("localhost", "local", "internal", "intranet", "lan", "home.arpa", "localdomain")


def canonical_sink(url: str, *, private_allowed: bool = False) -> str:
    """The URL as it will be called.

    Raises `InputError` unless it is https to a named host on port 443 or 8443, without credentials or
    fragment. `private_allowed` (development) lets plain http, other ports, addresses and local names pass.
    """
    if len(url) > URL_MAX or not url.isprintable() or " " in url:
        raise _refused(f"a URL of at most {URL_MAX} printable characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused("not a URL") from None
    allowed = ("https", "http") if private_allowed else ("https",)
    if parts.scheme not in allowed:
        raise _refused("an https URL")
    if "@" in parts.netloc or parts.fragment or "#" in url or "\\" in url:
        raise _refused("no user name, password or fragment")
    host = _host(parts.hostname or "", private_allowed=private_allowed)
    if port is not None and port not in PORTS and not private_allowed:
        raise _refused("port 443 or 8443")
    default = 443 if parts.scheme == "https" else 80
    netloc = host if port in (None, default) else f"{host}:{port}"
    return parts._replace(netloc=netloc, path=parts.path or "/").geturl()


def _host(host: str, *, private_allowed: bool) -> str:
    if _is_address(host):
        if private_allowed:
            return f"[{host}]" if ":" in host else host
        raise _refused("a host by its name, not by its address")
    try:
        name = idna.encode(host.rstrip("."), uts46=True).decode()
    except idna.IDNAError:
        raise _refused("a host that exists in the DNS") from None
    labels = name.split(".")
    # The last label of a public name is never a number: 0x7f.1 and 2130706433 are addresses in disguise.
    if labels[-1].isdecimal() or labels[-1].startswith("0x"):
        raise _refused("a host by its name, not by its address")
    local = len(labels) == 1 or any(name.endswith("." + end) for end in _LOCAL)
    if local and not private_allowed:
        raise _refused("a public host")
    return name


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _refused(wanted: str) -> InputError:
    return InputError(f"a webhook needs {wanted}", pointer="/url", code="sink")


_REFUSED: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Of IPv6 only 2000::/3 is global unicast; these stand inside it.
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
_GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")


def is_public(address: str) -> bool:
    """Whether an IP address belongs to somebody on the public Internet.

    By the IANA special-purpose registries, not by `is_global` alone, which on Python 3.11 lets NAT64, 6to4,
    IPv4-compatible and multicast addresses pass. IPv4 inside IPv6 is never public here: no host needs it.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed not in _GLOBAL_UNICAST:
        return False
    refused = any(parsed.version == network.version and parsed in network for network in _REFUSED)
    return parsed.is_global and not parsed.is_multicast and not refused
