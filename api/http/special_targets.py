"""Requests whose target is not a path: `OPTIONS *`, and CONNECT, which is for proxies."""

from collections.abc import Sequence
from http import HTTPStatus

from fastapi import FastAPI, Response
from fastapi.routing import iter_route_contexts
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.problem_kinds import BY_ROUTER
from api.http.problems import problem


class SpecialTargets:
    """Answers `OPTIONS *` with all methods of the API (RFC 9110, 9.3.7), and CONNECT with 405."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"].startswith("/"):
            await self.app(scope, receive, send)
            return
        allowed = {"Allow": ", ".join(_methods(scope["app"]))}
        if scope["method"] == "OPTIONS":
            answer = Response(status_code=HTTPStatus.NO_CONTENT, headers=allowed)
        else:
            detail = "This is no proxy: it has the methods that Allow names, at addresses that begin with /."
            answer = problem(BY_ROUTER[405], scope, detail, headers={**allowed, "Connection": "close"})
        await answer(scope, receive, send)


def _methods(app: FastAPI) -> Sequence[str]:
    of_routes = (route.methods or () for route in iter_route_contexts(app.routes))
    return sorted({"HEAD", "OPTIONS"}.union(*of_routes))
