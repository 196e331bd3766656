"""HEAD wherever there is GET."""

from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# In a request's state: nobody will see the body.
HEAD_ONLY = "head_only"


class HeadAsGet:
    """Answers HEAD as it would answer GET, without the body (RFC 9110, 9.3.2). A stream has begun once its headers are
    there, and ends then.
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
                raise ClientDisconnect  # to whoever makes the body: nobody takes the rest of it

        # A range is of a body (RFC 9110, 14.2).
        headers = [header for header in scope["headers"] if header[0] not in (b"range", b"if-range")]
        asked = {**scope, "method": "GET", "headers": headers}
        asked.setdefault("state", {})[HEAD_ONLY] = True
        try:
            with suppress(ClientDisconnect):
                await self.app(asked, receive, send_head)
        finally:
            if "endpoint" in asked:  # by which the request is counted
                scope["endpoint"] = asked["endpoint"]
