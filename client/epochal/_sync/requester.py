# Made of epochal/_async/requester.py by client/unasync.py: change that one.
"""Sends requests to one service: adds the API key, repeats where that is safe, and raises errors as exceptions."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar, overload

import httpx2

from epochal._http import (
    Backoff,
    Options,
    address_of,
    auth_of,
    connection_error,
    is_good,
    json_of,
    may_have_acted,
    may_repeat,
    proxy_error,
    refusal,
    transport_settings,
)
from epochal._sync import waiting
from epochal.decoding import decode
from epochal.errors import APIStatusError, EpochalError, LocalError, NotFoundError, UnexpectedAnswerError
from epochal.version import user_agent

T = TypeVar("T")

# Methods that may arrive twice, and have the effect of once.
REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


class Bound:
    """A record whose methods ask the service that it came from."""

    _requester: Requester  # no field of the record: it is set where the service answers

    def bind(self, requester: Requester) -> None:
        """Ask this service."""
        object.__setattr__(self, "_requester", requester)


class Requester:
    """The requests of a client. Every method raises EpochalError."""

    def __init__(
        self,
        base_url: str | None,
        api_key: str | None,
        options: Options,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        address = address_of(base_url)
        auth = auth_of(api_key, address)
        address = address.copy_with(username=None, password=None)  # what is shown or logged has no password
        self.base_url = str(address).rstrip("/")
        self.options = options
        # The answers that came, where somebody asks for them as they are.
        self.seen: list[httpx2.Response] | None = None
        self._prefix = address.path.rstrip("/")
        settings = transport_settings(address, auth, user_agent())
        try:
            self._http = httpx2.Client(**settings, transport=transport)
        except (httpx2.InvalidURL, ValueError):
            raise proxy_error() from None

    def with_options(self, options: Options) -> Requester:
        """One that has the same connections, and other options."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, options=options)
        return other

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @overload
    def request(self, method: str, path: str, *, cast: type[T], **how: Any) -> T: ...

    @overload
    def request(self, method: str, path: str, **how: Any) -> httpx2.Response: ...

    def request(self, method: str, path: str, *, cast: Any = None, **how: Any) -> Any:
        """The answer to a request: decoded as `cast`, or as it came. It has a 2xx status, or 304; all others are raised
        as APIStatusError. `how` is as for `open`."""
        with self.open(method, path, is_read=True, **how) as response:
            return response if cast is None else self.decoded(cast, response)

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
        files: Any = None,
        headers: Mapping[str, str] | None = None,
        makes_once: bool = False,
        repeatable: bool | None = None,
        wait: float = 0.0,
        is_read: bool = False,
    ) -> Iterator[httpx2.Response]:
        """The answer to a request, whose body is still to be read unless `is_read`.

        It is sent again, at most `max_retries` times, after an error that may pass, where it is `repeatable`: by its
        method, or as told, or as it has an idempotency key of its own, with `makes_once`. One that is not is sent again
        only where it certainly did nothing. `wait` is how many seconds the service may take longer than the timeout.
        """
        keyed = {"Idempotency-Key": str(uuid.uuid4())} if makes_once else {}
        seconds = self.options.timeout
        try:
            request = self._http.build_request(
                method,
                path,
                params={name: value for name, value in (query or {}).items() if value != []} or None,
                json=json,
                content=content,
                files=files,
                headers={**keyed, **(headers or {})},
                timeout=httpx2.Timeout(seconds, read=seconds + wait),
            )
        except httpx2.InvalidURL:
            raise UnexpectedAnswerError("it names an address that is none") from None
        except (TypeError, ValueError) as error:
            raise LocalError(f"This cannot be sent as JSON: {error}.", code="invalid_request") from error
        may = (makes_once or method in REPEATABLE) if repeatable is None else repeatable
        response = self._sent(request, repeatable=may, is_read=is_read)
        try:
            yield response
        finally:
            response.close()

    def decoded(self, kind: type[T], response: httpx2.Response) -> T:
        """The content of an answer that has been read."""
        return self.decoded_part(kind, json_of(response))

    def decoded_part(self, kind: type[T], value: object) -> T:
        """A part of the content of an answer."""
        try:
            decoded = decode(kind, value)
        except ValueError as error:
            raise UnexpectedAnswerError(str(error)) from error
        if isinstance(decoded, Bound):
            decoded.bind(self)
        return decoded

    def api_path(self, address: str) -> str:
        """The path in an `address` of an answer, as `request` takes it. Behind a proxy, the service may put the path at
        which the proxy serves it in front. The base URL contains that path already, so that it is removed here."""
        rest = address.removeprefix(self._prefix)
        return rest if rest.startswith("/") else address

    def sleep(self, seconds: float) -> None:
        """Wait."""
        waiting.sleep(seconds)

    def in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        """The result of work that takes long: of a processor, or of a disk."""
        return waiting.in_thread(function, *arguments)

    def _sent(self, request: httpx2.Request, *, repeatable: bool, is_read: bool) -> httpx2.Response:
        backoff, was_lost = Backoff(self.options.max_retries), False
        while True:
            try:
                return self._good(request, is_read=is_read)
            except EpochalError as error:
                if isinstance(error, APIStatusError):
                    error.after_loss = was_lost
                if was_lost and request.method == "DELETE" and isinstance(error, NotFoundError):
                    return httpx2.Response(204, request=request)  # an earlier try has deleted it
                if not may_repeat(error, repeatable=repeatable):
                    raise
                was_lost = was_lost or may_have_acted(error)
                self.sleep(backoff.wait(error))

    def _good(self, request: httpx2.Request, *, is_read: bool) -> httpx2.Response:
        try:
            response = self._http.send(request, stream=True)
            try:
                if is_read or not is_good(response):
                    response.read()
            except BaseException:
                response.close()
                raise
        except httpx2.RequestError as error:
            raise connection_error(self.base_url, error) from error
        if self.seen is not None:
            self.seen.append(response)
        if is_good(response):
            return response
        response.close()
        raise refusal(response)
