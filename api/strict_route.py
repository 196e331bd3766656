"""Routes that ignore nothing: not a query parameter that they do not have, nor a body, nor half of one."""

from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from api.bodies import JSON, MERGE_PATCH, ParsedRequest, refuse_body
from api.errors import InvalidRequest
from api.parameters import require_clear
from api.preconditions import IF_MATCH, require
from api.validation import body_errors, header_errors, parameter_errors

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """Reads the body as strict JSON, and turns what is wrong with a request into a list that a client can use."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _asynchronous(endpoint), **options)

    def get_route_handler(self) -> Handler:
        """FastAPI's own handler with the checks in front of it."""
        handler = super().get_route_handler()
        self._knows_conditions = any(parameter.alias == IF_MATCH for parameter in get_flat_params(self.dependant))

        async def handle(request: Request) -> Response:
            require_clear(request, self._parameters())
            if not self._knows_conditions:
                require(request, None)
            if self.body_field is None:
                await refuse_body(request)
            else:
                request = await ParsedRequest.read(request, self._media_types())
            try:
                return await handler(request)
            except RequestValidationError as error:
                raise self._explain(error) from error

        return handle

    def _media_types(self) -> Sequence[str]:
        """Of its body: a PATCH is a merge patch, whichever of the two it is called."""
        return (JSON, MERGE_PATCH) if "PATCH" in (self.methods or ()) else (JSON,)

    def _parameters(self) -> dict[str, Any]:
        """The query's parameters and their types."""
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


def _asynchronous(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The same, in a thread as before. What an `async` one returns FastAPI checks where it is; of others, in one more
    thread, which they would wait for with a database connection, and with their turn to write, while all threads are
    taken by those who wait for these.
    """
    if iscoroutinefunction(endpoint) or isasyncgenfunction(endpoint):
        return endpoint

    @wraps(endpoint)
    async def in_a_thread(*arguments: Any, **named: Any) -> Any:
        return await run_in_threadpool(endpoint, *arguments, **named)

    return in_a_thread
