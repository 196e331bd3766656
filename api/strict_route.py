"""Routes that ignore nothing: not a query parameter that they do not have, nor half of a body."""

import json
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, get_origin

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from api.costs import cost_of
from api.dependencies import admit
from api.errors import InvalidRequest, MalformedBody, UnsupportedMediaType
from api.schemas import Page
from api.validation import MOST_ERRORS, body_errors, header_errors, parameter_errors, unknown_name

EXACT = 2**53  # up to which a float has every integer

# Values in a body, of all kinds. The largest that makes sense has some hundreds; and each that is wrong is an error of
# its own, all of which pydantic makes at once, with everybody waiting.
MOST_VALUES = 4000

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """Reads the body as strict JSON, and turns what is wrong with a request into a list that a client can use."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _asynchronous(endpoint), **options)

    def get_route_handler(self) -> Handler:
        """FastAPI's own handler with the checks in front of it."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            turn = await admit(request, cost_of(self.operation_id, request.query_params, request.headers))
            try:
                return await self._answer(request, handler)
            finally:
                turn.give_back()

        return handle

    async def _answer(self, request: Request, handler: Handler) -> Response:
        if request.url.query:
            await run_in_threadpool(self._refuse_unknown_parameters, request)
        if self.body_field is not None:
            request = await self._read(request)
        try:
            return await handler(request)
        except RequestValidationError as error:
            raise await run_in_threadpool(self._explain, error) from error

    async def _read(self, request: Request) -> Request:
        """With its body, which is looked at in a thread: to refuse a large one takes a while. FastAPI looks at what was
        found right once more. Raises UnsupportedMediaType, MalformedBody and InvalidRequest."""
        content = await request.body()
        if not content:
            return _ParsedRequest(request, content, None)
        value = await run_in_threadpool(self._checked, request, content)
        return _ParsedRequest(request, content, value)

    def _checked(self, request: Request, content: bytes) -> object:
        assert self.body_field is not None
        value = _parse(request, content)
        _refuse_too_many(value)
        _, errors = self.body_field.validate(value, loc=("body",))
        if errors:
            raise self._explain(RequestValidationError(errors, body=value))
        return value

    def _refuse_unknown_parameters(self, request: Request) -> None:
        known = self._parameters()
        given = Counter(name for name, _ in request.query_params.multi_items())
        wrong = [name for name in given if name not in known or (given[name] > 1 and not _may_repeat(known[name]))]
        errors = []
        for name in wrong[:MOST_ERRORS]:  # an address has room for thousands, and each takes a while to explain
            if name in known:
                errors.append({"parameter": name, "detail": f"should be there once, not {given[name]} times"})
            else:
                errors.append({"parameter": name, "detail": unknown_name("this address", "parameter", name, known)})
        if errors:
            raise InvalidRequest(errors, len(wrong))

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


class OpenRoute(StrictRoute):
    """For what needs no key, and so may cost next to nothing."""

    def get_route_handler(self) -> Handler:
        """Without asking who it is; `api.pacing` bounds how often."""
        handler = APIRoute.get_route_handler(self)

        async def handle(request: Request) -> Response:
            return await self._answer(request, handler)

        return handle


def _asynchronous(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The same, in a thread as before. What an `async` one returns FastAPI checks where it is; of others, in one more
    thread, which they would wait for with a database connection, and with their turn to write, while all threads are
    taken by those who wait for these. A page is written there, too: it may be long.
    """
    if iscoroutinefunction(endpoint) or isasyncgenfunction(endpoint):
        return endpoint

    def answer(*arguments: Any, **named: Any) -> Any:
        result = endpoint(*arguments, **named)
        return Response(result.model_dump_json(), media_type="application/json") if isinstance(result, Page) else result

    @wraps(endpoint)
    async def in_a_thread(*arguments: Any, **named: Any) -> Any:
        return await run_in_threadpool(answer, *arguments, **named)

    return in_a_thread


def _may_repeat(annotation: object) -> bool:
    return get_origin(annotation) is list


class _ParsedRequest(Request):
    """A request whose body has been read and parsed already."""

    def __init__(self, request: Request, content: bytes, value: object) -> None:
        super().__init__(request.scope, request.receive)
        self._content = content
        self._value = value

    async def body(self) -> bytes:
        """The bytes, as they were sent."""
        return self._content

    async def json(self) -> object:
        """Their meaning."""
        return self._value


def _parse(request: Request, content: bytes) -> object:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType(f"Send application/json, not {media_type or 'a body without a Content-Type'}.")
    try:
        return json.loads(content.decode(), object_pairs_hook=_without_repetition, parse_float=_number)
    except UnicodeDecodeError as error:
        raise MalformedBody(f"Byte {error.start} is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise MalformedBody(f"{error.msg} in line {error.lineno}, column {error.colno}.") from error
    except RecursionError as error:
        raise MalformedBody("It is nested too deeply.") from error
    except ValueError as error:
        raise MalformedBody("A number in it has too many digits.") from error


def _refuse_too_many(value: object) -> None:
    """Raises InvalidRequest for more than MOST_VALUES, one within another counted, too."""
    left, unseen = MOST_VALUES, [value]
    while unseen:
        each = unseen.pop()
        inner = list(each.values()) if isinstance(each, dict) else each if isinstance(each, list) else ()
        left -= len(inner)
        if left < 0:
            raise InvalidRequest([{"pointer": "#", "detail": f"should have at most {MOST_VALUES} values in it"}], 1)
        unseen.extend(inner)


def _number(text: str) -> float:
    """`5.0` and `5e0` are the integer 5, in JSON Schema and in languages that know one kind of number."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < EXACT else value


def _without_repetition(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """JSON leaves it open which of two members with one name counts, so that neither does."""
    value = dict(pairs)
    if len(value) < len(pairs):
        name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise MalformedBody(f"An object in it has {name!r} twice.")
    return value
