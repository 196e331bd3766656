"""What uvicorn leaves to whoever uses it: time limits, a limit on connections, and one form for every error.

What cannot be a problem+json: there is no answer at all to a client that sent nothing, or that is cut off in the middle
of an answer.
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

from api.http.headers import SecurityHeaders, complete
from api.http.middleware import MAX_HEAD_BYTES, RequestContext, new_request_id
from api.http.problem_kinds import HEADERS_TOO_LARGE, MALFORMED_REQUEST, REQUEST_TOO_SLOW, TOO_MANY_CONNECTIONS, Kind
from api.http.problems import problem
from api.http.request_framing import Connection, Unclear
from api.http.root_path import RootPath, below
from training.number_format import plain

HEAD_SECONDS = 15.0  # from a connection's opening, or a request's first byte, to the end of its headers
# A client that takes no byte of its answer for so long is gone, or does it on purpose.
UNREAD_SECONDS = 60.0
# More than proxies keep theirs (60 s, as nginx and most balancers have it): who closes first must not be us, since a
# proxy that sends a request into a connection that is just closed has to tell its client that it failed.
KEEP_ALIVE_SECONDS = 75

TLS_HANDSHAKE = b"\x16"
SPEAKS_NO_TLS = "This looks like TLS, which this port does not speak: ask by http://."

MOST_CONNECTIONS = 10_000
OTHER_FILES = 200  # that the process needs beside its connections: database, broker, downloads


def most_connections() -> int:
    """How many connections may be open at once: as many as the system has files for. Asks it for all it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + OTHER_FILES
    enough = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
    return enough - OTHER_FILES


def configured(
    app: ASGIApp,
    protocol: "type[Protocol]",
    *,
    grace_seconds: int,
    host: str = "127.0.0.1",
    port: int = 0,
    trusted_proxies: Sequence[IPv4Network | IPv6Network] = (),
) -> uvicorn.Config:
    """How uvicorn serves the API. `grace_seconds` are what open requests may still take once it is asked to stop."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol,
        ws="none",
        log_config=None,
        # The last address in X-Forwarded-For that is none of theirs is the client's. From anybody else the header
        # counts for nothing: whoever asks would choose the address that the log has, and that wrong keys count by.
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

    head_seconds = HEAD_SECONDS
    unread_seconds = UNREAD_SECONDS
    most_connections = MOST_CONNECTIONS
    shown_below = ""  # a path of a proxy; uvicorn's own `root_path` would stand in front of what is asked for

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.conn = Connection(MAX_HEAD_BYTES)
        self._waiting: asyncio.TimerHandle | None = None  # for the headers of a request
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Start the clock."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self.app = _Refusing(self.app, self.shown_below)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every clock."""
        super().connection_lost(exc)
        for timer in (self._waiting, self._unread):
            if timer is not None:
                timer.cancel()
        self._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        """Part of a request."""
        super().data_received(data)
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """Called where h11 has just raised over what it was sent."""
        error = sys.exception()
        too_large = isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == 431
        if too_large:
            self._refuse(HEADERS_TOO_LARGE, f"Address and headers may have {MAX_HEAD_BYTES} bytes.")
        else:
            is_tls = self.conn.trailing_data[0][:1] == TLS_HANDSHAKE
            self._refuse(MALFORMED_REQUEST, SPEAKS_NO_TLS if is_tls else _fault(error))

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.unread_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _unsupported_upgrade_warning(self) -> None:
        """An `Upgrade` may be ignored, and curl sends one by itself: nothing to warn of."""

    def _watch(self) -> None:
        """The clock runs while a request's headers, or a body that nobody wants any more, are on their way."""
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering or self.transport.is_closing():
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None
        elif self._waiting is None and self.timeout_keep_alive_task is None:
            self._waiting = self.loop.call_later(self.head_seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._waiting = None
        if self.conn.trailing_data[0]:
            self._refuse(REQUEST_TOO_SLOW, f"Send address and headers within {plain(self.head_seconds)} seconds.")
        else:
            self.transport.close()

    def _refuse(self, kind: Kind, detail: str) -> None:
        """Answer what never became a request, as far as nothing has been answered yet, and hang up."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            request_id = new_request_id()
            scope = {"path": "", "state": {"request_id": request_id}}
            with below(self.shown_below):
                self._write(problem(kind, scope, detail), request_id)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # whoever is still at the request hears that the client is gone
            self.cycle.message_event.set()
        self.transport.close()

    def _write(self, answer: Response, request_id: str) -> None:
        headers = [header for header in answer.raw_headers if header[0] != b"connection"]
        headers += [(b"connection", b"close"), (b"x-request-id", request_id.encode())]
        complete(headers)
        for event in (
            h11.Response(status_code=answer.status_code, headers=headers, reason=HTTPStatus(answer.status_code).phrase),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")


# What h11 says begins so. Its own words quote what was sent, in which a key may stand.
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
    """What is wrong with a request that was not understood."""
    if isinstance(error, Unclear):
        return str(error)
    said = str(error)
    known = (fault for beginning, fault in _FAULTS.items() if said.startswith(beginning))
    return next(known, "It should be a request as RFC 9112 has it.")


def limited(most: int, root_path: str = "") -> type[Protocol]:
    """The protocol with room for `most` connections, of an API below `root_path`."""
    return type("Protocol", (Protocol,), {"most_connections": most, "shown_below": root_path})


class _Refusing:
    """Answers for a connection too many. That the process lives is said all the same: nobody must restart it."""

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
    """Sends whoever waits for news away before it waits for open requests to end."""

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Once it is asked to stop."""
        service = self.lifespan.state.get("service")
        if service is not None:
            service.tailer.close()
        await super().shutdown(sockets)
