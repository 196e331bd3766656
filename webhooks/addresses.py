"""Which addresses messages may be sent to: the public Internet, and the networks that the operator allows.

Clients choose the URLs, and no request must reach the service's own network (OWASP API7:2023). A name is looked up
once. Every address that it has must be allowed, and the connection is made to one of these addresses, without another
lookup: a name server could answer differently the second time.
"""

import re
import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx2

from webhooks.errors import AddressRefused

Address = IPv4Address | IPv6Address
Networks = Sequence[IPv4Network | IPv6Network]

LONGEST_URL = 2048  # characters
DEFAULT_PORTS = {"http": 80, "https": 443}

# All public IPv6 addresses. Forms that contain an IPv4 address (mapped, compatible, translated by NAT64) lie outside,
# and are so refused.
INTERNET = IPv6Network("2000::/3")
# Networks that are not public, or that lead to another address.
SPECIAL = (
    ip_network("192.0.0.0/24"),  # protocol assignments
    ip_network("192.88.99.0/24"),  # relays of 6to4
    ip_network("2001::/23"),  # protocol assignments, Teredo among them
    ip_network("2001:db8::/32"),  # documentation
    ip_network("2002::/16"),  # 6to4
    ip_network("3fff::/20"),  # documentation
)

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*{_LABEL}\.?")
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")  # some resolvers read these as IPv4 addresses

Lookup = Callable[[str, int], Sequence[str]]


def look_up(name: str, port: int) -> Sequence[str]:
    """Every address of a name, from the resolver of this machine. Raises OSError."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def parse(text: str, networks: Networks) -> httpx2.URL:
    """Parse and check a URL, as far as that is possible without resolving its name. Raises AddressRefused."""
    if len(text) > LONGEST_URL:
        raise AddressRefused(f"should have at most {LONGEST_URL} characters")
    if not re.fullmatch("[!-~]+", text):
        raise AddressRefused("should consist of visible ASCII characters")
    try:
        url = httpx2.URL(text)
        literal = literal_address(url)
    except httpx2.InvalidURL:
        raise AddressRefused("should be a URL such as https://example.com/epochal") from None
    if url.scheme not in DEFAULT_PORTS or not url.raw_host:
        raise AddressRefused("should begin with https:// and name a host")
    if url.userinfo:
        raise AddressRefused("should have no user name and no password: the signature says who sends")
    if url.fragment or "#" in text:
        raise AddressRefused("should have no fragment: it would not be sent")
    if not 1 <= port_of(url) <= 65_535:
        raise AddressRefused("should have a port from 1 to 65535, or none")
    if literal is not None:
        check(url, [literal], networks)
    elif url.scheme == "http" and not networks:
        raise AddressRefused("should begin with https://")
    else:
        _check_name(url.raw_host.decode("ascii"), networks)
    return url


def resolve(url: httpx2.URL, networks: Networks, lookup: Lookup = look_up) -> Sequence[Address]:
    """The addresses to connect to. Raises AddressRefused if there are none, or if one of them is not allowed."""
    literal = literal_address(url)
    if literal is not None:
        found: Sequence[Address] = [literal]
    else:
        try:
            found = [ip_address(text) for text in lookup(url.raw_host.decode("ascii"), port_of(url))]
        except (OSError, ValueError):
            found = []
    check(url, found, networks)
    return found


def check(url: httpx2.URL, addresses: Sequence[Address], networks: Networks) -> None:
    """Require that `url` may lead to each of `addresses`. Raises AddressRefused.

    The message does not say what a name leads to, nor whether it exists: it may be a name of the service's own network.
    """
    named = [any(address in network for network in networks) for address in addresses]
    if not addresses or not all(ours or is_public(address) for ours, address in zip(named, addresses, strict=True)):
        raise AddressRefused("should lead to the public Internet, and to nothing else, or the operator must allow it")
    if url.scheme == "http" and not all(named):
        raise AddressRefused("should begin with https://")


def is_public(address: Address) -> bool:
    """Whether the address is public, and does not lead to another one."""
    if isinstance(address, IPv6Address) and (address not in INTERNET or address.scope_id):
        return False
    special = any(address in network for network in SPECIAL)
    return address.is_global and not (special or address.is_multicast or address.is_reserved)


def literal_address(url: httpx2.URL) -> Address | None:
    """The address in a URL that has one instead of a name."""
    try:
        return ip_address(url.raw_host.decode("ascii"))
    except ValueError:
        return None


def port_of(url: httpx2.URL) -> int:
    """The port to connect to."""
    return DEFAULT_PORTS[url.scheme] if url.port is None else url.port


def _check_name(name: str, networks: Networks) -> None:
    if _NUMBER.fullmatch(name):
        raise AddressRefused("should have an IPv4 address in its usual form, such as 93.184.215.14")
    if not _NAME.fullmatch(name):
        raise AddressRefused("should have a host name of letters, digits, hyphens and dots")
    if f".{name}".rstrip(".").endswith(".localhost") and not networks:
        raise AddressRefused("should lead to the public Internet, or the operator must allow it")
