"""What surrounds every request: its id, limits on its size and on its time, the answer to an unexpected exception."""

import asyncio
import re

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from ulid import ULID

from api.http.errors import ApiError, BodyTooLarge
from api.http.problem_kinds import HEADERS_TOO_LARGE, INTERNAL_ERROR, PROBLEM_KINDS, REQUEST_TOO_SLOW
from api.http.problems import problem
from training.number_format import plain

MAX_HEAD_BYTES = 16 * 1024
MAX_PARAMETERS = 150  # of a query: some take a hundred ids, and filters. To parse and refuse a thousand takes 15 ms
# The largest valid body, with every character of its texts escaped, has some 140 KiB. A larger limit costs time: to
# explain a body that is wrong everywhere takes a second and more for each megabyte.
MAX_BODY_BYTES = 192 * 1024
BODY_TIMEOUT_SECONDS = 30.0
SLOWEST_BYTES_A_SECOND = 1024  # of a body that is streamed
# Operations that take files: their bodies have no limit here, but must come faster than SLOWEST_BYTES_A_SECOND; a pause
# may take BODY_TIMEOUT_SECONDS. What they take, and from whom, is decided by the route before it reads.
STREAMED = (
    ("PUT", re.compile(r"/v1/datasets/[^/]*")),
    ("POST", re.compile(r"/v1/datasets/[^/]*")),
    ("PATCH", re.compile(r"/v1/uploads/[^/]*")),
    ("POST", re.compile(r"/v1/models")),
    ("POST", re.compile(r"/v1/models/[^/]*/predict")),
    ("POST", re.compile(r"/v2/models/[^/]*(/versions/[^/]*)?/infer")),
)


_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

KNOWN_ERRORS = tuple(PROBLEM_KINDS)

log = structlog.get_logger()


class RequestContext:
    """Gives each request an id, and answers an exception that no handler has answered.

    The id is the client's `X-Request-ID` where that is short and plain; it stands in the same header of the answer and
    in every line of the log.
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
                # Dependencies set headers for every answer, errors included, such as the requests that a key has left.
                MutableHeaders(scope=message).update({"X-Request-ID": request_id, **scope["state"].get("headers", {})})
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_with_id)
            except ClientDisconnect:
                pass  # nobody is left to answer
            except Exception as error:  # the last place where an error can still become a problem+json
                # The framework wraps an error that its handlers know in a RuntimeError if the answer has begun.
                if answering and isinstance(error, RuntimeError) and isinstance(error.__cause__, KNOWN_ERRORS):
                    log.warning("answer broken off", path=scope["path"], error=str(error.__cause__))
                else:
                    log.exception("unexpected error", method=scope["method"], path=scope["path"])
                # Half an answer must not look like a whole one: the server cuts the connection where one is not
                # complete when this returns.
                if not answering:
                    await problem(INTERNAL_ERROR, scope, "")(scope, receive, send_with_id)


class HeadLimit:
    """Refuses a request whose address and headers together exceed MAX_HEAD_BYTES, or whose query has more than
    MAX_PARAMETERS. The server has the same limit of bytes, but enforces it only where they arrive in several reads.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        detail = _excess(scope) if scope["type"] == "http" else None
        if detail is not None:
            await problem(HEADERS_TOO_LARGE, scope, detail)(scope, receive, send)
            return
        await self.app(scope, receive, send)


class BodyLimit:
    """Refuses a body of more than MAX_BODY_BYTES, and one that is not complete after BODY_TIMEOUT_SECONDS.

    Content-Length is checked first. Where it is missing or wrong, the bytes are counted as they arrive.
    """

    def __init__(self, app: ASGIApp, body_timeout_seconds: float = BODY_TIMEOUT_SECONDS) -> None:
        self.app = app
        self._timeout_seconds = body_timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _is_streamed(scope):
            await self._stream(scope, receive, send)
            return
        detail = f"A body may have {MAX_BODY_BYTES} bytes."
        stated = Headers(scope=scope).get("content-length", "")
        if stated.isdecimal() and int(stated) > MAX_BODY_BYTES:
            await problem(PROBLEM_KINDS[BodyTooLarge], scope, detail)(scope, receive, send)
            return
        received, more, deadline = 0, True, asyncio.get_running_loop().time() + self._timeout_seconds
        answering = False

        async def receive_within_limits() -> Message:
            nonlocal received, more
            if not more:  # the body is complete: the next message is the disconnect, which has no deadline
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                raise BodyTooSlow from error
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
        except BodyTooSlow:
            if answering:
                raise
            detail = f"Send the whole body within {plain(self._timeout_seconds)} seconds."
            await problem(REQUEST_TOO_SLOW, scope, detail)(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose body is read piece by piece."""
        more, answering, left = True, False, self._timeout_seconds
        clock = asyncio.get_running_loop().time

        async def receive_in_time() -> Message:
            nonlocal more, left
            if not more:
                return await receive()
            began = clock()
            try:
                async with asyncio.timeout(left):
                    message = await receive()
            except TimeoutError as error:
                raise BodyTooSlow from error
            # Only the waiting for the client counts: what is done with the bytes in between may take longer.
            earned = len(message.get("body", b"")) / SLOWEST_BYTES_A_SECOND
            left = min(self._timeout_seconds, left - (clock() - began) + earned)
            more = message.get("more_body", False)
            return message

        async def send_noted(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self.app(scope, receive_in_time, send_noted)
        except BodyTooSlow:
            if answering:
                raise
            detail = (
                f"The body came too slowly: send {SLOWEST_BYTES_A_SECOND} bytes a second or more, and pause for no "
                f"longer than {plain(self._timeout_seconds)} seconds."
            )
            await problem(REQUEST_TOO_SLOW, scope, detail)(scope, receive, send)


def _is_streamed(scope: Scope) -> bool:
    return any(scope["method"] == method and path.fullmatch(scope["path"]) for method, path in STREAMED)


class BodyTooSlow(ApiError):
    """The body is not complete at the deadline."""


def new_request_id() -> str:
    """An id for a request that has none."""
    return f"req_{str(ULID()).lower()}"


def _excess(scope: Scope) -> str | None:
    """The limit that the head of a request exceeds, in words."""
    if scope["query_string"].count(b"&") >= MAX_PARAMETERS:
        return f"A query may have {MAX_PARAMETERS} parameters."
    return f"Address and headers may have {MAX_HEAD_BYTES} bytes." if _head_bytes(scope) > MAX_HEAD_BYTES else None


def _head_bytes(scope: Scope) -> int:
    address = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    return address + sum(len(name) + len(value) for name, value in scope["headers"])
