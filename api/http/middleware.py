"""What surrounds every request: its id, limits on what it sends and how slowly, an answer to what nobody expected."""

import asyncio
import re

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from ulid import ULID

from api.http.errors import ApiError, BodyTooLarge
from api.http.problem_kinds import ERRORS, HEADERS_TOO_LARGE, REQUEST_TOO_SLOW, UNEXPECTED
from api.http.problems import problem
from training.number_format import plain

MAX_HEAD_BYTES = 16 * 1024
# The largest valid body, every character of its texts escaped, has some 140 KiB; and to explain a body that is wrong
# everywhere takes the event loop a second a megabyte and more.
MAX_BODY_BYTES = 192 * 1024
BODY_SECONDS = 30.0

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
        asked = Headers(scope=scope).get("x-request-id", "")
        request_id = asked if _SANE_REQUEST_ID.fullmatch(asked) else new_request_id()
        scope.setdefault("state", {})["request_id"] = request_id
        answering = False

        async def send_with_id(message: Message) -> None:
            nonlocal answering
            if message["type"] == "http.response.start":
                answering = True
                # What a dependency has to say in whatever answer there will be, such as how much a key may still ask.
                MutableHeaders(scope=message).update({"X-Request-ID": request_id, **scope["state"].get("headers", {})})
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


class HeadLimit:
    """Refuses an address and headers of more than MAX_HEAD_BYTES together. The server has the same limit, but keeps to
    it only where they come in several pieces.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and _head_bytes(scope) > MAX_HEAD_BYTES:
            detail = f"Address and headers may have {MAX_HEAD_BYTES} bytes."
            await problem(HEADERS_TOO_LARGE, scope, detail)(scope, receive, send)
            return
        await self.app(scope, receive, send)


class BodyLimit:
    """Refuses a body of more than MAX_BODY_BYTES, by its stated length or, where that is missing or a lie, as it
    comes in; and one that is not there after BODY_SECONDS.
    """

    def __init__(self, app: ASGIApp, body_seconds: float = BODY_SECONDS) -> None:
        self.app = app
        self._body_seconds = body_seconds

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
        received, more, deadline = 0, True, asyncio.get_running_loop().time() + self._body_seconds
        answering = False

        async def receive_within_limits() -> Message:
            nonlocal received, more
            if not more:  # the next message is the client's leaving, which takes as long as it takes
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                raise _BodyTooSlow from error
            received += len(message.get("body", b""))
            more = message.get("more_body", False)
            if received > MAX_BODY_BYTES:
                raise BodyTooLarge(detail)
            return message

        async def send_noted(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self.app(scope, receive_within_limits, send_noted)
        except _BodyTooSlow:
            if answering:
                raise
            detail = f"Send the whole body within {plain(self._body_seconds)} seconds."
            await problem(REQUEST_TOO_SLOW, scope, detail)(scope, receive, send)


class _BodyTooSlow(ApiError):
    """The rest of the body is not there in time."""


def new_request_id() -> str:
    """For a request that brings none."""
    return f"req_{str(ULID()).lower()}"


def _head_bytes(scope: Scope) -> int:
    address = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    return address + sum(len(name) + len(value) for name, value in scope["headers"])
