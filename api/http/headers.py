"""Headers that every answer has: what a browser may do with it, and who may keep it.

None of them speaks of TLS or of other origins. Strict-Transport-Security is for the proxy that has the certificate to
send; and CORS is off: without `Access-Control-*`, no page of another origin can read an answer.
"""

from collections.abc import MutableSequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Header = tuple[bytes, bytes]

# An answer is data. Were a browser made to show it as a page, that page could load, run and embed nothing.
_NOTHING = b"default-src 'none'; frame-ancestors 'none'"
# A drawing that is opened by itself has its colours in style sheets of its own.
_DRAWING = b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"

_ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


def add_missing_headers(headers: MutableSequence[Header]) -> None:
    """Add to an answer's headers what it does not say itself."""
    present = {name.lower(): value for name, value in headers}
    headers.extend(header for header in _ALWAYS if header[0] not in present)
    if b"content-security-policy" not in present:
        drawing = present.get(b"content-type", b"").startswith(b"image/svg")
        headers.append((b"content-security-policy", _DRAWING if drawing else _NOTHING))
    if b"cache-control" not in present:
        # What has an ETag may be kept by whoever asked, and has to be asked for again.
        headers.append((b"cache-control", b"private, no-cache" if b"etag" in present else b"no-store"))


class SecurityHeaders:
    """Completes the headers of each answer."""

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
                add_missing_headers(headers)
                message["headers"] = headers
            await send(message)

        await self.app(scope, receive, send_completed)
