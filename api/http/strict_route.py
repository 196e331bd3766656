"""Routes that ignore no input: unknown query parameters, unwanted bodies and unmet preconditions are errors."""

from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, Protocol, runtime_checkable

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from api.http.bodies import JSON, MERGE_PATCH, ParsedRequest, parse_body, require_no_body
from api.http.errors import InvalidRequest
from api.http.preconditions import IF_MATCH, check_preconditions
from api.http.query_parameters import check_query
from api.http.validation import body_errors, header_errors, parameter_errors

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@runtime_checkable
class SupportsToJson(Protocol):
    """An answer that may be long, and writes its own JSON in the route's thread."""

    def to_json(self) -> str:
        """The body as JSON."""


class StrictRoute(APIRoute):
    """A route that checks query, preconditions and body strictly, and explains each error to the client."""

    refuses_bodies = True  # on a route that takes no body: read it and refuse it
    checks_query = True

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _run_in_a_thread(endpoint), **options)

    def get_route_handler(self) -> Handler:
        """FastAPI's own handler with the checks in front of it."""
        return self._checking(super().get_route_handler())

    def _checking(self, handler: Handler) -> Handler:
        """`handler`, FastAPI's own, behind the checks."""
        knows_conditions = any(parameter.alias == IF_MATCH for parameter in get_flat_params(self.dependant))

        async def answer(request: Request) -> Response:
            if self.checks_query and request.url.query:
                await run_in_threadpool(check_query, request, self._parameters())
            if not knows_conditions:
                check_preconditions(request, None)
            if self.body_field is None:
                if self.refuses_bodies:
                    await require_no_body(request)
            else:
                request = await self._read(request)
            try:
                return await handler(request)
            except RequestValidationError as error:
                raise await run_in_threadpool(self._explain, error) from error

        return answer

    async def _read(self, request: Request) -> Request:
        """The request with its body parsed and validated. This runs in a thread: to explain a large wrong body takes a
        while. It costs a second validation, since FastAPI validates the parsed value again. Raises what
        `api.http.bodies.parse_body` raises, and InvalidRequest."""
        content = await request.body()
        value = await run_in_threadpool(self._checked, request, content) if content else None
        return ParsedRequest(request, content, value)

    def _checked(self, request: Request, content: bytes) -> object:
        assert self.body_field is not None
        value = parse_body(request, content, self._media_types())
        _, errors = self.body_field.validate(value, loc=("body",))
        if errors:
            raise self._explain(RequestValidationError(errors, body=value))
        return value

    def _media_types(self) -> Sequence[str]:
        """Accepted types of the body. The body of PATCH is a merge patch under either type."""
        return (JSON, MERGE_PATCH) if "PATCH" in (self.methods or ()) else (JSON,)

    def _parameters(self) -> dict[str, Any]:
        """The types of the query parameters, by name."""
        declared = {parameter.alias: parameter.field_info.annotation for parameter in self.dependant.query_params}
        for name, kind in list(declared.items()):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                del declared[name]
                declared |= {field: info.annotation for field, info in kind.model_fields.items()}
        return declared

    def _explain(self, error: RequestValidationError) -> InvalidRequest:
        errors = error.errors()
        explained = parameter_errors([item for item in errors if item["loc"][0] == "query"])
        explained += header_errors([item for item in errors if item["loc"][0] == "header"])
        if self.body_field is not None:
            body = self.body_field.field_info.annotation
            assert isinstance(body, type)
            assert issubclass(body, BaseModel)
            explained += body_errors(body, error.body, [item for item in errors if item["loc"][0] == "body"])
        return InvalidRequest(explained, len(errors))


class KeylessRoute(StrictRoute):
    """A route that needs no API key.

    Anybody may call it, so each call must cost next to nothing; `api.http.throttling` bounds how often. It does not
    read a body: to wait for one that nobody wants would hold the connection for as long as the client likes.
    """

    refuses_bodies = False


def _run_in_a_thread(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """A plain endpoint as an asynchronous one, which runs it in a thread and writes a long answer there, too.

    This prevents a deadlock. FastAPI runs a plain endpoint in a thread, and then validates its answer in a second one.
    While the request waits for the second thread, it holds a database connection; if requests that wait for a
    connection occupy all threads, none of them continues. FastAPI validates the answer of an asynchronous endpoint in
    the event loop, which needs no second thread.
    """
    if iscoroutinefunction(endpoint) or isasyncgenfunction(endpoint):
        return endpoint

    def answer(*arguments: Any, **named: Any) -> Any:
        result = endpoint(*arguments, **named)
        return Response(result.to_json(), media_type=JSON) if isinstance(result, SupportsToJson) else result

    @wraps(endpoint)
    async def in_a_thread(*arguments: Any, **named: Any) -> Any:
        return await run_in_threadpool(answer, *arguments, **named)

    return in_a_thread
