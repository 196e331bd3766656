"""What surrounds every request: its id, a limit on its body, an answer to what nobody expected."""

import re

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from ulid import ULID

from api.errors import ERRORS, UNEXPECTED, BodyTooLarge
from api.problems import problem

MAX_BODY_BYTES = 1024 * 1024

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

log = structlog.get_logger()


class RequestContext:
    """Gives each request an id, the client's own where it sends a sane one: in `X-Request-ID` of the answer and in
    every line of the log. Answers an exception that nothing else has answered.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        answering = False

        async def send_with_id(message: Message) -> None:
            nonlocal answering
            if message["type"] == "http.response.start":
                answering = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_with_id)
            except ClientDisconnect:
                pass  # nobody is left to answer
            except Exception:  # the last place where an error can still become a problem+json
                log.exception("unexpected error", method=scope["method"], path=scope["path"])
                if answering:
                    raise  # the server cuts the connection: half an answer must not look like a whole one
                await problem(UNEXPECTED, scope, "")(scope, receive, send_with_id)


class BodyLimit:
    """Refuses a body of more than MAX_BODY_BYTES, by its stated length or, where that is missing or a lie, as it
    comes in.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        detail = f"A body may have {MAX_BODY_BYTES} bytes."
        stated = Headers(scope=scope).get("content-length", "")
        if stated.isdecimal() and int(stated) > MAX_BODY_BYTES:
            await problem(ERRORS[BodyTooLarge], scope, detail)(scope, receive, send)
            return
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise BodyTooLarge(detail)
            return message

        await self.app(scope, receive_within_limit, send)


def _request_id(scope: Scope) -> str:
    asked = Headers(scope=scope).get("x-request-id", "")
    return asked if _SANE_REQUEST_ID.fullmatch(asked) else f"req_{str(ULID()).lower()}"
