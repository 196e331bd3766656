"""HEAD for every route that has GET."""

from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Key in the request's state: it is a HEAD request, so no route needs to read what only the body shows.
HEAD_ONLY = "head_only"


class HeadAsGet:
    """Answers HEAD with the status and headers of GET, without the body (RFC 9110, 9.3.2).

    Runs the route as GET. Once the headers are sent, a stream is cut off: the rest of its body has no reader.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            elif message.get("more_body", False):
                raise ClientDisconnect  # stops the route that produces the body

        # Range applies to GET alone (RFC 9110, 14.2).
        headers = [header for header in scope["headers"] if header[0] not in (b"range", b"if-range")]
        asked = {**scope, "method": "GET", "headers": headers}
        asked.setdefault("state", {})[HEAD_ONLY] = True
        try:
            with suppress(ClientDisconnect):
                await self.app(asked, receive, send_head)
        finally:
            if "endpoint" in asked:  # metrics and the access log group requests by it
                scope["endpoint"] = asked["endpoint"]
