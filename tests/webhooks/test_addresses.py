"""What may be reached: the public Internet, and what the operator names."""

import re
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import httpx2
import pytest

from webhooks.addresses import Lookup, is_public, look_up, parse, resolve
from webhooks.errors import AddressRefused

NOT_PUBLIC = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254", "127.0.0.1"),
    *("127.255.255.254", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170"),
    *("192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
    *("239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::2", "::127.0.0.1", "::8.8.8.8"),  # compatible
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8"),  # mapped and translated
    *("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::7f00:1"),  # NAT64
    *("2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1"),  # 6to4
    *("2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:10::1", "2001:20::1"),  # Teredo, ORCHID
    *("2001:db8::1", "3fff::1", "100::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0"),
    *("fec0::1", "ff02::1", "ff0e::1", "2600::1%eth0"),
]
PUBLIC = ["8.8.8.8", "93.184.215.14", "100.63.255.255", "172.32.0.1", "2600::1", "2606:4700:4700::1111"]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public_is_refused_as_an_address_and_behind_a_name(address: str) -> None:
    assert not is_public(ip_address(address))
    literal = f"[{address}]" if ":" in address else address
    with pytest.raises(AddressRefused):
        parse(f"https://{literal}/hook", ())
    for found in ([address], ["8.8.8.8", address], [address, "2600::1"]):
        with pytest.raises(AddressRefused, match="public Internet"):
            resolve(httpx2.URL("https://example.com/"), (), answering(*found))


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_may_be_reached(address: str) -> None:
    url = parse(f"https://{f'[{address}]' if ':' in address else address}:8443/hook?a=b", ())
    assert resolve(url, (), no_lookup) == [ip_address(address)]


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "0x7f000001", "0X7F.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1", "0x7f.0.0.1"),
        *("8.8.2056", "0x08080808", "134744072", "127.0.0.1.", "1.2.3.4.5", "a.1", "a.0x", "08.8.8.8", "256.1.1.1"),
    ],
)
def test_odd_spellings_of_addresses_are_refused(host: str) -> None:
    """Even of public ones: what one program reads in them, another does not."""
    with pytest.raises(AddressRefused):
        parse(f"https://{host}/", (ip_network("0.0.0.0/0"),))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.com/", "https://"),
        ("ftp://example.com/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("gopher://example.com:70/_", "https://"),
        ("//example.com/", "https://"),
        ("example.com/hook", "https://"),
        ("https:example.com", "name a host"),
        ("https://", "name a host"),
        ("https:///hook", "name a host"),
        ("", "visible ASCII"),
        ("https://exämple.com/", "visible ASCII"),
        ("https://\uff11\uff12\uff17.0.0.1/", "visible ASCII"),
        ("https://127\u30020\u30020\u30021/", "visible ASCII"),
        ("https://example.com/a b", "visible ASCII"),
        ("https://example.com/\nHost: other", "visible ASCII"),
        ("https://example.com\x00.localhost/", "visible ASCII"),
        ("https://user@example.com/", "no user name"),
        ("https://user:password@example.com/", "no user name"),
        ("https://example.com:80@127.0.0.1/", "no user name"),
        ("https://example.com\\@127.0.0.1/", "no user name"),
        ("https://example.com/#part", "no fragment"),
        ("https://example.com/#", "no fragment"),
        ("https://example.com:0/", "port"),
        ("https://example.com:65536/", "port"),
        ("https://example.com:port/", "should be a URL"),
        ("https://[::1/", "should be a URL"),
        ("https://exa%6dple.com/", "host name"),
        ("https://-example.com/", "host name"),
        ("https://exa..mple.com/", "host name"),
        (f"https://{'a' * 64}.com/", "host name"),
        (f"https://{'a.' * 127}com/", "host name"),
        (f"https://example.com/{'a' * 2048}", "2048"),
        ("https://localhost/", "public Internet"),
        ("https://LOCALHOST:8443/", "public Internet"),
        ("https://a.localhost./", "public Internet"),
    ],
)
def test_what_is_no_address_of_a_webhook_says_what_would_be(url: str, reason: str) -> None:
    with pytest.raises(AddressRefused, match=re.escape(reason)):
        parse(url, ())


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "HTTPS://Example.COM/",
        "https://example.com./hook",
        "https://example.com:1/hook?token=a@b:c",
        "https://xn--exmple-cua.de/",
        "https://under_score.example.com/",
        "https://1password.com/",
        "https://receiver/",
    ],
)
def test_names_are_looked_up_only_when_something_is_sent(url: str) -> None:
    parse(url, ())


def test_operator_allows_networks_and_http_in_them() -> None:
    networks = (ip_network("10.1.0.0/16"), ip_network("fd00::/8"))
    for url in ("http://10.1.2.3:8080/", "https://10.1.2.3/", "http://[fd00::1]/", "http://inside.example/"):
        parse(url, networks)
    for url in ("http://10.2.0.1/", "https://10.2.0.1/", "http://8.8.8.8/", "http://[::ffff:10.1.2.3]/"):
        with pytest.raises(AddressRefused):
            parse(url, networks)
    inside = httpx2.URL("http://inside.example/")
    assert resolve(inside, networks, lambda *_: ["10.1.2.3", "fd00::1"])
    assert resolve(httpx2.URL("https://inside.example/"), networks, lambda *_: ["10.1.2.3", "8.8.8.8"])
    with pytest.raises(AddressRefused, match="https"):
        resolve(inside, networks, lambda *_: ["10.1.2.3", "8.8.8.8"])


def test_name_that_is_not_there_is_refused_like_one_that_leads_inside() -> None:
    def not_there(_name: str, _port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    told = set()
    for lookup in (not_there, lambda *_: [], lambda *_: ["10.0.0.1"], lambda *_: ["no address"]):
        with pytest.raises(AddressRefused) as refused:
            resolve(httpx2.URL("https://database.internal/"), (), lookup)
        told.add(str(refused.value))
    assert len(told) == 1


def test_resolver_of_the_machine_is_asked() -> None:
    assert set(look_up("localhost", 443)) <= {"127.0.0.1", "::1"}
    with pytest.raises(AddressRefused):
        resolve(httpx2.URL("https://localhost/"), ())


def answering(*addresses: str) -> Lookup:
    return lambda _name, _port: addresses


def no_lookup(name: str, port: int) -> Sequence[str]:
    raise AssertionError(f"{name}:{port} was looked up")
