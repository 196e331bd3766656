"""What uvicorn does not provide: timeouts, a limit on connections, and problem+json for errors below ASGI.

Two clients get no problem+json: one that sent nothing, and one that is cut off in the middle of an answer.
"""

import asyncio
import resource
import sys
from collections.abc import Sequence
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network
from socket import socket
from typing import Any

import h11
import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.http.headers import SecurityHeaders, add_missing_headers
from api.http.middleware import MAX_HEAD_BYTES, RequestContext, new_request_id
from api.http.problem_kinds import (
    HEADERS_TOO_LARGE,
    MALFORMED_REQUEST,
    REQUEST_TOO_SLOW,
    TOO_MANY_CONNECTIONS,
    ProblemKind,
)
from api.http.problems import problem
from api.http.request_framing import AmbiguousRequest, StrictConnection
from api.http.root_path import RootPath, using_root_path
from training.number_format import plain

HEAD_TIMEOUT_SECONDS = 15.0  # from a connection's opening, or a request's first byte, to the end of its headers
# A client that reads no byte of its answer for so long is gone, or attacks (slow read).
WRITE_TIMEOUT_SECONDS = 60.0
# Longer than proxies keep idle connections (60 s in nginx and most load balancers), so that the proxy closes first. If
# the server did, a proxy could send a request into a connection that is just being closed, and its client gets a 502.
KEEP_ALIVE_SECONDS = 75

TLS_HANDSHAKE = b"\x16"
SPEAKS_NO_TLS = "This looks like TLS, which this port does not speak: ask by http://."

MAX_CONNECTIONS = 10_000
RESERVED_FILES = 200  # file descriptors for all else: database, broker, downloads


def max_connections() -> int:
    """How many connections may be open at once: bounded by the limit on file descriptors, which this raises first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + RESERVED_FILES
    enough = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
    return enough - RESERVED_FILES


def uvicorn_config(
    app: ASGIApp,
    protocol: "type[Protocol]",
    *,
    grace_seconds: int,
    host: str = "127.0.0.1",
    port: int = 0,
    trusted_proxies: Sequence[IPv4Network | IPv6Network] = (),
) -> uvicorn.Config:
    """How uvicorn serves the API. `grace_seconds`: how long open requests may still take after SIGTERM."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol,
        ws="none",
        log_config=None,
        # The client's address is the last one in X-Forwarded-For that is not a trusted proxy's. From any other peer
        # the header is ignored: a client could choose the address that is logged and that rate limits count by.
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=[str(network) for network in trusted_proxies],
        access_log=False,  # api.service.access_log writes a line for each request
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=grace_seconds,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )


