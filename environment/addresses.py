"""Addresses as they stand in variables: read by RFC 3986's grammar, and each part checked.

Everything here raises ValueError, whose message says what would be right and shows nothing of the address: a password
that was not percent-encoded is cut at its first `#`, `/`, `?` or `@`, and its pieces lie in any of the parts.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote_to_bytes

# RFC 3986, appendix B, with an authority that is always there, though it may be empty.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(?:([^@]*)@)?(\[[^\[\]@]*\]|[^\[\]:@]*)(?::([^:@\[\]]*))?")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_UNENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_USERINFO = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:%-]*")
_QUERY = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*")
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:/%-]*")  # without @, which would be a password's
_OF_FILES = frozenset({"file", "sqlite", "redis+socket"})
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?")

ENCODE = "with every special character percent-encoded (# is %23, / is %2F, ? is %3F, @ is %40, : is %3A, % is %25)"
HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of an address, decoded. Not for a log: it has the password."""

    scheme: str
    authority: str  # as it is written: user, password, host and port
    user: str | None  # None without an @, and so the password
    password: str | None
    host: str  # a name, or an IP address without brackets; empty where there is none
    port: int | None
    path: str  # from its first slash on, or empty
    options: Mapping[str, tuple[str, ...]]  # of the query, in order

    def only(self, *names: str) -> dict[str, str]:
        """The options, which are of these names alone and each there once."""
        if unknown := self.options.keys() - set(names):
            known = f"may have {' and '.join(sorted(names))}" if names else "has no options"
            raise ValueError(f"has {len(unknown)} unknown option{'s'[: len(unknown) - 1]} after the ?; it {known}")
        for name, values in self.options.items():
            if len(values) > 1:
                raise ValueError(f"has the option {name} more than once")
        return {name: values[0] for name, values in self.options.items()}


def parse(text: str, *, schemes: Mapping[str, str]) -> Address:
    """An address of one of `schemes`, each with an example, which is what an error shows.

    Where a scheme of files has no host, the path is a file's: spaces and letters of every script may stand in it as
    they are.
    """
    examples = " or ".join(dict.fromkeys(schemes.values()))
    form = f"should be {examples}, {ENCODE}"
    whole = _ADDRESS.fullmatch(text)
    if whole is None or whole[1] not in schemes:
        raise ValueError(form)
    scheme, authority, path, query, fragment = whole.groups()
    if fragment is not None:
        raise ValueError(f"has a # in it, which begins what is no part of an address: {form}")
    if _CONTROL.search(text):
        raise ValueError(f"has a line end or another control character in it: {form}")
    if _UNENCODED.search(text):
        raise ValueError(f"has a % that two hexadecimal digits do not follow: {form}")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None or not _USERINFO.fullmatch(parts[1] or "") or not _QUERY.fullmatch(query or ""):
        raise ValueError(f"cannot be divided into user, password, host and port: {form}")
    if (authority or scheme not in _OF_FILES) and not _PATH.fullmatch(path):
        raise ValueError(f"has behind the host what may not stand there: {form}")
    user, colon, password = (parts[1] or "").partition(":")
    return Address(
        scheme,
        authority,
        None if parts[1] is None else _decoded(user),
        _decoded(password) if colon else None,
        _host(parts[2]),
        _port(parts[3]),
        _decoded(path),
        _options(query or ""),
    )


def is_host(text: str) -> bool:
    """Whether it is an IP address, or a name as DNS has them (RFC 1123; containers' names have underscores, too)."""
    try:
        ip_address(text)
    except ValueError:
        labels = text.removesuffix(".").split(".")
        return len(text) <= 253 and all(len(label) <= 63 and _NAME.fullmatch(label) for label in labels)
    return True


def file_address(path: Path) -> str:
    """`file:///…` of an absolute path, with whatever characters."""
    return f"file://{_quoted(path)}"


def sqlite_address(path: Path) -> str:
    """`sqlite:////…` of an absolute path, with whatever characters."""
    return f"sqlite:///{_quoted(path)}"


def socket_address(path: Path) -> str:
    """`redis+socket:///…` of an absolute path, with whatever characters."""
    return f"redis+socket://{_quoted(path)}"


def readable_file(path: str, option: str) -> str:
    """`path`, which an address's option names. Raises ValueError where it cannot be read."""
    if not Path(path).is_absolute() or not Path(path).is_file() or not os.access(path, os.R_OK):
        raise ValueError(f"names in {option} no file that can be read: it should be an absolute path")
    return path


def _quoted(path: Path) -> str:
    return quote(os.fsencode(path), safe="/")


def _decoded(text: str) -> str:
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeError:
        raise ValueError("has what is no UTF-8 once it is decoded") from None
    if "\0" in decoded:
        raise ValueError("has a zero byte, %00")
    return decoded


def _host(text: str) -> str:
    bare = text[1:-1] if text.startswith("[") else text
    if not bare:
        if text:
            raise ValueError("has an empty host")
        return ""
    if (":" in bare) is not text.startswith("[") or not is_host(bare) or "%" in bare:
        raise ValueError("has a host that is neither a name nor an IP address (an IPv6 one in brackets)")
    return bare


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= HIGHEST_PORT):
        raise ValueError(f"has a port that is no number from 1 to {HIGHEST_PORT}; a / or : of a password is %2F or %3A")
    return int(text)


def _options(query: str) -> Mapping[str, tuple[str, ...]]:
    options: dict[str, tuple[str, ...]] = {}
    try:
        for name, value in parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict"):
            options[name] = (*options.get(name, ()), value)
    except ValueError:
        raise ValueError("has options after the ? that are not name=value, with & between them") from None
    if any("\0" in text for name, values in options.items() for text in (name, *values)):
        raise ValueError("has a zero byte, %00")
    return options
