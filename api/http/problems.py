"""Every error as `application/problem+json` (RFC 9457)."""

import json
from collections.abc import Mapping
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.types import Scope

from api.http.bodies import JSON, MERGE_PATCH
from api.http.problem_kinds import PROBLEM_KINDS, ProblemKind, kind_of_status
from api.http.root_path import public_path
from api.http.route_suggestions import suggest_route
from models import DatabaseUnavailable, log_outage

MEDIA_TYPE = "application/problem+json"
OPEN_INFERENCE = "/v2"  # below it, errors have the form of the Open Inference Protocol

log = structlog.get_logger()


def problem(
    kind: ProblemKind, scope: Scope, detail: str, *, headers: Mapping[str, str] | None = None, **members: object
) -> Response:
    """The error's answer to the request of `scope`. Its `request_id` finds the error in the log."""
    if scope["path"] == OPEN_INFERENCE or scope["path"].startswith(f"{OPEN_INFERENCE}/"):
        body = json.dumps({"error": kind.detail or detail}, ensure_ascii=False).encode(errors="replace")
        return Response(body, kind.status, {**kind.headers, **(headers or {})}, media_type=JSON)
    content = {
        "type": public_path(kind.type),
        "title": kind.title,
        "status": kind.status,
        "detail": kind.detail or detail,
        "instance": quote(public_path(scope["path"]), errors="replace"),
        "code": kind.code,
        "request_id": scope["state"]["request_id"],
        **members,
    }
    # A detail may quote a lone surrogate, which UTF-8 cannot encode: it becomes a question mark.
    body = json.dumps(content, ensure_ascii=False, allow_nan=False).encode(errors="replace")
    return Response(body, kind.status, {**kind.headers, **(headers or {})}, media_type=MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Make `app` answer every known error with a problem. `RequestContext` answers unexpected ones."""
    for error in PROBLEM_KINDS:
        app.add_exception_handler(error, _answer_known)
    app.add_exception_handler(HTTPException, _answer_framework)


def _answer_known(request: Request, error: Exception) -> Response:
    kind = next(PROBLEM_KINDS[parent] for parent in type(error).__mro__ if parent in PROBLEM_KINDS)
    if isinstance(error, DatabaseUnavailable):
        log_outage(log, error)
    return problem(kind, request.scope, str(error), headers=kind.own_headers(error), **kind.members(error))


def _answer_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind, path, method = kind_of_status(error.status_code), public_path(request.scope["path"]), request.method
    match error.status_code:
        case 404:
            return problem(kind, request.scope, f"There is nothing at {path}. {_meant(request)}")
        case 405:
            allowed = ", ".join(_methods_at(request))
            detail = f"{path} has no {method}; it has {allowed}.{_with_method(request)}"
            patch = {"Accept-Patch": f"{MERGE_PATCH}, {JSON}"} if "PATCH" in allowed else {}
            return problem(kind, request.scope, detail, headers={"Allow": allowed, **patch})
        case _:
            return problem(kind, request.scope, str(error.detail), headers=error.headers)


def _meant(request: Request) -> str:
    """A sentence about the address that was probably meant."""
    method = request.method
    found = suggest_route(request.app, request.scope["path"], method)
    if found is None:
        return f"{public_path('/docs')} has all that there is."
    others = "" if method in found.methods or method == "HEAD" else f"{min(found.methods)} "
    return f"Did you mean {others}{public_path(found.path)}?"


def _with_method(request: Request) -> str:
    """A sentence about another address that has the method: /v1/jobs for /jobs, which is a page."""
    found = suggest_route(request.app, request.scope["path"], request.method)
    if found is None or request.method not in found.methods:
        return ""
    return f" Did you mean {request.method} {public_path(found.path)}?"


def _methods_at(request: Request) -> list[str]:
    """The methods of all routes with this path. The router itself names only those of the first one."""
    routes = iter_route_contexts(request.app.routes)
    path = request.scope["path"]
    methods = {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)
