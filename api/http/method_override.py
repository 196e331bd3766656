"""`X-HTTP-Method-Override`, for clients of tus whose environment has no PATCH and no DELETE."""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

_UPLOAD = re.compile(r"/v1/uploads/[^/]+")
_INSTEAD = ("PATCH", "DELETE")


class MethodOverride:
    """Answers a POST to an upload as the PATCH or DELETE that its header says it is. tus 1.0 demands it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method = _meant(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        if method is None:
            await self.app(scope, receive, send)
            return
        asked = {**scope, "method": method}
        try:
            await self.app(asked, receive, send)
        finally:
            if "endpoint" in asked:  # metrics and the access log group requests by it
                scope["endpoint"] = asked["endpoint"]


def _meant(scope: Scope) -> str | None:
    if not _UPLOAD.fullmatch(scope["path"]):
        return None
    method = Headers(scope=scope).get("x-http-method-override", "").strip().upper()
    return method if method in _INSTEAD else None
