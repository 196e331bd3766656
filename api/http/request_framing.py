"""Refuses request smuggling: bytes that a proxy and this server could split into requests differently.

h11 accepts the deviations that RFC 9112 allows a server to accept. A proxy in front may find the end of the same
request elsewhere; then the rest of one client's bytes becomes part of another client's request. So every ambiguous
request is refused, and the connection is closed.
"""

import re
from urllib.parse import urlsplit

import h11
from h11._receivebuffer import ReceiveBuffer  # private: only here the head still has its original bytes

_BLANK_LINE = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"\n(content-length)[ \t]*:([^\n]*)", re.IGNORECASE)
_ENCODED = re.compile(rb"\ntransfer-encoding[ \t]*:", re.IGNORECASE)
_ABSOLUTE = re.compile(r"https?://", re.IGNORECASE)


class AmbiguousRequest(h11.RemoteProtocolError):
    """The request can be read in two ways, or not at all. The message is for the client."""


class StrictConnection(h11.Connection):
    """The server's side of a connection. Raises AmbiguousRequest where h11 raises its own errors."""

    def __init__(self, longest_head: int) -> None:
        super().__init__(h11.SERVER, longest_head)
        self._receive_buffer: ReceiveBuffer = _Strict()

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """h11's next event. A request's target is a path; `*` for OPTIONS, or host and port for CONNECT."""
        event = super().next_event()
        return _to_a_path(event) if isinstance(event, h11.Request) else event


class _Strict(ReceiveBuffer):
    def maybe_extract_lines(self) -> list[bytearray] | None:
        """The lines of a head or of a trailer, once it is complete and checked."""
        if found := _BLANK_LINE.search(self._data, self._multiple_lines_search):
            _require_clear(b"\n" + bytes(self._data[: found.end()]))
        return super().maybe_extract_lines()


def _require_clear(head: bytes) -> None:
    """Raises AmbiguousRequest. A line feed precedes every line of `head`, the first included: the patterns use it."""
    lines = head.count(b"\r\n")
    if head.count(b"\n") - 1 != lines or head.count(b"\r") != lines:
        raise AmbiguousRequest("Each line of the head should end in CR and LF, and have neither of them within.")
    if b"\n " in head or b"\n\t" in head:
        raise AmbiguousRequest("A header should stand on one line.")
    lengths, encoded = _LENGTH.findall(head), _ENCODED.search(head)
    if lengths and encoded:
        raise AmbiguousRequest("Send Content-Length or Transfer-Encoding: with both, two readers see two bodies.")
    if len(lengths) > 1 or any(b"," in value for _, value in lengths):
        raise AmbiguousRequest("Content-Length should be there once, with one number.")
    if encoded and b" HTTP/1.0\r\n" in head[: head.index(b"\r\n") + 2]:
        raise AmbiguousRequest("HTTP/1.0 has no Transfer-Encoding: send Content-Length.")


def _to_a_path(request: h11.Request) -> h11.Request:
    """Replace an absolute target by its path. Its host replaces the `Host` header (RFC 9112, 3.2.2)."""
    target = request.target.decode("ascii")
    if target.startswith("/") or request.method == b"CONNECT" or (request.method, target) == (b"OPTIONS", "*"):
        return request
    if not _ABSOLUTE.match(target):
        raise AmbiguousRequest("The address of a request should begin with /, or be a whole http:// address.")
    try:
        parts = urlsplit(target)
        _ = parts.port  # raises ValueError if it is not valid
    except ValueError:
        raise AmbiguousRequest("The address of the request names no host and port that could be.") from None
    if not parts.hostname or parts.username is not None or parts.fragment:
        raise AmbiguousRequest("The address of a request should name a host, and neither a user nor a fragment.")
    rest = target[target.index("://") + 3 + len(parts.netloc) :]
    path = rest if rest.startswith("/") else f"/{rest}"
    if not rest and request.method == b"OPTIONS":
        path = "*"  # RFC 9112, 3.2.4: without a path, it means the server as a whole
    headers = [(name, parts.netloc.encode() if name == b"host" else value) for name, value in request.headers]
    if b"host" not in dict(headers):  # which HTTP/1.0 allows
        headers.append((b"host", parts.netloc.encode()))
    return h11.Request(method=request.method, headers=headers, target=path, http_version=request.http_version)