class Protocol(H11Protocol):
    """HTTP/1.1 on one connection."""

    head_timeout_seconds = HEAD_TIMEOUT_SECONDS
    write_timeout_seconds = WRITE_TIMEOUT_SECONDS
    max_connections = MAX_CONNECTIONS
    public_root_path = ""  # for links; uvicorn's own `root_path` would also change the path of the request

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.conn = StrictConnection(MAX_HEAD_BYTES)
        self._waiting: asyncio.TimerHandle | None = None  # deadline for the headers
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Start the deadline for the headers of the first request."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self.app = _Refusing(self.app, self.public_root_path)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel every timer."""
        super().connection_lost(exc)
        for timer in (self._waiting, self._unread):
            if timer is not None:
                timer.cancel()
        self._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        """Take in part of a request."""
        super().data_received(data)
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that h11 cannot parse. Called by uvicorn while h11's exception is being handled."""
        error = sys.exception()
        too_large = isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == 431
        if too_large:
            self._refuse(HEADERS_TOO_LARGE, f"Address and headers may have {MAX_HEAD_BYTES} bytes.")
        else:
            is_tls = self.conn.trailing_data[0][:1] == TLS_HANDSHAKE
            self._refuse(MALFORMED_REQUEST, SPEAKS_NO_TLS if is_tls else _fault(error))

    def pause_writing(self) -> None:
        """The send buffer is full: give the client `write_timeout_seconds` to read."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.write_timeout_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read: cancel the timeout."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _unsupported_upgrade_warning(self) -> None:
        """No warning: a server may ignore `Upgrade`, and curl sends it by default."""

    def _watch(self) -> None:
        """Run the deadline while headers are expected, or the rest of a body that was answered before its end."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering or self.transport.is_closing():
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None
        elif self._waiting is None and self.timeout_keep_alive_task is None:
            self._waiting = self.loop.call_later(self.head_timeout_seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._waiting = None
        if self.conn.trailing_data[0]:
            self._refuse(
                REQUEST_TOO_SLOW, f"Send address and headers within {plain(self.head_timeout_seconds)} seconds."
            )
        else:
            self.transport.close()

    def _refuse(self, kind: ProblemKind, detail: str) -> None:
        """Close the connection over bytes that are not a request; answer first, unless an answer has begun."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            request_id = new_request_id()
            scope = {"path": "", "state": {"request_id": request_id}}
            with using_root_path(self.public_root_path):
                self._write(problem(kind, scope, detail), request_id)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # the route that still runs sees a disconnect
            self.cycle.message_event.set()
        self.transport.close()

    def _write(self, answer: Response, request_id: str) -> None:
        headers = [header for header in answer.raw_headers if header[0] != b"connection"]
        headers += [(b"connection", b"close"), (b"x-request-id", request_id.encode())]
        add_missing_headers(headers)
        for event in (
            h11.Response(status_code=answer.status_code, headers=headers, reason=HTTPStatus(answer.status_code).phrase),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")


# By the beginning of h11's message. The message itself is not shown: it quotes the request, API key included.
_FAULTS = {
    "illegal request line": "Its first line should be a method, an address without spaces, and HTTP/1.1.",
    "illegal header line": "Each header should be a name, a colon right behind it, and a value of visible characters.",
    "Missing mandatory Host": "It should have a Host header.",
    "Found multiple Host": "It should have one Host header.",
    "bad Content-Length": "Content-Length should be a number of bytes.",
    "Only Transfer-Encoding": "Transfer-Encoding should be chunked, and nothing else.",
    "multiple Transfer-Encoding": "Transfer-Encoding should be chunked, and nothing else.",
    "illegal chunk header": "A chunk of the body should begin with its size in hexadecimal digits.",
    "malformed chunk footer": "A chunk of the body should be as long as its size says.",
}


def _fault(error: BaseException | None) -> str:
    """What is wrong with a request that h11 could not parse."""
    if isinstance(error, AmbiguousRequest):
        return str(error)
    said = str(error)
    known = (fault for beginning, fault in _FAULTS.items() if said.startswith(beginning))
    return next(known, "It should be a request as RFC 9112 has it.")


def protocol_class(most: int, root_path: str = "") -> type[Protocol]:
    """A protocol for at most `most` connections, whose links have `root_path` in front."""
    return type("Protocol", (Protocol,), {"max_connections": most, "public_root_path": root_path})


class _Refusing:
    """Answers 503 on a connection beyond the limit. `/livez` still answers 200, so that no orchestrator restarts it."""

    def __init__(self, app: Any, root_path: str) -> None:
        self._app = app
        self._livez = ("/livez", f"{root_path}/livez")
        self._refusing: ASGIApp = RootPath(SecurityHeaders(RequestContext(_refuse)), root_path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await (self._app if scope["path"] in self._livez else self._refusing)(scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    await problem(TOO_MANY_CONNECTIONS, scope, "Ask again in a few seconds, over connections that you keep.")(
        scope, receive, send
    )


class Server(uvicorn.Server):
    """On shutdown, ends streams and waiting requests first; uvicorn then waits for the other open requests."""

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """End what waits for news, then shut down as uvicorn does."""
        service = self.lifespan.state.get("service")
        if service is not None:
            service.end_streams()
        await super().shutdown(sockets)
