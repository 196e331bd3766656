"""One line and one measurement for each request, whoever answers it."""

from time import perf_counter
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.service.meters import Meters

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
OTHER_METHOD = "other"
# Replaces the path of a request that no route matches: clients make paths up, and each new label costs memory.
UNMATCHED = "unmatched"
CLIENT_GONE = "gone"  # the status label of a request whose client left before the answer began

log = structlog.get_logger()


class AccessLog:
    """Counts requests, measures how long they take, and writes an access line for each.

    Both contain only the method and the route of a request: its path, query and headers may contain secrets.
    Successful reads are logged at level `debug`, because clients poll.
    """

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self.app = app
        self._meters = meters
        self._templates: dict[object, str] | None = None  # by endpoint; built at the first request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, streams = perf_counter(), None, False

        async def send_observed(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status = int(message["status"])
                streams = _is_stream(message)
                if streams:
                    self._meters.streams.inc()
            await send(message)

        self._meters.in_flight.inc()
        try:
            await self.app(scope, receive, send_observed)
        finally:
            self._meters.in_flight.dec()
            if streams:
                self._meters.streams.dec()
            seconds = perf_counter() - began
            self._measure(scope, status, None if streams or _asks_to_wait(scope) else seconds)
            self._write(scope, status, seconds)

    def _measure(self, scope: Scope, status: int | None, seconds: float | None) -> None:
        labels = (_method(scope), self._route(scope), CLIENT_GONE if status is None else f"{status // 100}xx")
        self._meters.requests.labels(*labels).inc()
        if seconds is not None and status is not None:
            self._meters.seconds.labels(*labels).observe(seconds)

    def _write(self, scope: Scope, status: int | None, seconds: float) -> None:
        state = scope.get("state", {})
        fields: dict[str, Any] = {
            "method": _method(scope),
            "route": self._route(scope),
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
            "client": scope["client"][0] if scope.get("client") else None,
            "request_id": state.get("request_id"),
        }
        if (caller := state.get("caller")) is not None:
            fields |= {"project": caller.project, "key_id": caller.key_id}
        polls = scope["method"] in ("GET", "HEAD") and (status is None or status < 400)
        (log.debug if polls else log.info)("request", **fields)

    def _route(self, scope: Scope) -> str:
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return UNMATCHED
        if self._templates is None:
            app = scope["app"]
            assert isinstance(app, FastAPI)
            self._templates = {each.endpoint: each.path_format or UNMATCHED for each in iter_route_contexts(app.routes)}
        return self._templates.get(endpoint, UNMATCHED)


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else OTHER_METHOD


def _is_stream(start: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in start.get("headers", ())
    )


def _asks_to_wait(scope: Scope) -> bool:
    """Whether the client sent `Prefer: wait=…`. Such a request is meant to take long, so that its duration says
    nothing."""
    return any("wait" in value for value in Headers(scope=scope).getlist("prefer"))
