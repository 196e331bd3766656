"""The address of the broker, and what kombu is to make of it."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from environment.addresses import Address, parse, readable_file

SCHEMES = {
    "redis": "redis://:password@host:6379/0",
    "rediss": "rediss://:password@host:6379/0",
    "redis+socket": "redis+socket:///path/of/a.sock",
}
LONGEST_SOCKET_PATH = 107  # bytes, on Linux
MOST_DATABASES = 9_999

_VERIFIED = {"required": ssl.CERT_REQUIRED, "none": ssl.CERT_NONE}
_SWITCH = {"true": True, "false": False}
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


@dataclass(frozen=True, slots=True)
class Broker:
    """What a Celery application is made with."""

    url: str  # every character encoded that kombu gives a meaning of its own, and no option of TLS
    tls: Mapping[str, Any] | None  # Celery's `broker_use_ssl`; None where nothing is encrypted


def broker_of(url: str) -> Broker:
    """From EPOCHAL_REDIS_URL. Certificates of `rediss://` are verified and must be the host's, unless the address has
    `ssl_cert_reqs=none` or `ssl_check_hostname=false`: kombu's own default is to take any.

    Raises ValueError, which shows nothing of the address.
    """
    address = parse(url, schemes=SCHEMES)
    if address.scheme == "redis+socket":
        return Broker(_socket(address), None)
    if not address.host:
        raise ValueError(f"has no host: it should be {SCHEMES[address.scheme]}")
    database = _database(address.path.removeprefix("/"))
    host = f"[{address.host}]" if ":" in address.host else address.host
    port = "" if address.port is None else f":{address.port}"
    tls = _tls(address) if address.scheme == "rediss" else None
    if tls is None:
        address.only()
    return Broker(f"{address.scheme}://{_login(address)}{host}{port}/{database}", tls)


def _socket(address: Address) -> str:
    if address.host or address.port is not None or not address.path.strip("/"):
        raise ValueError(f"should have the absolute path of a socket: {SCHEMES['redis+socket']}")
    if len(address.path.encode()) > LONGEST_SOCKET_PATH:
        raise ValueError(f"has a path that is too long: a socket's may have {LONGEST_SOCKET_PATH} bytes")
    database = _database(address.only("virtual_host").get("virtual_host", ""))
    return f"redis+socket://{_login(address)}{quote(address.path, safe='/')}?virtual_host={database}"


def _login(address: Address) -> str:
    if not (address.user or address.password):
        return ""
    if not address.password:  # of a server that has a password alone; Celery would log it as the user's name
        raise ValueError(f"has a user and no password; a password alone has a colon in front: {SCHEMES['redis']}")
    return f"{quote(address.user or '', safe='')}:{quote(address.password, safe='')}@"


def _database(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and int(text[:9]) <= MOST_DATABASES):
        raise ValueError("has behind the host something else than the number of a database, such as /0")
    return int(text)


def _tls(address: Address) -> Mapping[str, Any]:
    options = address.only("ssl_cert_reqs", "ssl_check_hostname", *_FILES)
    verified = options.get("ssl_cert_reqs", "required")
    checked = options.get("ssl_check_hostname", "true")
    if verified not in _VERIFIED:
        raise ValueError("has an ssl_cert_reqs that is neither required nor none")
    if checked not in _SWITCH:
        raise ValueError("has an ssl_check_hostname that is neither true nor false")
    tls: dict[str, Any] = {"ssl_cert_reqs": _VERIFIED[verified], "ssl_check_hostname": _SWITCH[checked]}
    for name in _FILES:
        if name in options:
            tls[name] = readable_file(options[name], name)
    if verified == "none":
        tls["ssl_check_hostname"] = False
    _require_certificates(options)
    return tls


def _require_certificates(options: Mapping[str, str]) -> None:
    """That OpenSSL can read the files, which it would say at the first connection."""
    context = ssl.create_default_context()
    try:
        if "ssl_ca_certs" in options:
            context.load_verify_locations(options["ssl_ca_certs"])
        if "ssl_certfile" in options:
            context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"), password="")
        elif "ssl_keyfile" in options:
            raise ValueError("has an ssl_keyfile and no ssl_certfile")
    except (ssl.SSLError, OSError):
        raise ValueError(f"names in {' or '.join(_FILES)} a file that is no certificate or key in PEM form") from None


CELERY_OVERRIDES = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL", "CELERY_RESULT_BACKEND")


def clear_celery_variables() -> None:
    """Celery takes these in place of what it is given, so that another program's would lead jobs elsewhere."""
    for name in CELERY_OVERRIDES:
        os.environ.pop(name, None)
