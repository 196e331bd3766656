"""Security and cache headers of every answer.

Two are missing on purpose. Strict-Transport-Security is for the proxy that terminates TLS to send. CORS is off:
without `Access-Control-*`, no page of another origin can read an answer.
"""

from collections.abc import MutableSequence
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Header = tuple[bytes, bytes]

# An answer is data. If a browser is made to show it as a page, that page can load, run and embed nothing.
_NOTHING = b"default-src 'none'; frame-ancestors 'none'"
# An SVG that is opened by itself needs its inline styles for its colours.
_DRAWING = b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
# Of what users and jobs have written: a report, an answer. They are attachments, and even where a browser is made to
# show one, it has an origin of its own, and runs nothing: it must not get at the key that the page of this origin has.
_DOCUMENT = (
    b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'; sandbox"
)

_ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def add_missing_headers(headers: MutableSequence[Header], status: int = HTTPStatus.OK) -> None:
    """Add the security and cache headers that an answer does not set itself."""
    present = {name.lower(): value for name, value in headers}
    headers.extend(header for header in _ALWAYS if header[0] not in present)
    # A 304 has no type. A browser would give what it has stored the policy of a 304 (RFC 9111, 4.3.4), so it has none.
    if b"content-security-policy" not in present and status != HTTPStatus.NOT_MODIFIED:
        headers.append((b"content-security-policy", _policy_of(present.get(b"content-type", b""))))
    if b"cache-control" not in present:
        # The client may store an answer with an ETag, and must revalidate it before each use.
        headers.append((b"cache-control", b"private, no-cache" if b"etag" in present else b"no-store"))


def _policy_of(content_type: bytes) -> bytes:
    if content_type.startswith(b"image/svg"):
        return _DRAWING
    return _DOCUMENT if content_type.startswith(b"text/html") else _NOTHING


class SecurityHeaders:
    """Adds the missing headers to each answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                add_missing_headers(headers, message["status"])
                message["headers"] = headers
            await send(message)

        await self.app(scope, receive, send_completed)
