"""The address of the database, and the variables that libpq reads by itself."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg import pq
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from environment.addresses import HIGHEST_PORT, Address, is_host, parse

SCHEMES = {
    "sqlite": "sqlite:////absolute/path",
    "postgresql": "postgresql://user:password@host:5432/name",
    "postgresql+psycopg": "postgresql://user:password@host:5432/name",
}
_SQLITE = re.compile(r"sqlite:///(/[^?#]*)", re.DOTALL)
# Of libpq's parameters: those that have a place of their own in the address, and one that would end it.
_ELSEWHERE = frozenset({"user", "password", "dbname", "replication"})
_PLACE = frozenset({"host", "port"})
_NOT_CHECKED = frozenset({"host", "hostaddr", "user", "password", "dbname"})  # text, or looked up when it connects
_FILES = frozenset({"sslrootcert", "sslcert", "sslkey", "sslcrl"})
# Which libpq reads as numbers only when it connects, or not at all.
_INTEGERS = frozenset(
    {"connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"}
)


def database_of(url: str) -> URL:
    """From EPOCHAL_DATABASE_URL, for SQLAlchemy. Raises ValueError, which shows nothing of the address."""
    address = parse(url, schemes=SCHEMES)
    parsed = _sqlite(url, address) if address.scheme == "sqlite" else _postgresql(address)
    # SQLAlchemy must read the same from the address: otherwise programs could connect to different databases.
    try:
        agreed = make_url(url) == parsed
        parsed.get_dialect()().create_connect_args(parsed)
    except (ArgumentError, ValueError):
        agreed = False
    if not agreed:
        raise ValueError("can be read in more ways than one: percent-encode every special character in it")
    return parsed


def _sqlite(url: str, address: Address) -> URL:
    address.only()
    if not _SQLITE.fullmatch(url) or not address.path.strip("/") or address.path.endswith("/"):
        raise ValueError(f"should have an absolute path, so four slashes: {SCHEMES['sqlite']}")
    return URL.create("sqlite", database=address.path.removeprefix("/"))


def _postgresql(address: Address) -> URL:
    name = address.path.removeprefix("/")
    if not name:
        raise ValueError(f"should end in /name of the database: {SCHEMES['postgresql']}")
    hosts, ports = address.options.get("host", ()), address.options.get("port", ())
    if not address.host and not hosts and address.port is not None:
        raise ValueError(f"has no host: {SCHEMES['postgresql']}")
    if not all(host.startswith("/") or is_host(host.partition(":")[0]) for host in hosts):
        raise ValueError("has an option host that is neither a name, an IP address nor a socket's folder")
    if not all(map(_is_port, ports)):
        raise ValueError("has an option port that is no number from 1 to 65535")
    _require_known({name: values for name, values in address.options.items() if name not in ("host", "port")})
    return URL.create(
        address.scheme,
        username=address.user,
        password=address.password,
        host=address.host or None,
        port=address.port,
        database=name,
        query={name: values[0] if len(values) == 1 else values for name, values in address.options.items()},
    )


def _require_known(options: dict[str, tuple[str, ...]]) -> None:
    if unknown := options.keys() - _known():
        plural = "s"[: len(unknown) - 1]
        raise ValueError(f"has {len(unknown)} option{plural} after the ? that libpq does not know, such as sslmode")
    for name, values in options.items():
        if len(values) > 1:
            raise ValueError(f"has the option {name} more than once")
        if not _takes(name, values[0]):
            raise ValueError(f"has an option {name} whose value libpq does not take, or a file that cannot be read")
    if not _libpq_takes({name: values[0] for name, values in options.items()}):
        raise ValueError(
            "has options that libpq does not take together, such as sslrootcert=system with sslmode=require"
        )


def _known() -> set[str]:
    return {option.keyword.decode() for option in pq.Conninfo.get_defaults()} - _ELSEWHERE


def invalid_libpq_variables(url: str) -> Iterator[tuple[str, str]]:
    """PG* variables that libpq would refuse at the first connection to `url`, each with what is wrong with it."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        return
    given = {"port": str(parsed.port) if parsed.port else None, **parsed.query}
    taken: dict[str, str] = {}
    for option in pq.Conninfo.get_defaults():
        keyword, variable = option.keyword.decode(), (option.envvar or b"").decode()
        value = os.environ.get(variable) if variable else None
        if not value or given.get(keyword) or keyword in _NOT_CHECKED:
            continue
        if not _takes(keyword, value):
            yield variable, "should be what libpq takes, or name a file that can be read"
        taken[variable] = keyword
    values = {keyword: os.environ[variable] for variable, keyword in taken.items() if keyword != "port"}
    options = {name: value for name, value in parsed.query.items() if isinstance(value, str) and name not in _PLACE}
    if all(_takes(*each) for each in values.items()) and not _libpq_takes({**values, **options}):
        yield ", ".join(sorted(taken)), "should be what libpq takes together, and together with the address"


def _takes(keyword: str, value: str) -> bool:
    if keyword == "port":
        return _is_port(value)
    if keyword in _INTEGERS:
        return value.isascii() and value.removeprefix("-").isdigit() and len(value) < 10
    if keyword in _FILES and (keyword, value) != ("sslrootcert", "system"):
        return Path(value).is_absolute() and Path(value).is_file() and os.access(value, os.R_OK)
    # What asks for TLS is refused beside a sslmode that does not.
    return _libpq_takes({**({"sslmode": "verify-full"} if keyword != "sslmode" else {}), keyword: value})


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= HIGHEST_PORT


def _libpq_takes(parameters: dict[str, str]) -> bool:
    """Whether libpq accepts these parameters. It checks them only when it connects, so it is made to connect to a
    socket of ours. It sends nothing there.

    Every other parameter has libpq's compiled default, whatever the environment says.
    """
    if "hostaddr" in parameters:
        return True
    with _without_variables(), socket.create_server(("127.0.0.1", 0)) as listener:
        ours = {b"hostaddr": b"127.0.0.1", b"port": str(listener.getsockname()[1]).encode(), b"user": b"nobody"}
        asked = {name.encode(): value.encode() for name, value in parameters.items()}
        pairs = (name + b"='" + _escaped(value) + b"'" for name, value in {**ours, **asked}.items())
        connection = pq.PGconn.connect_start(b" ".join(pairs))
        good = connection.status != pq.ConnStatus.BAD
        connection.finish()
    return good


@contextmanager
def _without_variables() -> Iterator[None]:
    """Remove libpq's variables from the environment for a moment. Only while a program starts: threads share it."""
    names = [option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar]
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


def _escaped(text: bytes) -> bytes:
    return text.replace(b"\\", b"\\\\").replace(b"'", b"\\'")
